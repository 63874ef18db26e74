"""Lifecycle rules are carried out: looked at from days ahead."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outcrop.services.s3 import lifecycle_sweep
from outcrop.services.s3.lifecycle_sweep import LifecycleThread, sweep
from support.composed_server import ComposedServer


class Swept:
    """A bucket and what is left of it after its rules were carried out."""

    def __init__(self, server: ComposedServer, s3: Any, bucket: str) -> None:
        self.server, self.s3, self.bucket = server, s3, bucket

    def rules(self, *rules: dict[str, Any]) -> None:
        base = {"Status": "Enabled", "Filter": {"Prefix": ""}}
        self.s3.put_bucket_lifecycle_configuration(
            Bucket=self.bucket,
            LifecycleConfiguration={"Rules": [{**base, **rule} for rule in rules]},
        )

    def put(self, key: str, **more: Any) -> str:
        answer = self.s3.put_object(Bucket=self.bucket, Key=key, **{"Body": b"x", **more})
        return str(answer.get("VersionId"))

    def after(self, days: int) -> None:
        sweep(self.server.platform, datetime.now(UTC) + timedelta(days=days))

    def keys(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [item["Key"] for item in found]

    def versions(self) -> tuple[list[str], int]:
        """Ids of versions, newest first, and how many delete markers there are."""
        found = self.s3.list_object_versions(Bucket=self.bucket)
        return (
            [item["VersionId"] for item in found.get("Versions", [])],
            len(found.get("DeleteMarkers", [])),
        )

    def keep_versions(self) -> None:
        self.s3.put_bucket_versioning(
            Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"}
        )


@pytest.fixture
def swept(composed: ComposedServer, root: Any, place: str) -> Swept:
    return Swept(composed, root, place)


def test_objects_expire_after_their_days_by_prefix_tag_and_size(swept: Swept) -> None:
    swept.rules(
        {"ID": "prefix", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}},
        {"ID": "tag", "Filter": {"Tag": {"Key": "t", "Value": "1"}}, "Expiration": {"Days": 3}},
        {"ID": "size", "Filter": {"ObjectSizeGreaterThan": 10}, "Expiration": {"Days": 3}},
        {"ID": "off", "Status": "Disabled", "Expiration": {"Days": 1}},
    )
    swept.put("logs/a")
    swept.put("tagged", Tagging="t=1")
    swept.put("other", Tagging="t=2")
    swept.put("large", Body=b"x" * 11)
    swept.after(2)
    assert swept.keys() == ["large", "logs/a", "other", "tagged"]
    swept.after(5)
    assert swept.keys() == ["other"]


def test_objects_expire_at_a_date(swept: Swept) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    swept.rules({"Expiration": {"Date": midnight + timedelta(days=10)}})
    swept.put("k")
    swept.after(9)
    assert swept.keys() == ["k"]
    swept.after(11)
    assert swept.keys() == []


def test_where_versions_are_kept_expired_objects_are_hidden(swept: Swept) -> None:
    swept.keep_versions()
    swept.rules({"Expiration": {"Days": 1}})
    version = swept.put("k")
    swept.after(3)
    assert swept.keys() == []
    assert swept.versions() == ([version], 1)


def test_noncurrent_versions_expire_but_for_the_newest(swept: Swept) -> None:
    swept.keep_versions()
    swept.rules(
        {"NoncurrentVersionExpiration": {"NoncurrentDays": 2, "NewerNoncurrentVersions": 1}}
    )
    ids = [swept.put("k") for _ in range(4)]
    swept.after(1)
    assert swept.versions() == (ids[::-1], 0)
    swept.after(4)
    assert swept.versions() == ([ids[3], ids[2]], 0)


def test_a_delete_marker_that_hides_nothing_goes(swept: Swept) -> None:
    swept.keep_versions()
    swept.rules({"Expiration": {"ExpiredObjectDeleteMarker": True}})
    version = swept.put("gone")
    swept.put("kept")
    for key in ("gone", "kept"):
        swept.s3.delete_object(Bucket=swept.bucket, Key=key)
    swept.s3.delete_object(Bucket=swept.bucket, Key="gone", VersionId=version)
    swept.after(0)
    versions, markers = swept.versions()
    assert (len(versions), markers) == (1, 1)


def test_locked_versions_stay(swept: Swept) -> None:
    swept.keep_versions()
    swept.s3.put_object_lock_configuration(
        Bucket=swept.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    )
    held = swept.put("k", ObjectLockLegalHoldStatus="ON")
    newest = swept.put("k")
    swept.rules({"NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
    swept.after(5)
    assert swept.versions() == ([newest, held], 0)


def test_objects_move_to_colder_classes(swept: Swept) -> None:
    swept.rules(
        {
            "Filter": {"ObjectSizeGreaterThan": 0},
            "Transitions": [
                {"Days": 30, "StorageClass": "STANDARD_IA"},
                {"Days": 60, "StorageClass": "GLACIER_IR"},
            ],
        }
    )
    swept.put("k")
    swept.after(32)
    assert swept.s3.head_object(Bucket=swept.bucket, Key="k")["StorageClass"] == "STANDARD_IA"
    swept.after(62)
    assert swept.s3.head_object(Bucket=swept.bucket, Key="k")["StorageClass"] == "GLACIER_IR"


def test_old_uploads_are_aborted(swept: Swept) -> None:
    swept.rules({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}})
    swept.s3.create_multipart_upload(Bucket=swept.bucket, Key="k")
    swept.after(1)
    assert len(swept.s3.list_multipart_uploads(Bucket=swept.bucket)["Uploads"]) == 1
    swept.after(3)
    assert "Uploads" not in swept.s3.list_multipart_uploads(Bucket=swept.bucket)


def test_what_fills_many_pages_expires_in_one_sweep(
    swept: Swept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle_sweep, "_PAGE", 2)
    monkeypatch.setattr(lifecycle_sweep, "_BATCH", 3)
    for number in range(7):
        swept.put(f"k{number}")
        swept.s3.create_multipart_upload(Bucket=swept.bucket, Key=f"u{number}")
    swept.rules(
        {
            "Expiration": {"Days": 1},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    )
    swept.after(3)
    assert swept.keys() == []
    assert "Uploads" not in swept.s3.list_multipart_uploads(Bucket=swept.bucket)
    swept.keep_versions()
    newest = [[swept.put(f"k{number}") for _ in range(5)][-1] for number in range(3)]
    swept.rules({"NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
    swept.after(3)
    assert swept.versions() == (newest, 0)


def test_the_thread_ends_at_once_when_told_to(composed: ComposedServer) -> None:
    thread = LifecycleThread(composed.platform)
    thread.start()
    thread.stop()
    assert not thread._thread.is_alive()
