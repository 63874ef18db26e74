"""Identities: whom mail may come from, and how somebody proves that an address or a domain is his.

An address is proven by the code in the mail that is sent to it. A domain would be proven by a record in the DNS; on
one's own machine the operator says so (`outcrop outbox confirm`), since nobody else can.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlencode

from sqlalchemy import Connection

from outcrop.core.clock import Clock
from outcrop.core.ids import resource_id
from outcrop.core.times import now_us
from outcrop.governance.mail.addresses import Address, domain_of, parse
from outcrop.governance.mail.messages import Parts, Text, compose
from outcrop.governance.mail.refusals import Kind, MailRefused
from outcrop.governance.mailer import Mail, Mailer
from outcrop.storage import mail, tags
from outcrop.storage.mail import ADDRESS, DOMAIN, PENDING, SUCCESS, IdentityRow

VERIFICATION_PATH = "/_outcrop/verify-email"
# SES: the link in a verification mail holds for 24 hours.
_CODE_LIFETIME_US = 24 * 3600 * 1_000_000
_DKIM_TOKENS = 3
_USUAL_SENDER = "no-reply-aws@amazon.com"


def identity_arn(region: str, account_id: str, name: str) -> str:
    """Return the ARN of an identity."""
    return f"arn:aws:ses:{region}:{account_id}:identity/{name}"


def name_of(text: str) -> str:
    """Return the name under which an address or a domain is kept.

    Raises:
        MailRefused: it is neither.
    """
    return parse(text).bare if "@" in text else domain_of(text)


def new_identity(name: str, region: str, at_us: int) -> IdentityRow:
    """Return an identity that nobody has proven yet."""
    is_address = "@" in name
    attributes = {} if is_address else {"DkimTokens": dkim_tokens()}
    return IdentityRow(
        region=region,
        name=name,
        kind=ADDRESS if is_address else DOMAIN,
        created_us=at_us,
        status=PENDING,
        verified_us=None,
        code_digest=None,
        code_expires_us=None,
        token="" if is_address else base64.b64encode(secrets.token_bytes(32)).decode(),
        attributes_json=json.dumps(attributes),
        policies_json="{}",
    )


def dkim_tokens() -> list[str]:
    """Return new names for the DKIM records of a domain."""
    return [
        (resource_id() * 3)[:12] + resource_id() + resource_id()[:8] for _ in range(_DKIM_TOKENS)
    ]


def ask_for_proof(
    connection: Connection,
    mailer: Mailer,
    row: IdentityRow,
    *,
    link_base: str,
    clock: Clock,
) -> None:
    """Mail a code to an address that is to be an identity; older codes open nothing any more.

    Args:
        link_base: this server as its callers know it.
    """
    code = secrets.token_hex(24)
    mail.change(
        connection,
        row,
        code_digest=_digest(code),
        code_expires_us=now_us(clock) + _CODE_LIFETIME_US,
    )
    asked = urlencode({"region": row.region, "identity": row.name, "code": code})
    sender = parse(mailer.own_sender(_USUAL_SENDER))
    message = compose(
        Parts(
            sender=replace(sender, name="Amazon Web Services"),
            to=[parse(row.name)],
            subject=Text(
                f"Amazon Web Services - Email Address Verification Request in region {row.region}"
            ),
            text=Text(
                f"Somebody wants to send mail from {row.name} with Amazon SES in the region {row.region} of an "
                "Outcrop server.\n\n"
                "If it was you, follow this link within 24 hours:\n\n"
                f"{link_base}{VERIFICATION_PATH}?{asked}\n\n"
                "If it was not you, do nothing: without the link no mail is sent in your name.\n"
            ),
        ),
        clock.now(),
    )
    mailer.accept(
        connection, Mail(message, sender.bare, [row.name], row.region, service="verification")
    )


def confirm(connection: Connection, region: str, name: str, code: str, at_us: int) -> bool:
    """Take a mailed code; return whether it proves the identity. One that is proven stays so.

    Args:
        connection: writes.
    """
    row = mail.identity(connection, region, name)
    if row is None or row.code_digest is None or row.code_expires_us is None:
        return False
    if not hmac.compare_digest(row.code_digest, _digest(code)) or at_us > row.code_expires_us:
        return False
    if not row.is_verified:
        set_verified(connection, row, at_us)
    return True


def set_verified(connection: Connection, row: IdentityRow, at_us: int) -> None:
    """Let mail be sent from an identity."""
    mail.change(connection, row, status=SUCCESS, verified_us=at_us)


def remove(connection: Connection, row: IdentityRow, account_id: str) -> None:
    """Delete an identity with its tags."""
    mail.remove(connection, row)
    tags.drop_all(connection, identity_arn(row.region, account_id, row.name))


def verified_identity(connection: Connection, region: str, address: Address) -> IdentityRow | None:
    """Return the identity that lets mail come from an address: itself, its domain, or a domain above that."""
    labels = address.domain.split(".")
    names = [address.bare, *(".".join(labels[place:]) for place in range(len(labels)))]
    for name in names:
        row = mail.identity(connection, region, name)
        if row is not None and row.is_verified:
            return row
    return None


def require_verified(connection: Connection, region: str, addresses: Iterable[Address]) -> None:
    """Refuse mail that names somebody who is not verified.

    Raises:
        MailRefused: in SES's words, with all that failed.
    """
    failed = dict.fromkeys(
        address.text
        for address in addresses
        if verified_identity(connection, region, address) is None
    )
    if failed:
        raise MailRefused(
            Kind.REJECTED,
            "Email address is not verified. The following identities failed the check in region "
            f"{region.upper()}: {', '.join(failed)}",
        )


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
