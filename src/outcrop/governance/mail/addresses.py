"""Addresses as SES takes them: `local@domain` or `Display name <local@domain>`.

The local part is ASCII (SES does not deliver to others); a domain may be written in any script and becomes punycode.
The sentences of refusals are those of SES.
"""

import re
from dataclasses import dataclass

from outcrop.governance.mail.refusals import Kind, MailRefused

_FORM = re.compile(
    r"\s*(?:(?P<name>.*?)\s*<\s*(?P<inside>[^<>]*)\s*>|(?P<bare>[^<>]*?))\s*", re.DOTALL
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_QUOTED_LOCAL = re.compile(r'"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"')
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_MOST_LOCAL = 64
_MOST_DOMAIN = 255


@dataclass(frozen=True, slots=True)
class Address:
    """One address.

    Attributes:
        name: display name, decoded; "" for none.
        local: before the "@".
        domain: in lower case and punycode.
        text: as it was written.
    """

    name: str
    local: str
    domain: str
    text: str

    @property
    def bare(self) -> str:
        """`local@domain`, as the envelope has it."""
        return f"{self.local}@{self.domain}"


def parse(text: str) -> Address:
    """Return an address.

    Raises:
        MailRefused: it is none.
    """
    if _CONTROL.search(text):
        # A line end here would begin a header of the caller's making.
        raise _refused("Header contains illegal character")
    matched = _FORM.fullmatch(text)
    if matched is None:
        raise _refused("Illegal address")
    bare = matched["inside"] if matched["inside"] is not None else matched["bare"]
    local, at, domain = bare.rpartition("@")
    if not at:
        raise _refused("Missing final '@domain'")
    if not local:
        raise _refused("User name is missing.")
    if " " in local and not local.startswith('"'):
        raise _refused("Local address contains control or whitespace")
    is_quoted = _QUOTED_LOCAL.fullmatch(local) is not None
    if not is_quoted and (_LOCAL.fullmatch(local) is None or ".." in local):
        raise _refused("Local address contains illegal character")
    if len(local) > _MOST_LOCAL:
        raise _refused("Local address is longer than 64 characters")
    return Address(_name(matched["name"] or ""), local, domain_of(domain), text.strip())


def domain_of(text: str) -> str:
    """Return a domain in lower case and punycode.

    Raises:
        MailRefused: it is none.
    """
    if not text:
        raise _refused("Domain is missing")
    if text.startswith("."):
        raise _refused("Domain starts with dot")
    try:
        domain = text.lower() if text.isascii() else text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _refused("Domain contains illegal character") from None
    if " " in domain:
        raise _refused("Domain contains control or whitespace")
    if len(domain) > _MOST_DOMAIN or not all(
        _LABEL.fullmatch(label) for label in domain.split(".")
    ):
        raise _refused("Domain contains illegal character")
    return domain


def _name(text: str) -> str:
    """Return a display name without its quotes, and with its encoded words read."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    if "=?" not in text:
        return text
    from email.errors import HeaderParseError
    from email.header import decode_header, make_header

    try:
        decoded = str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, UnicodeError):
        return text
    return _CONTROL.sub("", decoded)


def _refused(message: str) -> MailRefused:
    return MailRefused(Kind.PARAMETER, message)
