"""Uploads of browsers: an HTML form posted to a bucket, whose last field is the file.

Source: Amazon S3 API reference, "POST Object"; RFC 7578 for the form itself.
"""

import re
from collections.abc import AsyncIterator, Mapping
from email.message import Message
from urllib.parse import quote, urlencode

from outcrop.aws.errors import ServiceError
from outcrop.aws.http import HttpRequest
from outcrop.aws.protocols.xml_shapes import parse_xml

_TYPE = "multipart/form-data"
_MOST_FIELD_BYTES = 64 * 1024  # S3 takes 20 KB of fields; tags and policies fit here with ease
_MOST_BOUNDARY_CHARACTERS = 70
_FILE_NAME = "${filename}"
# Fields that say who posts and what to answer, rather than something of the object.
_ABOUT_THE_POST = frozenset(
    """
    key acl tagging policy file success_action_redirect success_action_status redirect awsaccesskeyid signature submit
    x-amz-signature x-amz-credential x-amz-algorithm x-amz-date x-amz-security-token x-amz-content-sha256
    x-amz-decoded-content-length x-amz-trailer x-amz-copy-source
    """.split()  # noqa: SIM905  # names in running text
)
_HEADERS = ("content-type", "cache-control", "content-disposition", "content-encoding", "expires")
_KEPT = ("host", "origin", "user-agent", "referer")


class FormRefused(ServiceError):
    """A form that S3 does not take; the code is S3's."""

    status = 400

    def __init__(self, code: str, message: str, **fields: object) -> None:
        super().__init__(message, **fields)
        self.code = code
        if code == "AccessDenied":
            self.status = 403


