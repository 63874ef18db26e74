"""What can go wrong in the object store.

ObjectStoreError
├── BucketMissing
├── BucketExists
├── BucketNotEmpty
├── ObjectMissing
│   └── ObjectHidden           by a delete marker
├── VersionMissing
├── VersionIsMarker        a delete marker, which has no content
├── ConditionFailed        the object is not in the state that the caller required
├── UploadMissing
└── PartsRejected          a multipart upload cannot be completed with these parts
    ├── PartMissing            no such part, or with another entity tag or checksum
    ├── PartsOutOfOrder
    └── PartTooSmall           a part before the last has less than the minimum

A full disk is core's StorageFull.
"""

from outcrop.core.errors import OutcropError


class ObjectStoreError(OutcropError):
    """A request to the object store that cannot be met."""


class BucketMissing(ObjectStoreError):
    """There is no bucket of this name."""


class BucketExists(ObjectStoreError):
    """A bucket of this name exists."""


class BucketNotEmpty(ObjectStoreError):
    """The bucket still holds objects."""


class ObjectMissing(ObjectStoreError):
    """The bucket exists and has no object under this key."""


class ObjectHidden(ObjectMissing):
    """The newest version of the key is a delete marker.

    Args:
        version_id: the marker's.
    """

    def __init__(self, message: str, version_id: str) -> None:
        super().__init__(message)
        self.version_id = version_id


class VersionMissing(ObjectStoreError):
    """The key has no version of this id."""


class VersionIsMarker(ObjectStoreError):
    """The version named is a delete marker.

    Args:
        last_modified_us: when it was made.
    """

    def __init__(self, message: str, last_modified_us: int) -> None:
        super().__init__(message)
        self.last_modified_us = last_modified_us


class ConditionFailed(ObjectStoreError):
    """The object is not in the state that the caller required."""


class UploadMissing(ObjectStoreError):
    """There is no multipart upload with this id for this bucket and key."""


class PartsRejected(ObjectStoreError):
    """A multipart upload cannot be completed with the parts named."""


class PartMissing(PartsRejected):
    """A part named was never uploaded, or with another entity tag or checksum."""


class PartsOutOfOrder(PartsRejected):
    """The parts are not named in ascending order."""


class PartTooSmall(PartsRejected):
    """A part before the last is smaller than the minimum.

    Args:
        number: the part's number.
        size_bytes: its size.
        minimum_bytes: what it should have had.
    """

    def __init__(self, number: int, size_bytes: int, minimum_bytes: int) -> None:
        super().__init__(f"part {number} has {size_bytes} bytes, fewer than {minimum_bytes}")
        self.number = number
        self.size_bytes = size_bytes
        self.minimum_bytes = minimum_bytes
