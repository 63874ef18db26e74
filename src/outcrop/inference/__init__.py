"""Text generation behind one interface: engines, the processes they run in, and vendors' request bodies."""
