"""What decisions need to know of mail: which identity a sender stands for.

Facts of identities are told by SES v1's module: both services' ARNs are those of "ses".
"""

from outcrop.governance.mail import identities, messages
from outcrop.governance.mail.addresses import parse
from outcrop.governance.mail.refusals import MailRefused
from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.platform import Platform


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of what a request names.

    Args:
        kind: "sender" for the identity that lets an address send; "head" for the same of a message whose head is
            given; "identity", "template" or "configuration-set" by name.
        identifier: as the request has it.
        region: of the call.
        platform: where identities are looked up.
    """
    if identifier.startswith("arn:"):
        return identifier
    try:
        if kind in {"sender", "head"}:
            identifier, kind = _sender(kind, identifier, region, platform), "identity"
        elif kind == "identity":
            identifier = identities.name_of(identifier)
    except MailRefused:
        if kind != "identity":
            return "*"  # no address at all: the operation says so to whoever may send from any
    return f"arn:aws:ses:{region}:{platform.account_id}:{kind}/{identifier}"


def _sender(kind: str, text: str, region: str, platform: Platform) -> str:
    if kind == "head":
        address = messages.read_raw(text.encode("latin-1"), platform.clock.now()).senders[0]
    else:
        address = parse(text)
    row = identities.verified_identity(platform.database.reader, region, address)
    return address.bare if row is None else row.name


def facts(_arn: str, _platform: Platform) -> ResourceFacts:
    """Return nothing: no ARN has this service's name."""
    return NO_FACTS
