"""What decisions need to know of quotas: their ARNs and tags."""

from outcrop.identity.permissions import ResourceFacts
from outcrop.services.platform import Platform
from outcrop.storage import tags as tag_rows


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of a quota by "service/code"; kind is "quota"."""
    assert kind == "quota", kind
    return f"arn:aws:servicequotas:{region}:{platform.account_id}:{identifier}"


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return a quota's tags."""
    return ResourceFacts(tags=tag_rows.of(platform.database.reader, arn))
