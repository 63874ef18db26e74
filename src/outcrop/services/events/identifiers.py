"""Names and ARNs of buses and rules."""

from outcrop.governance.event_bus import rule_arn
from outcrop.storage.events import DEFAULT_BUS

__all__ = ["bus_arn", "bus_name", "rule_arn", "rule_place"]


def bus_name(given: str | None) -> str:
    """Return the name of a bus that a request names, by name or ARN, or not at all."""
    if not given:
        return DEFAULT_BUS
    return given.rpartition("/")[2] if given.startswith("arn:") else given


def bus_arn(region: str, account_id: str, name: str) -> str:
    """Return the ARN of a bus."""
    return f"arn:aws:events:{region}:{account_id}:event-bus/{name}"


def rule_place(arn: str) -> tuple[str, str]:
    """Return the bus and the name in the ARN of a rule."""
    parts = arn.split(":rule/", 1)[-1].split("/")
    return (DEFAULT_BUS, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
