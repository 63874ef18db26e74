"""What decisions about CloudTrail's operations need to know: the trail's ARN, and that it has no policy."""

from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.platform import Platform

TRAIL_NAME = "outcrop"


def trail_arn(platform: Platform) -> str:
    """Return the ARN of the one trail."""
    region, account_id = platform.settings.region, platform.account_id
    return f"arn:aws:cloudtrail:{region}:{account_id}:trail/{TRAIL_NAME}"


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of a trail given by name or ARN."""
    del kind
    if identifier.startswith("arn:"):
        return identifier
    if identifier in {"", TRAIL_NAME}:
        return trail_arn(platform)
    return f"arn:aws:cloudtrail:{region}:{platform.account_id}:trail/{identifier}"


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return that nothing is attached to a trail."""
    del arn, platform
    return NO_FACTS
