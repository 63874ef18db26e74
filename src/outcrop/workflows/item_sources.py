"""Where the items of a distributed Map come from: JSON, JSON Lines and CSV objects, inventories, lists of objects."""

import csv
import dataclasses
import io
import json
from collections.abc import Mapping
from typing import Any

from outcrop.workflows.asl.data_flow import Batching, Reading
from outcrop.workflows.asl.java_maps import hash_ordered
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.tasks import Integrations, TaskCall, TaskFailed

READER_FAILED = "States.ItemReaderFailed"
_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
_MOST_ITEMS = 100_000_000
_LISTED = ("Key", "LastModified", "Size", "StorageClass")


class ItemsUnreadable(Exception):
    """The items cannot be read; its text is the cause."""


async def read_items(integrations: Integrations, call: TaskCall, reading: Reading) -> list[Any]:
    """Return the items that a reader stands for.

    Args:
        integrations: make the call.
        call: the reader's resource with its arguments.
        reading: its configuration.

    Raises:
        ItemsUnreadable: the object cannot be had, or has another form.
    """
    most = reading.max_items
    if most is not None and most < 0:
        raise ItemsUnreadable("field MaxItems must be positive")
    try:
        if call.resource.rpartition(":")[2] == "listObjectsV2":
            items = await _listed(integrations, call, most)
        else:
            answer = await integrations.start(call)
            items = await _parsed(integrations, call, answer["Body"], reading.config)
    except TaskFailed as failed:
        raise ItemsUnreadable(failed.cause) from failed
    return items[: most or _MOST_ITEMS]


async def _listed(integrations: Integrations, call: TaskCall, most: int | None) -> list[Any]:
    items: list[Any] = []
    given = dict(call.arguments)
    while True:
        answer = await integrations.start(dataclasses.replace(call, arguments=dict(given)))
        items.extend(_listed_item(entry) for entry in answer.get("Contents") or [])
        following = answer.get("NextContinuationToken")
        if not following or (most and len(items) >= most):
            return items
        given["ContinuationToken"] = following


def _listed_item(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return one object of a list as an item: AWS gives five of its members, the first under a name of its own."""
    etag = {"Etag": entry["ETag"]} if "ETag" in entry else {}
    return etag | {name: entry[name] for name in _LISTED if name in entry}


async def _parsed(
    integrations: Integrations, call: TaskCall, body: Any, config: Mapping[str, Any]
) -> list[Any]:
    kind = str(config.get("InputType", "JSON")).upper()
    if kind == "MANIFEST":
        return await _inventory(integrations, call, body)
    text = body if isinstance(body, str) else json.dumps(body)
    text = text.removeprefix("\ufeff")
    if kind == "CSV":
        return csv_items(text, config)
    if kind == "JSONL":
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise ItemsUnreadable(f"Error while parsing JSONL file: {error}") from None
    if kind != "JSON":
        raise ItemsUnreadable(f"The InputType {kind} is not supported")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ItemsUnreadable(f"Error while parsing JSON file: {error}") from None
    pointer = str(config.get("ItemsPointer", ""))
    value = _pointed(value, pointer)
    if isinstance(value, dict) and pointer:
        return [{"Key": key, "Value": item} for key, item in value.items()]
    if not isinstance(value, list):
        raise ItemsUnreadable("Attempting to map over non-iterable node.")
    return value


def _pointed(value: Any, pointer: str) -> Any:
    """Return what an RFC 6901 pointer leads to."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ItemsUnreadable(f"The ItemsPointer {pointer} leads nowhere.") from None
    return value


def csv_items(text: str, config: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the rows of a CSV text as objects; columns without a header are left out.

    Raises:
        ItemsUnreadable: two columns have the same header.
    """
    delimiter = _DELIMITERS.get(str(config.get("CSVDelimiter", "COMMA")), ",")
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    headers = config.get("CSVHeaders")
    if config.get("CSVHeaderLocation") == "FIRST_ROW":
        if not rows:
            return []
        headers, rows = rows[0], rows[1:]
    names = [str(name) for name in headers or ()]
    if len(set(names)) < len(names):
        raise ItemsUnreadable("CSV headers cannot contain duplicates.")
    places = {name: place for place, name in enumerate(names)}
    ordered = [(name, places[name]) for name in hash_ordered(names)]
    return [
        {name: row[place] if place < len(row) else "" for name, place in ordered} for row in rows
    ]


async def _inventory(integrations: Integrations, call: TaskCall, body: Any) -> list[Any]:
    """Return the objects that an S3 Inventory's manifest leads to; its files are CSV, gzipped or not."""
    try:
        manifest = json.loads(body) if isinstance(body, str) else body
        names = [name.strip() for name in manifest["fileSchema"].split(",")]
        keys = [file["key"] for file in manifest["files"]]
        bucket = manifest["destinationBucket"].rpartition(":")[2]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ItemsUnreadable("The manifest is not one of an S3 inventory.") from None
    items: list[Any] = []
    for key in keys:
        arguments = {"Bucket": bucket, "Key": key}
        answer = await integrations.start(dataclasses.replace(call, arguments=arguments))
        config = {"CSVHeaders": names}
        items.extend(csv_items(str(answer["Body"]), config))
    return items


def batched(inputs: list[Any], batching: Batching | None) -> list[tuple[Any, int]]:
    """Return what each child execution is given, and how many items are in it."""
    if batching is None:
        return [(value, 1) for value in inputs]
    batches: list[tuple[Any, int]] = []
    fixed: dict[str, Any] = {"BatchInput": batching.batch_input} if batching.has_batch_input else {}
    group: list[Any] = []
    empty_bytes = len(compact({**fixed, "Items": []}).encode())
    size_bytes = empty_bytes
    for value in inputs:
        added_bytes = len(compact(value).encode()) + 1
        is_full = batching.max_items is not None and len(group) >= batching.max_items
        is_heavy = batching.max_bytes is not None and size_bytes + added_bytes > batching.max_bytes
        if group and (is_full or is_heavy):
            batches.append(({**fixed, "Items": group}, len(group)))
            group, size_bytes = [], empty_bytes
        group.append(value)
        size_bytes += added_bytes
    if group:
        batches.append(({**fixed, "Items": group}, len(group)))
    return batches
