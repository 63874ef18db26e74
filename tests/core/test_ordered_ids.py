"""Ids whose text sorts by time."""

import uuid

from outcrop.core.ids import ordered_id


def test_later_ids_sort_behind_earlier_ones() -> None:
    moments = [1_700_000_000_000_000 + 1_000 * step for step in range(200)]
    made = [ordered_id(moment) for moment in moments]
    assert made == sorted(made)
    assert len(set(made)) == 200


def test_an_ordered_id_is_a_uuid_of_version_seven() -> None:
    found = uuid.UUID(ordered_id(1_700_000_000_123_456))
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == 1_700_000_000_123
