"""What the object store holds, as values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar, cast

EntryT = TypeVar("EntryT")
ChecksumType = Literal["COMPOSITE", "FULL_OBJECT"]
Versioning = Literal["", "Enabled", "Suspended"]
NULL_VERSION = (
    "null"  # id of the one version of a key that was put while versioning was not enabled
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A named collection of objects.

    Attributes:
        versioning: "" when it was never enabled, else Enabled or Suspended.
        encryption_json: the default encryption that was configured, as S3 spells it; "" for SSE-S3.
    """

    name: str
    region: str
    created: datetime
    versioning: Versioning = ""
    encryption_json: str = ""


@dataclass(frozen=True, slots=True)
class StoredChecksum:
    """A checksum kept with an object.

    Attributes:
        algorithm: a name of checksums.ALGORITHMS.
        value: base64 of the digest; of a composite one the digest of the parts' digests, with "-" and
            the number of parts.
    """

    algorithm: str
    value: str
    type: ChecksumType


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a client says about an object besides its content.

    Attributes:
        headers: HTTP headers to be given back, lower-case ("content-type", "cache-control", …).
        metadata: the client's own names and values.
        tags: by key.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    storage_class: str = "STANDARD"
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A version of an object, or a delete marker, as its row says; attributes in the order of rows.columns_of.

    Attributes:
        content_id: names the content; the content of no other version, past or present, has it.
        etag: entity tag without quotes.
        parts_count: 0 when put whole, else the number of parts it was uploaded in.
        recency: lower than that of any older version of the key.
        upload_id: the multipart upload that it was made by, or "".
        sealing: "" in clear, else AES256, aws:kms or SSE-C.
        sealed_key: the data key of its content, wrapped as `sealing` says.
        is_marker: 1 for a delete marker, else 0.
        versioning: of the bucket.
    """

    bucket: str
    key: str
    content_id: str
    size_bytes: int
    etag: str
    last_modified_us: int
    storage_class: str
    parts_count: int
    headers_json: str
    metadata_json: str
    checksum_algorithm: str | None
    checksum_value: str | None
    checksum_type: str | None
    version_id: str
    upload_id: str
    tags_json: str
    sealing: str
    sealed_key: bytes | None = field(repr=False)
    sealing_json: str
    recency: int
    is_marker: int = 0
    versioning: str = ""

    @property
    def shown_version_id(self) -> str | None:
        """The version's id, or None where the bucket never had versions."""
        return self.version_id if self.versioning else None

    @property
    def last_modified_second(self) -> datetime:
        """When the content was put, to the second: HTTP can say no more."""
        return datetime.fromtimestamp(self.last_modified_us // 1_000_000, UTC)

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers to be given back, lower-case."""
        return cast("dict[str, str]", json.loads(self.headers_json))

    @property
    def metadata(self) -> dict[str, str]:
        """The client's own names and values."""
        if self.metadata_json == "{}":
            return {}
        return cast("dict[str, str]", json.loads(self.metadata_json))

    @property
    def attributes(self) -> Attributes:
        """What the client said about it."""
        return Attributes(self.headers, self.metadata, self.storage_class, self.tags)

    @property
    def tags(self) -> dict[str, str]:
        """Its tags, by key in order."""
        return cast("dict[str, str]", json.loads(self.tags_json)) if self.tags_json else {}

    @property
    def checksum(self) -> StoredChecksum | None:
        """The checksum kept with it; None for objects of the first schema."""
        if self.checksum_algorithm is None or self.checksum_value is None:
            return None
        kind = cast("ChecksumType", self.checksum_type)
        return StoredChecksum(self.checksum_algorithm, self.checksum_value, kind)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of an object's content: one file.

    Attributes:
        offset_bytes: where in the object it begins.
        checksum_value: base64, by the object's algorithm; None for objects of the first schema.
    """

    content_id: str
    offset_bytes: int
    size_bytes: int
    checksum_value: str | None


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload under way.

    Attributes:
        checksum_algorithm: by which every part is summed.
        sealing: as of the object that it will be.
    """

    upload_id: str
    bucket: str
    key: str
    initiated_us: int
    storage_class: str
    headers_json: str
    metadata_json: str
    checksum_algorithm: str | None
    checksum_type: str | None
    tags_json: str
    sealing: str
    sealed_key: bytes | None = field(repr=False)
    sealing_json: str

    @property
    def initiated(self) -> datetime:
        """When it began."""
        return from_microseconds(self.initiated_us)


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """One part of an upload under way."""

    number: int
    content_id: str
    size_bytes: int
    etag: str
    last_modified_us: int
    checksum_value: str | None

    @property
    def last_modified_second(self) -> datetime:
        """When it was put, to the second."""
        return datetime.fromtimestamp(self.last_modified_us // 1_000_000, UTC)


@dataclass(frozen=True, slots=True)
class ListedObject:
    """What a listing says of an object."""

    key: str
    last_modified_us: int
    etag: str
    size_bytes: int
    storage_class: str
    checksum_algorithm: str | None
    checksum_type: str | None

    @property
    def last_modified_second(self) -> datetime:
        """When the content was put, to the second."""
        return datetime.fromtimestamp(self.last_modified_us // 1_000_000, UTC)


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """What a listing of versions says of one.

    Attributes:
        is_latest: whether it is what the key shows, or the delete marker that hides the key.
    """

    key: str
    recency: int
    version_id: str
    is_marker: int
    last_modified_us: int
    etag: str
    size_bytes: int
    storage_class: str
    checksum_algorithm: str | None
    checksum_type: str | None
    is_latest: bool = False

    @property
    def last_modified_second(self) -> datetime:
        """When it was put, to the second."""
        return datetime.fromtimestamp(self.last_modified_us // 1_000_000, UTC)


@dataclass(frozen=True, slots=True)
class Listing(Generic[EntryT]):
    """One page of a listing.

    Attributes:
        entries: in the order of their keys' UTF-8 bytes.
        common_prefixes: what the keys beyond the delimiter were rolled up into, in the same order.
        next_marker: the last entry or prefix of the page when there is more, else None.
    """

    entries: list[EntryT]
    common_prefixes: list[str]
    next_marker: str | None


@dataclass(frozen=True, slots=True)
class Condition:
    """What the object at a key must be like for a write to take place.

    Attributes:
        must_be_absent: no object may be there.
        etag: there must be one with this entity tag; "*" for any.
        not_etag: there must be none with this entity tag.
        modified: when it must have been put, to the second.
        size_bytes: how large it must be.
    """

    must_be_absent: bool = False
    etag: str | None = None
    not_etag: str | None = None
    modified: datetime | None = None
    size_bytes: int | None = None


UNCONDITIONAL = Condition()


@dataclass(frozen=True, slots=True)
class Doomed:
    """What is to be deleted.

    Attributes:
        version_id: None for what the key shows, which versioning may only hide.
        bypasses_governance: whether a retention in GOVERNANCE mode is passed over.
    """

    key: str
    version_id: str | None = None
    condition: Condition = UNCONDITIONAL
    bypasses_governance: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a deletion did.

    Attributes:
        version_id: of the version deleted or the marker made; None where the bucket never had versions.
        is_marker: whether that is a delete marker.
    """

    key: str
    version_id: str | None = None
    is_marker: bool = False


def to_microseconds(moment: datetime) -> int:
    """Return a moment as microseconds since 1970 UTC."""
    whole_seconds = int(moment.replace(microsecond=0).timestamp())
    return whole_seconds * 1_000_000 + moment.microsecond


def from_microseconds(microseconds: int) -> datetime:
    """Return the moment of that many microseconds since 1970 UTC."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
