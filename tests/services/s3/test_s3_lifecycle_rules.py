"""What lifecycle rules must be like, and when they come due."""

from datetime import UTC, datetime
from typing import Any

import pytest

from outcrop.services.s3.errors import S3Error
from outcrop.services.s3.lifecycle_rules import (
    check_rules,
    due,
    filter_of,
    has_expired,
    is_colder,
    storage_class_by_age,
)


def rule(**members: Any) -> dict[str, Any]:
    return {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, **members}


TAG = {"Key": "a", "Value": "b"}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({}, "InvalidRequest"),
        ({"Status": "enabled", "Expiration": {"Days": 1}}, "MalformedXML"),
        ({"Prefix": "x", "Expiration": {"Days": 1}}, "MalformedXML"),
        ({"Expiration": {"Days": 0}}, "InvalidArgument"),
        ({"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}, "MalformedXML"),
        ({"Expiration": {}}, "InvalidRequest"),
        ({"Expiration": {"Date": datetime(2030, 1, 1, 12, tzinfo=UTC)}}, "InvalidArgument"),
        ({"ID": "x" * 256, "Expiration": {"Days": 1}}, "InvalidArgument"),
        ({"Filter": {"Prefix": "a", "Tag": TAG}, "Expiration": {"Days": 1}}, "MalformedXML"),
        ({"Filter": {"And": {"Prefix": "a"}}, "Expiration": {"Days": 1}}, "MalformedXML"),
        ({"Filter": {"And": {"Tags": [TAG, TAG]}}, "Expiration": {"Days": 1}}, "InvalidRequest"),
        (
            {"Filter": {"Tag": TAG}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
            "InvalidRequest",
        ),
        (
            {"Filter": {"Tag": TAG}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
            "InvalidRequest",
        ),
        ({"NoncurrentVersionExpiration": {"NewerNoncurrentVersions": 3}}, "MalformedXML"),
        (
            {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 101}},
            "InvalidArgument",
        ),
        ({"Transitions": [{"Days": 29, "StorageClass": "STANDARD_IA"}]}, "InvalidArgument"),
        ({"Transitions": [{"StorageClass": "STANDARD_IA"}]}, "MalformedXML"),
        ({"Transitions": [{"Days": 90, "StorageClass": "GLACIER"}]}, "NotImplemented"),
        (
            {
                "Transitions": [{"Days": 60, "StorageClass": "STANDARD_IA"}],
                "Expiration": {"Days": 60},
            },
            "InvalidArgument",
        ),
    ],
)
def test_a_rule_that_s3_does_not_take_is_refused(members: Any, code: str) -> None:
    with pytest.raises(S3Error) as caught:
        check_rules([rule(**members)])
    assert caught.value.code == code


def test_a_rule_needs_a_filter_or_the_old_prefix() -> None:
    plain = {"ID": "r", "Status": "Enabled", "Expiration": {"Days": 1}}
    with pytest.raises(S3Error) as caught:
        check_rules([plain])
    assert caught.value.code == "MalformedXML"
    check_rules([{**plain, "Prefix": ""}])
    assert filter_of({**plain, "Prefix": "logs/"}).prefix == "logs/"


def test_two_rules_of_one_id_are_refused() -> None:
    with pytest.raises(S3Error) as caught:
        check_rules([rule(Expiration={"Days": 1}), rule(Expiration={"Days": 2})])
    assert caught.value.code == "InvalidArgument"


def test_a_filter_combines_prefix_tags_and_sizes() -> None:
    wanted = filter_of(
        rule(Filter={"And": {"Prefix": "a/", "Tags": [TAG], "ObjectSizeGreaterThan": 10}})
    )
    assert wanted.fits("a/x", 11, {"a": "b", "other": "1"})
    assert not wanted.fits("a/x", 10, {"a": "b"})
    assert not wanted.fits("a/x", 11, {"a": "c"})
    assert not wanted.fits("b/x", 11, {"a": "b"})


def test_actions_come_due_at_the_midnight_after_their_days() -> None:
    put = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
    assert due(put, 3) == datetime(2026, 1, 19, tzinfo=UTC)
    three = rule(Expiration={"Days": 3})
    assert not has_expired(three, put, datetime(2026, 1, 18, 23, 59, tzinfo=UTC))
    assert has_expired(three, put, datetime(2026, 1, 19, tzinfo=UTC))


def test_the_coldest_class_that_is_due_is_chosen_and_nothing_warms_up() -> None:
    put, now = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC)
    transitions = [
        {"Days": 30, "StorageClass": "STANDARD_IA"},
        {"Days": 60, "StorageClass": "GLACIER_IR"},
        {"Days": 300, "StorageClass": "ONEZONE_IA"},
    ]
    assert storage_class_by_age(transitions, "Days", put, now) == "GLACIER_IR"
    assert is_colder("GLACIER_IR", "STANDARD_IA")
    assert not is_colder("STANDARD_IA", "GLACIER_IR")
