"""Byte ranges of objects, as asked for by Range, by part number and by copies."""

import re

from outcrop.services.s3.errors import InvalidArgument, InvalidRange

_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z", re.ASCII)
_COPY_RANGE = re.compile(r"bytes=(\d+)-(\d+)\Z", re.ASCII)


def requested_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """Return (offset, length) in bytes, or None where S3 answers with the whole object.

    That is the case for several ranges at once and for what is no range of bytes.

    Raises:
        InvalidRange: it lies outside the object.
    """
    match = _RANGE.match(header.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        length = min(int(last), size_bytes)
        start, end = size_bytes - length, size_bytes
    else:
        start = int(first)
        end = min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= end:
        raise InvalidRange(RangeRequested=header, ActualObjectSize=size_bytes)
    return start, end - start


def copied_range(header: str, size_bytes: int) -> tuple[int, int]:
    """Return (offset, length) in bytes of a part to copy; unlike in reads nothing is forgiven.

    Raises:
        InvalidArgument: it is no range of bytes.
        InvalidRange: it lies outside the object.
    """
    match = _COPY_RANGE.match(header)
    if match is None:
        raise InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    first, last = map(int, match.groups())
    if last < first or last >= size_bytes:
        raise InvalidRange(RangeRequested=header, ActualObjectSize=size_bytes)
    return first, last - first + 1


def content_range(offset_bytes: int, length_bytes: int, size_bytes: int) -> str:
    """Return the Content-Range of a part of an object."""
    return f"bytes {offset_bytes}-{offset_bytes + length_bytes - 1}/{size_bytes}"
