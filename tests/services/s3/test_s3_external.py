"""Contents in a bucket of another S3 endpoint: what goes there, what happens when it fails, and after a crash."""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from outcrop.config import Settings, load_settings
from outcrop.core.clock import SystemClock
from outcrop.core.errors import ConfigurationError
from outcrop.storage.objects import ObjectStore
from outcrop.storage.objects.external import ExternalBucket, external_bucket
from outcrop.storage.objects.records import StoredObject

KEYS: dict[str, Any] = {
    "object_store_access_key_id": "AKIA1",
    "object_store_secret_access_key": "hidden-secret",
}


class Store:
    """An object store of its own that keeps contents in a bucket of `other`."""

    def __init__(self, other: Any, name: str, external: ExternalBucket | None) -> None:
        self.other = other
        self.folder = other.home.path / "stores" / name
        self.external = external
        self.store = self.reopened()

    def reopened(self) -> ObjectStore:
        """Another store on the same folder and rows, as after a restart."""
        return ObjectStore(
            self.folder,
            self.other.database,
            SystemClock(),
            self.other.service_keys,
            external=self.external,
        )

    def names(self) -> list[str]:
        """Keys of the contents in the other server's bucket."""
        assert self.external is not None
        found = self.other.client().list_objects_v2(
            Bucket=self.external.bucket, Prefix=self.external.prefix
        )
        return [item["Key"].rpartition("/")[2] for item in found.get("Contents", [])]

    def doubtful(self) -> list[str]:
        return [path.name for path in (self.folder / "incoming").iterdir()]

    async def put(
        self, bucket: str, key: str, content: bytes, companion: Any = None
    ) -> StoredObject:
        seal = self.store.new_seal(bucket, key)
        with self.store.incoming(seal, []) as incoming:
            await incoming.read_from(content)
            return await self.store.put(bucket, key, incoming, companion=companion)


async def read(store: ObjectStore, stored: StoredObject, offset: int, length: int) -> bytes:
    stream = store.open(stored, offset, length)
    return b"".join([piece async for piece in stream])


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, s3_server_class: Any) -> Iterator[Any]:
    running = s3_server_class(tmp_path_factory.mktemp("other")).start()
    yield running
    running.stop()


@pytest.fixture
def place(other: Any, request: pytest.FixtureRequest) -> Iterator[Store]:
    name = request.node.name.replace("_", "-").replace("[", "-").strip("]")[-40:].strip("-")
    found = other.as_external_bucket()
    assert found is not None
    place = Store(other, name, replace(found, prefix=f"{name}/"))
    if not any(bucket.name == "rows" for bucket in place.store.buckets.list()):
        place.store.buckets.create("rows", "us-east-1")
    yield place
    place.store.close()


async def test_contents_are_sealed_before_they_leave(place: Store) -> None:
    canary = os.urandom(8).hex().encode()
    stored = await place.put("rows", "sealed", canary * 100)
    assert place.names() == [stored.content_id]
    assert place.external is not None
    key = f"{place.external.prefix}data/{stored.content_id[:2]}/{stored.content_id}"
    answer = place.other.client().get_object(Bucket="contents", Key=key)
    assert canary not in answer["Body"].read()
    assert await read(place.store, stored, 0, stored.size_bytes) == canary * 100
    assert place.doubtful() == []


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, 10),
        (65_530, 20),
        (65_536, 65_536),
        (200_000, 1),
        (0, 3_000_000),
        (2_999_990, 10),
        (1_048_570, 1_000_000),
    ],
)
async def test_any_range_of_a_content_is_read(place: Store, offset: int, length: int) -> None:
    content = os.urandom(3_000_000)
    stored = await place.put("rows", f"range-{offset}-{length}", content)
    assert await read(place.store, stored, offset, length) == content[offset : offset + length]


async def test_a_content_that_is_replaced_is_deleted(place: Store) -> None:
    first = await place.put("rows", "replaced", b"1")
    second = await place.put("rows", "replaced", b"2")
    place.store.close()
    assert place.names() == [second.content_id]
    assert place.doubtful() == []
    assert first.content_id != second.content_id


async def test_what_a_crash_left_is_settled_at_the_next_start(
    place: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await place.put("rows", "kept", b"kept")

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    # As if killed between the upload and the commit: nothing is tidied up.
    monkeypatch.setattr(
        "outcrop.storage.objects.content.IncomingContent.abandon", lambda _self: None
    )
    with pytest.raises(SystemExit):
        await place.put("rows", "lost", b"lost", companion=die)
    monkeypatch.undo()
    assert len(place.names()) == 2
    # As if killed between the commit and its settling.
    (place.folder / "incoming" / kept.content_id).touch()
    again = place.reopened()
    assert again.sweep() == 1
    again.close()
    assert place.names() == [kept.content_id]
    assert place.doubtful() == []


async def test_contents_of_before_the_setting_are_read_and_deleted(place: Store) -> None:
    external, place.external = place.external, None
    place.store.close()
    place.store = place.reopened()
    stored = await place.put("rows", "older", b"from the home")
    place.store.close()
    place.external = external
    place.store = place.reopened()
    assert await read(place.store, stored, 0, stored.size_bytes) == b"from the home"
    assert place.names() == []
    newer = await place.put("rows", "older", b"from elsewhere")
    assert place.names() == [newer.content_id]
    assert not place.store._files.path(stored.content_id).exists()
    assert await read(place.store, newer, 5, 4) == b"else"


def unreachable() -> ExternalBucket:
    settings = Settings(object_store="s3://b/p", object_store_endpoint="http://127.0.0.1:9", **KEYS)
    found = external_bucket(settings)
    assert found is not None
    return found


def test_an_endpoint_that_fails_is_a_503_and_leaves_nothing(
    s3_server_class: Any, tmp_path_factory: pytest.TempPathFactory, refused: Any
) -> None:
    server = s3_server_class(tmp_path_factory.mktemp("cut off"), unreachable()).start()
    s3 = server.client()
    s3.create_bucket(Bucket="bucket")
    assert refused(s3.put_object, Bucket="bucket", Key="k", Body=b"x") == (
        "ServiceUnavailable",
        503,
    )
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket")
    server.stop()


def test_a_start_with_an_endpoint_that_fails_says_so(other: Any) -> None:
    store = Store(other, "unreachable", unreachable()).store
    with pytest.raises(ConfigurationError, match="bucket b of OUTCROP_OBJECT_STORE cannot be used"):
        store.sweep()
    store.close()


@pytest.mark.parametrize("place", ["bucket/prefix", "http://bucket", "s3://", "s3://b/p?x=1"])
def test_what_is_no_bucket_is_refused(place: str) -> None:
    with pytest.raises(ConfigurationError, match="s3://BUCKET"):
        external_bucket(Settings(object_store=place, **KEYS))


def test_keys_have_to_be_given_and_are_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="OUTCROP_OBJECT_STORE_ACCESS_KEY_ID"):
        external_bucket(Settings(object_store="s3://b"))
    settings = load_settings(
        {}, {"OUTCROP_OBJECT_STORE": "s3://b/p/", "OUTCROP_OBJECT_STORE_SECRET_ACCESS_KEY": "hush"}
    )
    assert settings.object_store_secret_access_key == "hush"
    assert "hush" not in repr(settings)
    found = external_bucket(Settings(object_store="s3://b/p/", **KEYS))
    assert found is not None
    assert (found.bucket, found.prefix) == ("b", "p/")
    assert "hidden-secret" not in repr(found)
