"""What decisions need to know of mail: which identity a sender stands for, and the policies of identities."""

import json

from outcrop.governance.mail import identities, messages
from outcrop.governance.mail.addresses import parse
from outcrop.governance.mail.refusals import MailRefused
from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.platform import Platform
from outcrop.storage import mail, tags


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of what a request names.

    Args:
        kind: "sender" for the identity that lets an address send; "head" for the same of a message whose head is
            given; "identity", "template" or "configuration-set" by name.
        identifier: as the request has it.
        region: of the call.
        platform: where identities are looked up.
    """
    if kind in {"sender", "head"}:
        identifier, kind = _sender(kind, identifier, region, platform), "identity"
    elif kind == "identity":
        try:
            identifier = identities.name_of(identifier)
        except MailRefused:
            kind = "identity"  # the operation refuses it; until then its name is what was written
    if identifier.startswith("arn:"):
        return identifier
    return f"arn:aws:ses:{region}:{platform.account_id}:{kind}/{identifier}"


def _sender(kind: str, text: str, region: str, platform: Platform) -> str:
    try:
        if kind == "head":
            raw = messages.read_raw(text.encode("latin-1"), platform.clock.now())
            if not raw.senders:
                return "*"
            address = raw.senders[0]
        else:
            address = parse(text)
    except MailRefused:
        return "*"  # no address at all: the operation says so to whoever may send from any
    row = identities.verified_identity(platform.database.reader, region, address)
    return address.bare if row is None else row.name


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return policies and tags of an identity; NO_FACTS for what is none."""
    parts = arn.split(":", 5)
    kind, _, name = parts[-1].partition("/")
    if kind != "identity" or len(parts) < 6:
        return NO_FACTS
    reader = platform.database.reader
    row = mail.identity(reader, parts[3], name)
    if row is None:
        return NO_FACTS
    return ResourceFacts(policy=_merged(row.policies), tags=tags.of(reader, arn))


def _merged(policies: dict[str, str]) -> str:
    """Return several policies as one; their statements' names are left out, since two may have the same."""
    if not policies:
        return ""
    if len(policies) == 1:
        return next(iter(policies.values()))
    written = [json.loads(text)["Statement"] for text in policies.values()]
    statements = [
        {name: part for name, part in statement.items() if name != "Sid"}
        for found in written
        for statement in (found if isinstance(found, list) else [found])
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
