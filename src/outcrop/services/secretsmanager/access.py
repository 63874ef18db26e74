"""What decisions need to know of secrets: the ARN behind a name, and policy and tags behind an ARN."""

from outcrop.core.times import now_us
from outcrop.identity.permissions import NO_FACTS, ConditionValues, ResourceFacts
from outcrop.services.platform import Platform
from outcrop.services.secretsmanager import lookup
from outcrop.storage import tags as tag_rows
from outcrop.storage.secrets import rows

_UNKNOWN_SUFFIX = "-??????"  # as policies write the random part of an ARN


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of a secret by its name, its ARN or the ARN's beginning; kind is "secret"."""
    assert kind == "secret", kind
    row = lookup.find(platform.database.reader, identifier, region, platform)
    if row is not None:
        return row.arn
    if identifier.startswith("arn:"):
        return identifier
    return f"{lookup.arn_prefix(region, platform.account_id)}{identifier}{_UNKNOWN_SUFFIX}"


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return a secret's policy, tags and condition keys."""
    connection = platform.database.reader
    row = rows.get(connection, arn, now_us(platform.clock))
    if row is None:
        return NO_FACTS
    tags = tag_rows.of(connection, arn)
    context: dict[str, ConditionValues] = {
        f"secretsmanager:ResourceTag/{key}": value for key, value in tags.items()
    }
    if function := row.rotation.get("RotationLambdaARN"):
        context["secretsmanager:resource/AllowRotationLambdaArn"] = function
    return ResourceFacts(policy=row.policy or "", tags=tags, context=context)
