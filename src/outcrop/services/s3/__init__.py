"""Amazon S3 over the object store: one file per resource.

What clients read of a bucket that was never configured (versioning, policy, …) is in configuration.py.
"""
