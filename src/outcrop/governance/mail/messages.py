"""Messages: composed from parts, or taken as a customer composed them.

What leaves here is complete but for the Message-ID, which belongs to the outbox. A message that the customer composed
keeps its bytes; only what SES sets itself (Date, Message-ID) and what must not go out (Bcc) is exchanged in its head.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from outcrop.governance.mail.addresses import Address, parse
from outcrop.governance.mail.refusals import Kind, MailRefused

if TYPE_CHECKING:
    from email.message import EmailMessage

_HEADER_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
_SET_BY_US = frozenset({b"date", b"message-id", b"return-path"})
_NEVER_SENT = frozenset({b"bcc", b"resent-bcc"})
_OWN_HEADERS = re.compile(rb"x-ses-")
_BARE_LINE_END = re.compile(rb"\r\n|\r|\n")
# What a customer's own headers of SendEmail may not be: those are made from the request.
_RESERVED = frozenset(
    {
        "bcc", "cc", "content-disposition", "content-transfer-encoding", "content-type", "date", "from",
        "message-id", "mime-version", "reply-to", "return-path", "subject", "to",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """A text with the character set that it is to be sent in.

    Attributes:
        charset: "" for whatever fits: US-ASCII, else UTF-8.
    """

    data: str
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message.

    Attributes:
        content_type: "" to go by the file's name.
        content_id: by which HTML refers to it; "" for none.
    """

    name: str
    content: bytes
    content_type: str = ""
    content_id: str = ""
    is_inline: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a message is composed from; text, html or both."""

    sender: Address
    to: Sequence[Address]
    subject: Text
    text: Text | None = None
    html: Text | None = None
    cc: Sequence[Address] = ()
    reply_to: Sequence[Address] = ()
    headers: Sequence[tuple[str, str]] = ()
    attachments: Sequence[Attachment] = ()


@dataclass(frozen=True, slots=True)
class Raw:
    """What the head of a customer's message says.

    Attributes:
        content: to be sent.
        senders: of From.
        return_path: "" for none.
        recipients: of To, Cc and Bcc.
        marks: X-SES-… headers by lower-case name; they are instructions and are not sent.
    """

    content: bytes
    senders: tuple[Address, ...]
    return_path: str
    recipients: tuple[Address, ...]
    marks: Mapping[str, str]


def compose(parts: Parts, now: datetime) -> bytes:
    """Return a message.

    Raises:
        MailRefused: a header or a character set cannot be written.
    """
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime

    message = EmailMessage(SMTP)
    try:
        message["Date"] = format_datetime(now)
        message["From"] = _header_address(parts.sender)
        for name, addresses in (("Reply-To", parts.reply_to), ("To", parts.to), ("Cc", parts.cc)):
            if addresses:
                message[name] = [_header_address(address) for address in addresses]
        message["Subject"] = _one_line(parts.subject.data, "Subject")
        for name, value in parts.headers:
            if name.lower() in _RESERVED:
                raise MailRefused(Kind.PARAMETER, f"Header <{name}> is not allowed.")
            message[name] = _one_line(value, name)
        _add_bodies(message, parts)
        for attachment in parts.attachments:
            _attach(message, attachment)
        return message.as_bytes()
    except (ValueError, LookupError, IndexError) as error:
        raise MailRefused(Kind.PARAMETER, f"The message cannot be written: {error}") from None


def _add_bodies(message: "EmailMessage", parts: Parts) -> None:
    if parts.text is not None:
        message.set_content(parts.text.data, charset=_charset(parts.text))
        if parts.html is not None:
            message.add_alternative(parts.html.data, subtype="html", charset=_charset(parts.html))
    elif parts.html is not None:
        message.set_content(parts.html.data, subtype="html", charset=_charset(parts.html))
    else:
        raise MailRefused(Kind.PARAMETER, "Missing required content: text, HTML or both.")


def _charset(text: Text) -> str:
    charset = text.charset or "us-ascii"
    try:
        text.data.encode(charset)
    except UnicodeEncodeError:
        if text.charset:
            raise MailRefused(
                Kind.PARAMETER, f"The text has characters that {charset} does not have."
            ) from None
        return "utf-8"
    except LookupError:
        raise MailRefused(Kind.PARAMETER, f"Unknown charset: {charset!r:.60}") from None
    return charset


def _attach(message: "EmailMessage", attachment: Attachment) -> None:
    import mimetypes

    guessed = mimetypes.guess_type(attachment.name)[0] or "application/octet-stream"
    main, _, sub = (attachment.content_type or guessed).partition(";")[0].strip().partition("/")
    extra: dict[str, Any] = {}
    if attachment.content_id:
        extra["cid"] = f"<{_one_line(attachment.content_id, 'Content-ID').strip('<>')}>"
    message.add_attachment(
        attachment.content,
        maintype=main,
        subtype=sub or "octet-stream",
        disposition="inline" if attachment.is_inline else "attachment",
        filename=_one_line(attachment.name, "FileName"),
        **extra,
    )
    if attachment.description:
        added = list(message.iter_attachments())[-1]
        added["Content-Description"] = _one_line(attachment.description, "Content-Description")


def read_raw(data: bytes, now: datetime) -> Raw:
    """Take a customer's message in.

    Raises:
        MailRefused: it has no head, or an address in it is none.
    """
    from email.utils import format_datetime

    head, body = _split(_BARE_LINE_END.sub(b"\r\n", data))
    kept: list[bytes] = [f"Date: {format_datetime(now)}".encode()]
    values: dict[str, list[str]] = {}
    for name, line in _header_lines(head):
        values.setdefault(name.decode("ascii"), []).append(_unfolded(line))
        if name in _SET_BY_US | _NEVER_SENT or _OWN_HEADERS.match(name):
            continue
        kept.append(line)
    if "from" not in values:
        raise MailRefused(Kind.PARAMETER, "Missing required header 'From'.")
    recipients = [
        address for name in ("to", "cc", "bcc") for text in values.get(name, ())
        for address in listed(text)
    ]  # fmt: skip
    return_path = values.get("return-path", [""])[0].strip().strip("<>")
    return Raw(
        b"\r\n".join(kept) + b"\r\n\r\n" + body,
        tuple(address for text in values["from"] for address in listed(text)),
        return_path,
        tuple(recipients),
        {name: texts[-1].strip() for name, texts in values.items() if name.startswith("x-ses-")},
    )


def listed(text: str) -> list[Address]:
    """Return the addresses of a header; commas within quotes and comments separate nothing.

    Raises:
        MailRefused: one of them is none.
    """
    from email.utils import getaddresses

    found = []
    for name, bare in getaddresses([text]):
        if not bare and not name:
            continue
        address = parse(bare)
        found.append(Address(name, address.local, address.domain, _shown(name, bare)))
    return found


def subject_of(message: bytes) -> str:
    """Return the subject of a message for lists of mails, decoded."""
    from email.header import decode_header, make_header

    head, _ = _split(message)
    for name, line in _header_lines(head):
        if name == b"subject":
            try:
                return str(make_header(decode_header(_unfolded(line))))
            except (LookupError, UnicodeError, ValueError):
                return _unfolded(line)
    return ""


def _split(data: bytes) -> tuple[bytes, bytes]:
    if data.startswith(b"\r\n"):
        return b"", data[2:]
    head, _, body = data.partition(b"\r\n\r\n")
    return head, body


def _header_lines(head: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers, each with its continuation lines, by lower-case name."""
    found: list[tuple[bytes, bytes]] = []
    for line in head.split(b"\r\n") if head else []:
        if line[:1] in {b" ", b"\t"} and found:
            name, before = found[-1]
            found[-1] = name, before + b"\r\n" + line
            continue
        matched = _HEADER_NAME.match(line)
        if matched is None:
            raise MailRefused(Kind.PARAMETER, "The head of the message is not valid.")
        found.append((matched[1].lower(), line))
    return found


def _unfolded(line: bytes) -> str:
    text = line.decode("utf-8", "replace").partition(":")[2]
    return re.sub(r"\r\n[ \t]", " ", text).strip()


def _header_address(address: Address) -> Any:  # headerregistry's own Address
    from email.headerregistry import Address as HeaderAddress

    return HeaderAddress(address.name, addr_spec=address.bare)


def _shown(name: str, bare: str) -> str:
    return f"{name} <{bare}>" if name else bare


def _one_line(text: str, name: str) -> str:
    if "\r" in text or "\n" in text or "\0" in text:
        raise MailRefused(Kind.PARAMETER, f"Header <{name}> contains illegal character.")
    return text
