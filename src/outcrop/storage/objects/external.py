"""Content in a bucket of another S3 endpoint, in place of the home's own folder.

Rows, and with them identity, policies, versions and listings, stay in the database; only sealed bytes leave, so whoever
runs the endpoint can neither read nor change them unseen. Contents keep their names: PREFIX/data/<2 hex>/<id>. What was
put before the setting was made stays in the home's folder, and is read from there.

Content is written to the home's `incoming` folder first and uploaded before its row is committed. The names in that
folder say, as they do for files, what is in doubt at any moment: the next start settles them.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import structlog

from outcrop.config import Settings
from outcrop.core.errors import ConfigurationError, ObjectStoreUnavailable
from outcrop.crypto.sealed import CHUNK_BYTES, HEADER_BYTES, TAG_BYTES, SealedContent, sealed_size
from outcrop.storage.objects.content import BLOCK_BYTES, ContentFiles, OpenContent
from outcrop.storage.objects.seals import file_context

log = structlog.get_logger("outcrop.storage.objects")

# They wait for the network rather than for a disk.
_THREADS = 32
_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_ATTEMPTS = 4
_ONE_REQUEST_BYTES = 256 << 20
_PART_BYTES = 128 << 20
_REMEMBERED_REMOVALS = 4096


@dataclass(frozen=True, slots=True)
class ExternalBucket:
    """Where contents go.

    Attributes:
        client: boto3's for S3.
        prefix: what names begin with; "" or ending in a slash.
    """

    client: Any = field(repr=False)
    bucket: str = ""
    prefix: str = ""

    def check(self) -> None:
        """Make sure that the bucket can be used.

        Raises:
            ConfigurationError: it cannot; says why.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.head_bucket(Bucket=self.bucket)
        except (BotoCoreError, ClientError) as error:
            raise ConfigurationError(
                f"the bucket {self.bucket} of OUTCROP_OBJECT_STORE cannot be used: {error}"
            ) from error

    def put(self, content_id: str, path: Path) -> None:
        """Upload a file, durably when this returns.

        Raises:
            ObjectStoreUnavailable: the endpoint cannot be reached, or refuses.
        """
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import TransferConfig
        from botocore.exceptions import BotoCoreError, ClientError

        in_parts = TransferConfig(
            multipart_threshold=_ONE_REQUEST_BYTES,
            multipart_chunksize=_PART_BYTES,
            use_threads=False,
        )
        try:
            self.client.upload_file(str(path), self.bucket, self._name(content_id), Config=in_parts)
        except (BotoCoreError, ClientError, S3UploadFailedError) as error:
            raise _unavailable(error) from error

    def read(self, content_id: str, start: int, end: int) -> IO[bytes]:
        """Begin to read a range; what has begun can be read to its end even if the content is deleted.

        Raises:
            FileNotFoundError: it has been deleted.
            ObjectStoreUnavailable: the endpoint cannot be reached, or refuses.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self.client.get_object(
                Bucket=self.bucket,
                Key=self._name(content_id),
                Range=f"bytes={start}-{end - 1}",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                raise FileNotFoundError(content_id) from error
            raise _unavailable(error) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error
        body: IO[bytes] = answer["Body"]
        return body

    def delete(self, content_id: str) -> None:
        """Delete a content; one that is not there is passed over.

        Raises:
            ObjectStoreUnavailable: the endpoint cannot be reached, or refuses.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.delete_object(Bucket=self.bucket, Key=self._name(content_id))
        except (BotoCoreError, ClientError) as error:
            raise _unavailable(error) from error

    def _name(self, content_id: str) -> str:
        return f"{self.prefix}data/{content_id[:2]}/{content_id}"


