"""Listings through boto3: pages, prefixes, delimiters, markers and strange keys."""

from typing import Any

import pytest

KEYS = [
    "a",
    "a b+c%d",
    "a/1",
    "a/2/x",
    "a/2/y",
    "b/1",
    "ünï/cödé",
    "z&<>\"'",
    "zz\ttab",
]


@pytest.fixture
def filled(s3: Any, bucket: str) -> str:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def in_order(keys: list[str]) -> list[str]:
    return sorted(keys, key=str.encode)


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_paginators_see_every_object_once(
    s3: Any, filled: str, operation: str, page_size: int
) -> None:
    pages = s3.get_paginator(operation).paginate(
        Bucket=filled, PaginationConfig={"PageSize": page_size}
    )
    member = "Versions" if operation == "list_object_versions" else "Contents"
    found = [item for page in pages for item in page.get(member, [])]
    assert [item["Key"] for item in found] == in_order(KEYS)
    assert [item["Size"] for item in found] == [len(key.encode()) for key in in_order(KEYS)]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("page_size", [1, 3, 1000])
def test_keys_are_rolled_up_at_the_delimiter(
    s3: Any, filled: str, operation: str, page_size: int
) -> None:
    paginator = s3.get_paginator(operation)

    def roll_up(prefix: str) -> tuple[list[str], list[str]]:
        pages = list(
            paginator.paginate(
                Bucket=filled,
                Prefix=prefix,
                Delimiter="/",
                PaginationConfig={"PageSize": page_size},
            )
        )
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        prefixes = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
        return keys, prefixes

    plain = [key for key in KEYS if "/" not in key]
    assert roll_up("") == (in_order(plain), ["a/", "b/", "ünï/"])
    assert roll_up("a/") == (["a/1"], ["a/2/"])
    assert roll_up("a/2/") == (["a/2/x", "a/2/y"], [])
    assert roll_up("nothing") == ([], [])


def test_what_version_2_says_of_a_page(s3: Any, filled: str) -> None:
    first = s3.list_objects_v2(Bucket=filled, MaxKeys=2, StartAfter="a", FetchOwner=True)
    assert [item["Key"] for item in first["Contents"]] == ["a b+c%d", "a/1"]
    assert first["KeyCount"] == first["MaxKeys"] == 2
    assert first["IsTruncated"] is True
    assert first["StartAfter"] == "a"
    entry = first["Contents"][0]
    assert entry["StorageClass"] == "STANDARD"
    assert entry["ChecksumAlgorithm"] == ["CRC32"]
    assert len(entry["Owner"]["ID"]) == 64
    rest = s3.list_objects_v2(Bucket=filled, ContinuationToken=first["NextContinuationToken"])
    assert [item["Key"] for item in rest["Contents"]] == in_order(KEYS)[3:]
    assert rest["IsTruncated"] is False
    assert "NextContinuationToken" not in rest
    assert "Owner" not in rest["Contents"][0]
    entry = s3.list_objects(Bucket=filled)["Contents"][0]
    assert entry["ETag"] == s3.head_object(Bucket=filled, Key="a")["ETag"]
    assert entry["LastModified"] == s3.head_object(Bucket=filled, Key="a")["LastModified"]


def test_a_token_that_nobody_gave_is_refused(s3: Any, filled: str, refused: Any) -> None:
    call = {"Bucket": filled, "ContinuationToken": "x"}
    assert refused(s3.list_objects_v2, **call) == ("InvalidArgument", 400)


def test_nothing_is_listed_when_nothing_is_asked_for(s3: Any, filled: str, refused: Any) -> None:
    page = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)
    assert refused(s3.list_objects_v2, Bucket=filled, MaxKeys=-1) == ("InvalidArgument", 400)
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=5000)["MaxKeys"] == 1000
