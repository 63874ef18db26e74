"""The canonical forms that SigV4 hashes: path, query and headers.

The server rebuilds them from what arrived, so a path or query that a proxy re-encoded still verifies.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_to_bytes

from outcrop.aws.signatures.refusals import Reason, SignatureRefused

_PLAIN_PATH = re.compile(r"[A-Za-z0-9\-._~/]*\Z")
_CANONICAL_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~=&]|%[0-9A-F]{2})*\Z")
_NEEDS_TRIMMING = re.compile(r"^\s|\s$|\s\s|[\t\r\n]")


def canonical_path(raw_path: str, *, is_s3: bool) -> str:
    """Return the path as signed: S3 encodes it once and as it is, all others normalise and encode it twice.

    Args:
        raw_path: percent-encoded path as received.
        is_s3: whether S3 is called.
    """
    if not raw_path:
        return "/"
    if is_s3:
        if _PLAIN_PATH.match(raw_path):
            return raw_path
        # Segment by segment: a slash that came encoded is signed encoded.
        return "/".join([quote(unquote_to_bytes(part), safe="~") for part in raw_path.split("/")])
    if "//" in raw_path or "/." in raw_path:
        raw_path = _without_dot_segments(raw_path)
    if _PLAIN_PATH.match(raw_path):
        return raw_path
    return quote(raw_path, safe="/~")


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in {"", "."}:
            kept.append(segment)
    trailing = "/" if kept and path.endswith(("/", "/.", "/..")) else ""
    return "/" + "/".join(kept) + trailing


def canonical_query(query_string: str, without: str = "") -> str:
    """Return the query sorted by name and value, each encoded once.

    Args:
        query_string: raw query.
        without: a parameter left out; the signature itself in presigned URLs.
    """
    if not query_string:
        return ""
    pairs = [part.partition("=")[::2] for part in query_string.split("&") if part]
    if not _CANONICAL_QUERY.match(query_string):
        pairs = [(_recode(name), _recode(value)) for name, value in pairs]
    if without:
        pairs = [pair for pair in pairs if pair[0] != without]
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


def _recode(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", " ")), safe="-_.~")


def canonical_headers(headers: Mapping[str, str], names: Iterable[str]) -> str:
    """Return the named headers one per line, values trimmed and runs of blanks made one.

    Raises:
        SignatureRefused: a header said to be signed did not arrive.
    """
    lines = []
    for name in names:
        value = headers.get(name)
        if value is None:
            raise SignatureRefused(
                Reason.MISMATCH, f"The signed header '{name}' is not in the request."
            )
        if _NEEDS_TRIMMING.search(value):
            value = " ".join(value.split())
        lines.append(f"{name}:{value}\n")
    return "".join(lines)