def external_bucket(settings: Settings) -> ExternalBucket | None:
    """Return the bucket that the settings name; None where contents stay in the home.

    Raises:
        ConfigurationError: it is not of the form s3://BUCKET/PREFIX, or its keys are missing.
    """
    if not settings.object_store:
        return None
    place = urlsplit(settings.object_store)
    if place.scheme != "s3" or not place.netloc or place.query or place.fragment:
        raise ConfigurationError(
            f"OUTCROP_OBJECT_STORE cannot be {settings.object_store!r}: "
            "write s3://BUCKET or s3://BUCKET/PREFIX"
        )
    key_id, secret = (
        settings.object_store_access_key_id,
        settings.object_store_secret_access_key,
    )
    if not key_id or not secret:
        raise ConfigurationError(
            "OUTCROP_OBJECT_STORE needs OUTCROP_OBJECT_STORE_ACCESS_KEY_ID and "
            "OUTCROP_OBJECT_STORE_SECRET_ACCESS_KEY: the keys of the environment may be this server's own"
        )
    import boto3
    from botocore.config import Config

    endpoint = settings.object_store_endpoint
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=settings.object_store_region,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(
            signature_version="s3v4",
            # Not every store serves names before its host, or checksums in trailers.
            s3={"addressing_style": "path" if endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=_THREADS,
        ),
    )
    prefix = place.path.strip("/")
    return ExternalBucket(client, place.netloc, f"{prefix}/" if prefix else "")


class ExternalContent(ContentFiles):
    """Contents in an external bucket; the folder holds those in doubt, and older ones.

    Args:
        folder: as of ContentFiles.
        reserved_bytes: as of ContentFiles.
        bucket: where new contents go.
    """

    is_near = False

    def __init__(self, folder: Path, reserved_bytes: int, bucket: ExternalBucket) -> None:
        super().__init__(folder, reserved_bytes, threads=_THREADS)
        self._bucket = bucket
        self._removed: OrderedDict[str, None] = OrderedDict()

    def sweep(self, is_named: Callable[[str], bool]) -> int:
        """Settle what an earlier process left in doubt; return how many contents are removed.

        Raises:
            ConfigurationError: the bucket cannot be used.
        """
        self._bucket.check()
        return super().sweep(is_named)

    def open(self, content_id: str, size_bytes: int, data_key: bytes) -> OpenContent:
        """Open a content for reading; nothing is asked of the endpoint before the first piece.

        Raises:
            SealBroken, OSError: as of ContentFiles, for contents of the home's own.
        """
        if self.path(content_id).exists():
            return super().open(content_id, size_bytes, data_key)
        if not data_key:
            return _ClearContent(_Range(self._bucket, content_id), size_bytes)
        return _SealedContent(_Range(self._bucket, content_id), size_bytes, data_key)

    def place(self, content_id: str) -> None:
        """Upload a written content from `incoming`, leaving it in doubt.

        Raises:
            ObjectStoreUnavailable: the endpoint cannot be reached, or refuses.
        """
        path = self._incoming / content_id
        self._bucket.put(content_id, path)
        # From here on only its name is needed.
        with path.open("wb"):
            pass

    def doubt(self, content_ids: Iterable[str]) -> None:
        """Mark contents that the coming commit makes superfluous."""
        for content_id in content_ids:
            if self.path(content_id).exists():
                super().doubt([content_id])
            else:
                (self._incoming / content_id).touch()

    def hold(self, content_ids: Sequence[str]) -> bool:
        """Keep contents in place while they are read; False (and nothing held) when one is gone."""
        with self._lock:
            if any(content_id in self._removed for content_id in content_ids):
                return False
            self._held.update(content_ids)
            return True

    def _remove(self, content_id: str) -> None:
        if self.path(content_id).exists():
            super()._remove(content_id)
            return
        self._removed[content_id] = None
        if len(self._removed) > _REMEMBERED_REMOVALS:
            self._removed.popitem(last=False)
        try:
            # Nobody waits for it: the name in `incoming` stays until it is done.
            self.threads.submit(self._delete, content_id)
        except RuntimeError:
            log.debug("content_left_to_the_next_start", content_id=content_id)

    def _delete(self, content_id: str) -> None:
        try:
            self._bucket.delete(content_id)
        except ObjectStoreUnavailable as error:
            (self._incoming / content_id).touch()
            log.warning("external_content_not_deleted", content_id=content_id, reason=str(error))
            return
        (self._incoming / content_id).unlink(missing_ok=True)


