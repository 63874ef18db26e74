"""From bytes on a socket to one function call and back: the only way into an operation.

`chain.py` lists the steps in order; `steps/` holds one file for each; `asgi.py` and `server.py` connect them to
the network, `invoke.py` to callers in this process.
"""
