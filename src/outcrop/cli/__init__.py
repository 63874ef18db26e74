"""The `outcrop` command: one file per command, and what they share.

The commands are clients like any other: they call the server through boto3 and hold no logic of their own.
"""