class _Range:
    """Reads an external content, mostly onwards: a request for each jump.

    Attributes:
        content_id: its name.
        end: how far reading will go at most.
    """

    def __init__(self, bucket: ExternalBucket, content_id: str) -> None:
        self._bucket = bucket
        self.content_id = content_id
        self._body: IO[bytes] | None = None
        self._position = 0
        self.end = 0

    def read_at(self, offset_bytes: int, length_bytes: int) -> bytes:
        """Return bytes; fewer than asked for where the content ends."""
        if self._body is None or self._position != offset_bytes:
            self.close()
            end = max(self.end, offset_bytes + length_bytes)
            self._body = self._bucket.read(self.content_id, offset_bytes, end)
            self._position = offset_bytes
        parts: list[bytes] = []
        left = length_bytes
        while left and (part := self._read(left)):
            parts.append(part)
            left -= len(part)
        self._position += length_bytes - left
        return b"".join(parts)

    def _read(self, most_bytes: int) -> bytes:
        from botocore.exceptions import BotoCoreError

        assert self._body is not None
        try:
            return self._body.read(most_bytes)
        except BotoCoreError as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        """Stop reading."""
        if self._body is not None:
            self._body.close()
            self._body = None


class _SealedContent(SealedContent):
    """A sealed external content, opened for reading."""

    def __init__(self, source: _Range, size_bytes: int, data_key: bytes) -> None:
        self._source = source
        self._sealed_bytes = sealed_size(size_bytes)
        super().__init__(self._sealed_bytes, data_key, file_context(source.content_id))

    def pieces(self, offset_bytes: int = 0, length_bytes: int | None = None) -> Iterator[bytes]:
        """Yield a range of the content in pieces of at most 1 MiB.

        Raises:
            SealBroken: wrong key, or the content was changed.
            FileNotFoundError: it has been deleted.
            ObjectStoreUnavailable: the endpoint cannot be reached.
        """
        end = self.size_bytes if length_bytes is None else offset_bytes + length_bytes
        last_chunk = max(0, min(end, self.size_bytes) - 1) // CHUNK_BYTES
        needed = HEADER_BYTES + (last_chunk + 1) * (CHUNK_BYTES + TAG_BYTES)
        begins_at_start = offset_bytes < CHUNK_BYTES
        # One request brings header and chunks where they follow each other.
        self._source.end = min(needed, self._sealed_bytes) if begins_at_start else 0
        if self._cipher is None:
            self.read_header()
        self._source.end = min(needed, self._sealed_bytes)
        yield from super().pieces(offset_bytes, length_bytes)

    def _read_at(self, offset_bytes: int, length_bytes: int) -> bytes:
        length_bytes = min(length_bytes, self._sealed_bytes - offset_bytes)
        return self._source.read_at(offset_bytes, length_bytes)

    def close(self) -> None:
        """Stop reading."""
        self._source.close()


class _ClearContent:
    """An external content that is not sealed; nothing puts one any more.

    Attributes:
        size_bytes: its size.
    """

    def __init__(self, source: _Range, size_bytes: int) -> None:
        self._source = source
        self.size_bytes = size_bytes

    def close(self) -> None:
        """Stop reading."""
        self._source.close()

    def pieces(self, offset_bytes: int, length_bytes: int) -> Iterator[bytes]:
        """Yield a range of the content in pieces of at most 1 MiB."""
        end = self._source.end = min(self.size_bytes, offset_bytes + length_bytes)
        while offset_bytes < end:
            piece = self._source.read_at(offset_bytes, min(BLOCK_BYTES, end - offset_bytes))
            if not piece:
                return
            yield piece
            offset_bytes += len(piece)


def _unavailable(error: Exception) -> ObjectStoreUnavailable:
    return ObjectStoreUnavailable(
        f"the external object store does not answer as it should: {error}"
    )
