"""What decisions need to know of topics: their policies and tags."""

from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.platform import Platform
from outcrop.storage import tags, topics


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of what a request names.

    Args:
        kind: "topic" for a name or an ARN, "subscription" for the topic of a subscription's ARN.
        identifier: as the request has it.
        region: of the call.
        platform: whose account the topic is in.
    """
    if not identifier.startswith("arn:"):
        # No ARN is refused by the operation; a name is what CreateTopic has.
        return f"arn:aws:sns:{region}:{platform.account_id}:{identifier}"
    if kind == "subscription" and identifier.count(":") > 5:
        return identifier.rpartition(":")[0]
    return identifier


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return policy and tags of a topic; NO_FACTS for what is none.

    The default policy lets in nobody but the account's own identities, who need their own policies anyway, so it
    counts as none.
    """
    reader = platform.database.reader
    row = topics.get(reader, arn)
    if row is None:
        return NO_FACTS
    return ResourceFacts(policy=row.policy, tags=tags.of(reader, arn))
