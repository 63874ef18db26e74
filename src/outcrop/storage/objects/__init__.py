"""The file-backed object store: buckets, objects, multipart uploads.

store.py is its face; content.py holds what makes it survive a crash at any moment.
"""

from outcrop.storage.objects.store import ObjectStore

__all__ = ["ObjectStore"]
