"""The page that the link in a verification mail leads to; it needs no signature, the code is the proof."""

from urllib.parse import parse_qs

from outcrop.core.times import now_us
from outcrop.governance.mail import identities
from outcrop.services.platform import Platform
from outcrop.storage import mail

_PROVEN = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Address verified</title>
<h1>Address verified</h1><p>Mail may now be sent from it.</p></html>
"""
_NOT_PROVEN = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Not verified</title>
<h1>This link does not hold</h1><p>It is older than 24 hours, was replaced by a newer one, or is incomplete.
Ask for a new one with VerifyEmailIdentity.</p></html>
"""


def verify_email(platform: Platform, query: str) -> tuple[int, str, bytes]:
    """Take the code of a followed link; return status, content type and body."""
    fields = parse_qs(query)
    region, name, code = (fields.get(key, [""])[0] for key in ("region", "identity", "code"))
    is_proven = False
    # Strangers may ask this page as often as they like: only an identity that waits costs a transaction.
    if mail.identity(platform.database.reader, region, name) is not None:
        with platform.database.write(durable=True) as connection:
            is_proven = identities.confirm(connection, region, name, code, now_us(platform.clock))
    body = _PROVEN if is_proven else _NOT_PROVEN
    return (200 if is_proven else 400), "text/html; charset=utf-8", body
