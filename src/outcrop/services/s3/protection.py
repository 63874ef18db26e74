"""What a request gives the object that it makes besides content and attributes: a lock and an access control list.

Both are worked out, and refused where need be, before the content is read; they are written in the transaction that
makes the object, so that it never shows without them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from outcrop.services.platform import Context
from outcrop.services.s3.acl import grants_of_upload
from outcrop.services.s3.object_lock import lock_of_upload
from outcrop.storage import object_acls, object_locks
from outcrop.storage.object_locks import Lock
from outcrop.storage.objects.records import StoredObject, Upload


@dataclass(frozen=True, slots=True)
class Protection:
    """What is to be kept beside an object's row.

    Attributes:
        grants: as object_acls keeps them; None for the owner's alone.
    """

    lock: Lock | None = None
    grants: list[list[str]] | None = None

    def keep(self, connection: Connection, made: StoredObject | Upload) -> None:
        """Write it, under the id of the object's content or, until that is complete, of the upload."""
        content_id = made.upload_id if isinstance(made, Upload) else made.content_id
        if self.lock is not None:
            object_locks.put(connection, content_id, self.lock)
        if self.grants is not None:
            object_acls.put(connection, content_id, self.grants)


def protection_of(request: Mapping[str, Any], context: Context) -> Protection:
    """Return what a PutObject, CopyObject or CreateMultipartUpload asks for, and what its bucket adds.

    Raises:
        NoSuchBucket: no such bucket.
        AccessDenied: a list gives the public something, and that is blocked; or the bucket is another's.
        AccessControlListNotSupported: lists are off.
        InvalidRequest, InvalidArgument: lock or list are malformed, or the bucket's objects cannot be locked.
    """
    return Protection(lock_of_upload(request, context), grants_of_upload(request, context))
