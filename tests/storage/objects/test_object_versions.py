"""Versions: what deletions hide, what comes back, and in which order all of it is listed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcrop.storage import object_locks
from outcrop.storage.object_locks import Lock, ObjectLocked
from outcrop.storage.objects.errors import (
    BucketNotEmpty,
    ConditionFailed,
    ObjectHidden,
    ObjectMissing,
    VersionIsMarker,
    VersionMissing,
)
from outcrop.storage.objects.records import Condition, Doomed
from outcrop.storage.objects.rows import is_version_id

Probe = Any  # conftest's StoreProbe: tests are no package to import it from


@pytest.fixture
def versioned(probe: Probe) -> Probe:
    probe.store.buckets.set_versioning("bucket", "Enabled")
    return probe


def listed(probe: Probe, limit: int = 1000, **asked: Any) -> list[tuple[str, str, bool, bool]]:
    """(key, version id, is a marker, is the latest) of everything, read page by page."""
    found = []
    after, after_version = "", ""
    while True:
        page = probe.store.page_of_versions(
            "bucket", after=after, after_version_id=after_version, limit=limit, **asked
        )
        found += [
            (item.key, item.version_id, bool(item.is_marker), item.is_latest)
            for item in page.entries
        ]
        if page.next_marker is None:
            return found
        after, after_version = page.next_marker, page.entries[-1].version_id


async def test_every_put_is_a_version_that_stays_readable(versioned: Probe) -> None:
    puts = [await versioned.put("key", b"%d" % number) for number in range(4)]
    assert await versioned.read("key") == b"3"
    for number, stored in enumerate(puts):
        assert is_version_id(stored.version_id)
        assert await versioned.read("key", version_id=stored.version_id) == b"%d" % number
    newest_first = [stored.version_id for stored in reversed(puts)]
    assert [item[1] for item in listed(versioned)] == newest_first
    assert [item[3] for item in listed(versioned)] == [True, False, False, False]
    with pytest.raises(BucketNotEmpty):
        versioned.store.buckets.delete("bucket")


async def test_a_deletion_hides_the_key_until_its_marker_is_deleted(versioned: Probe) -> None:
    stored = await versioned.put("key", b"content")
    (deleted,) = versioned.delete("key")
    assert deleted.is_marker
    with pytest.raises(ObjectHidden) as hidden:
        versioned.store.get("bucket", "key")
    assert hidden.value.version_id == deleted.version_id
    with pytest.raises(VersionIsMarker, match="delete marker"):
        versioned.store.get("bucket", "key", deleted.version_id)
    assert versioned.store.page("bucket").entries == []
    assert listed(versioned) == [
        ("key", deleted.version_id, True, True),
        ("key", stored.version_id, False, False),
    ]
    (undeleted,) = versioned.delete("key", version_id=deleted.version_id)
    assert undeleted.is_marker
    assert await versioned.read("key") == b"content"
    assert versioned.store.get("bucket", "key") == stored


async def test_deleting_the_newest_version_brings_back_the_one_before(versioned: Probe) -> None:
    first = await versioned.put("key", b"first")
    second = await versioned.put("key", b"second")
    versioned.delete("key", version_id=second.version_id)
    assert await versioned.read("key") == b"first"
    with pytest.raises(VersionMissing):
        versioned.store.get("bucket", "key", second.version_id)
    versioned.delete("key", version_id=first.version_id)
    with pytest.raises(ObjectMissing):
        versioned.store.get("bucket", "key")
    assert versioned.files() == []
    assert versioned.litter() == []
    versioned.store.buckets.delete("bucket")


async def test_what_was_put_before_versioning_is_the_null_version(probe: Probe) -> None:
    before = await probe.put("key", b"before")
    assert before.shown_version_id is None
    probe.store.buckets.set_versioning("bucket", "Enabled")
    assert probe.store.get("bucket", "key").shown_version_id == "null"
    await probe.put("key", b"after")
    assert await probe.read("key", version_id="null") == b"before"


async def test_under_suspension_there_is_one_null_version(versioned: Probe) -> None:
    kept = await versioned.put("key", b"kept")
    versioned.store.buckets.set_versioning("bucket", "Suspended")
    for content in (b"one", b"two"):
        stored = await versioned.put("key", content)
        assert stored.version_id == "null"
    assert len(versioned.files()) == 2
    (deleted,) = versioned.delete("key")
    assert (deleted.version_id, deleted.is_marker) == ("null", True)
    assert listed(versioned) == [
        ("key", "null", True, True),
        ("key", kept.version_id, False, False),
    ]
    assert len(versioned.files()) == 1
    await versioned.put("key", b"three")
    assert [item[1:3] for item in listed(versioned)] == [
        ("null", False),
        (kept.version_id, False),
    ]


async def test_conditions_look_at_what_the_key_shows(versioned: Probe) -> None:
    await versioned.put("key", b"content")
    wrong = Doomed("key", condition=Condition(etag="0" * 32))
    (refused,) = versioned.store.delete("bucket", [wrong])
    assert isinstance(refused, ConditionFailed)
    versioned.delete("key")
    with versioned.incoming() as incoming:
        await incoming.read_from(b"new")
        absent = Condition(must_be_absent=True)
        await versioned.store.put("bucket", "key", incoming, condition=absent)
    assert await versioned.read("key") == b"new"


async def test_a_locked_version_can_be_hidden_and_not_deleted(versioned: Probe) -> None:
    stored = await versioned.put("key", b"content")
    until = datetime.now(UTC) + timedelta(days=1)
    with versioned.database.write() as connection:
        object_locks.put(connection, stored.content_id, Lock("GOVERNANCE", until))
    doomed = Doomed("key", stored.version_id)
    (refused,) = versioned.store.delete("bucket", [doomed])
    assert isinstance(refused, ObjectLocked)
    (hidden,) = versioned.delete("key")
    assert hidden.is_marker
    bypassing = Doomed("key", stored.version_id, bypasses_governance=True)
    (deleted,) = versioned.store.delete("bucket", [bypassing])
    assert not isinstance(deleted, ObjectLocked)
    assert versioned.files() == []


async def test_tags_belong_to_one_version(versioned: Probe) -> None:
    first = await versioned.put("key", b"first")
    await versioned.put("key", b"second")
    versioned.store.set_tags("bucket", "key", None, {"b": "2", "a": "1"})
    assert versioned.store.get("bucket", "key").tags == {"a": "1", "b": "2"}
    assert versioned.store.get("bucket", "key", first.version_id).tags == {}
    versioned.store.set_tags("bucket", "key", first.version_id, {"c": "3"})
    assert versioned.store.get("bucket", "key", first.version_id).tags == {"c": "3"}


async def test_parts_stay_with_their_version(versioned: Probe) -> None:
    upload = versioned.begin_upload()
    with versioned.store.uploads.incoming(upload, ["CRC32"]) as incoming:
        await incoming.read_from(b"part")
        part = await versioned.store.uploads.put_part(upload, 1, incoming)
    from outcrop.storage.objects.uploads import NamedPart

    stored = versioned.store.uploads.complete(upload, [NamedPart(1, part.etag)])
    await versioned.put("key", b"newer")
    assert await versioned.read("key", version_id=stored.version_id) == b"part"
    versioned.delete("key", version_id=stored.version_id)
    assert len(versioned.files()) == 1


async def test_a_listing_goes_on_after_versions_that_are_gone(versioned: Probe) -> None:
    puts = [await versioned.put("key", b"%d" % number) for number in range(5)]
    page = versioned.store.page_of_versions("bucket", limit=2)
    for item in page.entries:
        versioned.delete("key", version_id=item.version_id)
    rest = versioned.store.page_of_versions(
        "bucket", after="key", after_version_id=page.entries[-1].version_id
    )
    assert [item.version_id for item in rest.entries] == [
        stored.version_id for stored in reversed(puts[:3])
    ]
    assert [item.is_latest for item in rest.entries] == [True, False, False]


Act = tuple[str, str]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "delete newest", "delete oldest", "suspend", "enable"]),
        st.sampled_from(["a", "b/1", "b/2"]),
    ),
    max_size=25,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ACTS, st.integers(1, 4))
async def test_any_history_ends_as_a_list_of_versions_says(
    probe: Probe, acts: list[Act], limit: int
) -> None:
    """A model: per key a list of (content or None for a marker, is null), the newest first."""
    for key in ("a", "b/1", "b/2"):
        for item in listed(probe, prefix=key):
            probe.delete(item[0], version_id=item[1])
    probe.store.buckets.set_versioning("bucket", "Enabled")
    model: dict[str, list[tuple[bytes | None, str]]] = {}
    versioning = "Enabled"
    for number, (act, key) in enumerate(acts):
        versions = model.setdefault(key, [])
        if act in {"suspend", "enable"}:
            versioning = "Suspended" if act == "suspend" else "Enabled"
            probe.store.buckets.set_versioning("bucket", versioning)
        elif act in {"put", "delete"}:
            if versioning == "Suspended":
                versions[:] = [item for item in versions if item[1] != "null"]
            if act == "put":
                content = b"%d" % number
                version_id = (await probe.put(key, content)).version_id
                versions.insert(0, (content, version_id))
            else:
                versions.insert(0, (None, probe.delete(key)[0].version_id))
        elif versions:
            index = 0 if act == "delete newest" else -1
            probe.delete(key, version_id=versions.pop(index)[1])
    expected = [
        (key, version_id, content is None, index == 0)
        for key in sorted(model)
        for index, (content, version_id) in enumerate(model[key])
    ]
    assert listed(probe, limit=limit) == expected
    shown = {key: versions[0][0] for key, versions in model.items() if versions}
    shown = {key: content for key, content in shown.items() if content is not None}
    assert {key: await probe.read(key) for key in shown} == shown
    assert [item.key for item in probe.store.page("bucket").entries] == sorted(shown)
    count = sum(content is not None for versions in model.values() for content, _ in versions)
    assert len(probe.files()) == count
    rolled = probe.store.page_of_versions("bucket", delimiter="/")
    assert rolled.common_prefixes == (["b/"] if model.get("b/1") or model.get("b/2") else [])
