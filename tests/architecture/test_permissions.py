"""Every operation that is built says what it asks of its callers."""

from outcrop.app import collect_services
from outcrop.identity.rules import load_rules


def test_every_built_operation_has_an_entry_in_the_map_of_permissions() -> None:
    missing = sorted(collect_services().keys() - load_rules().keys())
    assert missing == [], "add them to src/outcrop/identity/permissions/<service>.py"
