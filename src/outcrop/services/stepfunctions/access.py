"""What decisions need to know of state machines and activities: the ARN behind a name, and tags behind an ARN."""

from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.platform import Platform
from outcrop.services.stepfunctions import task_owners
from outcrop.storage import tags as tag_rows

_OF_MACHINES = frozenset({"stateMachine", "execution", "express", "mapRun"})
_PARTS = 7  # arn:aws:states:region:account:kind:name, and what may follow


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of a machine or activity by its name, or of what answers to a task's token; ARNs stay as they are."""
    if kind == "task":
        return task_owners.owner(identifier, platform)
    if identifier.startswith("arn:"):
        return identifier
    return f"arn:aws:states:{region}:{platform.account_id}:{kind}:{identifier}"


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return the tags of a machine or activity; what belongs to a machine has those of the machine."""
    parts = arn.split(":")
    if len(parts) < _PARTS:
        return NO_FACTS
    kind, name = parts[5], parts[6].partition("/")[0]
    owner = ":".join(parts[:5])
    if kind in _OF_MACHINES:
        resource = f"{owner}:stateMachine:{name}"
    elif kind == "activity":
        resource = f"{owner}:activity:{name}"
    else:
        return NO_FACTS
    tags = tag_rows.of(platform.database.reader, resource)
    return ResourceFacts(tags=tags) if tags else NO_FACTS
