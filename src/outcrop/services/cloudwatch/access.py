"""What decisions need to know of metrics: nothing; they have no ARNs."""

from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.platform import Platform


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return what was named: no metric has an ARN."""
    del kind, region, platform
    return identifier


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return that nothing is attached to metrics."""
    del arn, platform
    return NO_FACTS
