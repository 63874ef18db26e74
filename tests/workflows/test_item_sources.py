"""Items of distributed Maps, as they come out of files and lists."""

from typing import Any

import pytest

from outcrop.workflows.asl.java_maps import hash_ordered
from outcrop.workflows.item_sources import ItemsUnreadable, csv_items
from support import workflow_machines as machines
from support.workflow_engine import EngineRoom

FIRST_ROW = {"CSVHeaderLocation": "FIRST_ROW"}


def test_members_of_a_row_come_in_the_order_of_a_hash_map() -> None:
    assert hash_ordered(["0", "True", "{}"]) == ["0", "{}", "True"]
    rows = csv_items("H1,\nv4,v5,v6\n,,,\n", FIRST_ROW)
    assert [list(row.items()) for row in rows] == [
        [("", "v5"), ("H1", "v4")],
        [("", ""), ("H1", "")],
    ]


def test_a_hash_map_of_many_keys_has_more_buckets() -> None:
    assert hash_ordered(["q", "a"]) == ["q", "a"]
    between = list("CDEFGHIJKLM")
    assert hash_ordered(["q", "a", *between]) == ["a", *between, "q"]


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ItemsUnreadable, match="CSV headers cannot contain duplicates"):
        csv_items("1,2\n", {"CSVHeaderLocation": "GIVEN", "CSVHeaders": ["H1", "H1"]})


async def test_a_listed_object_is_an_item_of_five_members(room: EngineRoom) -> None:
    listed = {"Key": "k", "LastModified": "t", "ETag": '"e"', "ChecksumType": "x", "Size": 3}
    room.integrations.plays["listObjectsV2"] = lambda _call: {
        "Contents": [{**listed, "StorageClass": "STANDARD"}]
    }
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}}
    record = await room.run(machines.distributed(ItemReader=reader))
    assert record.output == (
        '[{"item":{"Etag":"\\"e\\"","Key":"k","LastModified":"t","Size":3,"StorageClass":"STANDARD"}}]'
    )


@pytest.mark.parametrize(
    ("most", "types"),
    [
        (-1, ["MapStateStarted", "MapRunStarted", "MapRunFailed", "MapStateFailed"]),
        (1.5, ["MapStateStarted"]),
    ],
)
async def test_a_wrong_number_of_items_fails_the_map_once_it_started(
    room: EngineRoom, most: Any, types: list[str]
) -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.most"},
        "Parameters": {"Bucket": "b", "Key": "k"},
    }
    record = await room.run(machines.distributed(ItemReader=reader), {"most": most})
    events = await room.events(record.arn)
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "MapStateEntered",
        *types,
        "ExecutionFailed",
    ]
