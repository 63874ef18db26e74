"""Amazon CloudWatch Logs: groups, streams, events, and the pattern language to search them.

groups.py, streams.py, events.py and searching.py hold the operations that most callers use; patterns/ is the language
of filters; encryption.py asks KMS where a group names a key.
"""