class PostedForm:
    """A form and, as a byte stream, the file in it.

    Args:
        fields: names in lower case; the file is not among them.
        file_name: as the browser gives it.
        reader: stands at the file's first byte.

    Attributes:
        least_bytes: what a policy asks of the file's length.
        most_bytes: likewise; None for no limit.
    """

    def __init__(self, fields: Mapping[str, str], file_name: str, reader: "_FormReader") -> None:
        self.fields = fields
        self.file_name = file_name
        self.least_bytes = 0
        self.most_bytes: int | None = None
        self._reader = reader

    @property
    def key(self) -> str:
        """The key that the file is to have."""
        return self.fields.get("key", "").replace(_FILE_NAME, self.file_name)

    @property
    def size_bytes(self) -> int | None:
        """Unknown: a form says nothing of its fields' lengths."""
        return None

    @property
    def trailers(self) -> dict[str, str]:
        """Nothing: a form has no trailers."""
        return {}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the file; raises FormRefused when it has another length than its policy allows."""
        count = 0
        async for piece in self._reader.content():
            count += len(piece)
            if self.most_bytes is not None and count > self.most_bytes:
                raise FormRefused(
                    "EntityTooLarge",
                    "Your proposed upload exceeds the maximum allowed size",
                    MaxSizeAllowed=self.most_bytes,
                )
            yield piece
        if count < self.least_bytes:
            raise FormRefused(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=count,
                MinSizeAllowed=self.least_bytes,
            )

    def as_put(self, request: HttpRequest, *, names_bucket: bool) -> HttpRequest:
        """Return the request that would put the same object.

        Args:
            request: the post.
            names_bucket: whether its path names the bucket (and not its host).

        Raises:
            FormRefused: the tags are no document of tags.
        """
        headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
        for name, value in self.fields.items():
            if name in _HEADERS or (name.startswith("x-amz-") and name not in _ABOUT_THE_POST):
                headers[name] = _as_header(name, value)
        if "acl" in self.fields:
            headers["x-amz-acl"] = self.fields["acl"]
        if self.fields.get("tagging"):
            headers["x-amz-tagging"] = _tags_as_header(self.fields["tagging"])
        path = request.raw_path.rstrip("/") if names_bucket else ""
        return HttpRequest(
            "PUT",
            f"{path}/{quote(self.key, safe='/')}",
            headers=headers,
            stream=self,
            scheme=request.scheme,
            client_ip=request.client_ip,
        )


def is_posted_form(request: HttpRequest) -> bool:
    """Whether a request is a form as browsers post it to a bucket."""
    return request.method == "POST" and request.headers.get("content-type", "").startswith(_TYPE)


async def read_form(request: HttpRequest, pieces: AsyncIterator[bytes]) -> PostedForm:
    """Read a form up to its file.

    Raises:
        FormRefused: it is malformed, has no file or no key, or too much before the file.
    """
    described = Message()
    described["content-type"] = request.headers["content-type"]
    boundary = described.get_param("boundary", "")
    if not isinstance(boundary, str) or not 1 <= len(boundary) <= _MOST_BOUNDARY_CHARACTERS:
        raise _malformed()
    reader = _FormReader(pieces, boundary.encode("latin-1", "replace"))
    fields: dict[str, str] = {}
    while True:
        head = await reader.next_part()
        if head is None:
            raise FormRefused(
                "InvalidArgument",
                "POST requires exactly one file upload per request.",
                ArgumentName="file",
                ArgumentValue=0,
            )
        name, file_name = head
        if name == "file":
            break
        value = b"".join([piece async for piece in reader.content()])
        fields[name] = value.decode("utf-8", "replace")
    if not fields.get("key"):
        raise FormRefused(
            "InvalidArgument",
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the "
            "order of the fields.",
            ArgumentName="key",
            ArgumentValue="",
        )
    return PostedForm(fields, file_name, reader)


class _FormReader:
    def __init__(self, pieces: AsyncIterator[bytes], boundary: bytes) -> None:
        self._pieces = pieces
        self._delimiter = b"\r\n--" + boundary
        # As if a part had ended before the form: then all delimiters look alike.
        self._buffer = bytearray(b"\r\n")
        self._read_bytes = 0
        self._is_at_file = False

    async def next_part(self) -> tuple[str, str] | None:
        """Go to the next part; return its name in lower case and its file's name."""
        while (at := self._buffer.find(self._delimiter)) < 0:
            await self._more()
        del self._buffer[: at + len(self._delimiter)]
        while len(self._buffer) < 2:
            await self._more()
        if self._buffer.startswith(b"--"):
            return None
        while (at := self._buffer.find(b"\r\n\r\n")) < 0:
            await self._more()
        head = bytes(self._buffer[: at + 2]).decode("utf-8", "replace")
        del self._buffer[: at + 4]
        headers = {}
        for line in head.split("\r\n"):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        disposition = headers.get("content-disposition", "")
        name = _parameter(disposition, "name").lower()
        self._is_at_file = name == "file"
        file_name = _parameter(disposition, "filename")
        return name, re.split(r"[/\\]", file_name)[-1]

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the part's content."""
        kept = len(self._delimiter) - 1
        while (at := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > kept:
                yield bytes(self._buffer[:-kept])
                del self._buffer[:-kept]
            await self._more()
        if at:
            yield bytes(self._buffer[:at])
        del self._buffer[:at]
        if self._is_at_file:
            # What comes after the file is ignored, but has to be taken in before the answer.
            async for _ in self._pieces:
                pass

    async def _more(self) -> None:
        # Asked before the next piece: the one at hand may hold all fields and much of the file.
        if not self._is_at_file and self._read_bytes > _MOST_FIELD_BYTES:
            raise FormRefused(
                "MaxPostPreDataLengthExceeded",
                "Your POST request fields preceding the upload file were too large.",
            )
        piece = await anext(self._pieces, b"")
        if not piece:
            raise _malformed()
        self._buffer += piece
        self._read_bytes += len(piece)


def _parameter(disposition: str, name: str) -> str:
    match = re.search(rf'(?:^|[;\s]){name}="((?:[^"\\]|\\.)*)"', disposition) or re.search(
        rf"(?:^|[;\s]){name}=([^;\s]+)", disposition
    )
    return re.sub(r'\\(["\\])', r"\1", match.group(1)) if match else ""


def _as_header(name: str, value: str) -> str:
    if not value.isprintable():
        raise FormRefused(
            "InvalidArgument",
            "A field that becomes a header has control characters.",
            ArgumentName=name,
        )
    return value


def _tags_as_header(document: str) -> str:
    try:
        root = parse_xml(document.encode())
    except ServiceError as error:
        raise FormRefused("MalformedXML", "The tagging field is no document of tags.") from error
    pairs = []
    for tag in root.iter():
        if tag.tag.rpartition("}")[2] == "Tag":
            texts = {child.tag.rpartition("}")[2]: child.text or "" for child in tag}
            pairs.append((texts.get("Key", ""), texts.get("Value", "")))
    return urlencode(pairs)


def _malformed() -> FormRefused:
    return FormRefused(
        "MalformedPOSTRequest",
        "The body of your POST request is not well-formed multipart/form-data.",
    )
