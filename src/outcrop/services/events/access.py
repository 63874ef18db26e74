"""What decisions about EventBridge need to know: which bus or rule a request means, its policy and tags."""

from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.events.identifiers import bus_arn, bus_name, rule_arn
from outcrop.services.platform import Platform
from outcrop.storage import events, tags


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of what a request names.

    Args:
        kind: "event-bus" for a bus by name or ARN, "" for the default one; "rule" for BUS/NAME.
        identifier: as the request has it.
        region: of the call.
        platform: whose account it is.
    """
    if kind == "event-bus":
        return bus_arn(region, platform.account_id, bus_name(identifier))
    if identifier.startswith("arn:"):
        return identifier
    bus, _, name = identifier.rpartition("/")
    return rule_arn(region, platform.account_id, bus_name(bus), name)


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return the policy of a bus, and the tags of a bus or rule."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return NO_FACTS
    reader = platform.database.reader
    policy = ""
    if parts[5].startswith("event-bus/"):
        row = events.bus(reader, parts[3], parts[5].partition("/")[2])
        policy = row.policy if row is not None else ""
    return ResourceFacts(policy=policy, tags=tags.of(reader, arn))
