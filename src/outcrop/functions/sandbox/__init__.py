"""What runs in the launcher's process and in a function's before its handler: standard library only, no threads.

These modules know nothing of the server. They speak to it through the sockets that they are started with.
"""
