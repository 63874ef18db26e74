"""What a distributed Map makes of its executions' results: an output, or files in a bucket with a manifest."""

import json
from collections.abc import Sequence
from typing import Any

from outcrop.core.times import from_us
from outcrop.storage.executions.rows import ExecutionRow
from outcrop.workflows.asl.data_flow import Writing
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.timers import iso_time

_FLATTEN, _COMPACT = "FLATTEN", "COMPACT"
_STATUSES = {"FAILED": "FAILED", "TIMED_OUT": "FAILED", "ABORTED": "FAILED"}


def output_of(rows: Sequence[ExecutionRow], writing: Writing | None) -> list[Any]:
    """Return the output of a Map that keeps its results: those of the executions that succeeded, in order."""
    transformation = str((writing.config if writing else {}).get("Transformation", _COMPACT))
    succeeded = [row for row in rows if row.status == "SUCCEEDED"]
    return _transformed(succeeded, transformation if writing and writing.config else _COMPACT)


def files_of(
    rows: Sequence[ExecutionRow], writing: Writing, map_run_arn: str
) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """Return the files to write, (key, content), the manifest last, and the Map's output."""
    bucket = str(writing.arguments.get("Bucket", ""))
    prefix = str(writing.arguments.get("Prefix", "")).rstrip("/")
    folder = "/".join(part for part in (prefix, map_run_arn.rpartition(":")[2]) if part)
    transformation = str(writing.config.get("Transformation", "NONE"))
    is_lines = writing.config.get("OutputType") == "JSONL"
    suffix = "jsonl" if is_lines else "json"
    files: list[tuple[str, str]] = []
    listed: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for kind in ("SUCCEEDED", "FAILED"):
        chosen = [row for row in rows if _STATUSES.get(row.status, row.status) == kind]
        if not chosen:
            continue
        results = _transformed(chosen, transformation if kind == "SUCCEEDED" else "NONE")
        text = "\n".join(map(compact, results)) if is_lines else compact(results)
        key = f"{folder}/{kind}_0.{suffix}"
        files.append((key, text))
        listed[kind].append({"Key": key, "Size": len(text.encode())})
    manifest = {"DestinationBucket": bucket, "MapRunArn": map_run_arn, "ResultFiles": listed}
    files.append((f"{folder}/manifest.json", compact(manifest)))
    details = {"Bucket": bucket, "Key": f"{folder}/manifest.json"}
    return files, {"MapRunArn": map_run_arn, "ResultWriterDetails": details}


def _transformed(rows: Sequence[ExecutionRow], transformation: str) -> list[Any]:
    if transformation == "NONE":
        return [_described(row) for row in rows]
    outputs = [json.loads(row.output) if row.output is not None else None for row in rows]
    if transformation != _FLATTEN:
        return outputs
    flat: list[Any] = []
    for output in outputs:
        if isinstance(output, list):
            flat.extend(output)
        else:
            flat.append(output)
    return flat


def _described(row: ExecutionRow) -> dict[str, Any]:
    described: dict[str, Any] = {
        "ExecutionArn": row.arn,
        "Input": row.input,
        "InputDetails": {"Included": True},
        "Name": row.name,
        "Output": row.output,
        "OutputDetails": {"Included": True} if row.output is not None else None,
        "Error": row.error,
        "Cause": row.cause,
        "RedriveCount": row.redrive_count,
        "StartDate": iso_time(row.started_us),
        "StateMachineArn": row.machine_arn,
        "Status": row.status,
        "StopDate": None if row.stopped_us is None else iso_time(row.stopped_us),
    }
    return {name: value for name, value in described.items() if value is not None}


def describe_counts(
    statuses: Sequence[tuple[int, str]], total: int, written: int
) -> dict[str, int]:
    """Return itemCounts or executionCounts of a map run.

    Args:
        statuses: (weight, status) of each execution that was started.
        total: weight of all.
        written: results that were exported.
    """
    counts = dict.fromkeys(("pending", "running", "succeeded", "failed", "timedOut", "aborted"), 0)
    names = {
        "RUNNING": "running",
        "SUCCEEDED": "succeeded",
        "FAILED": "failed",
        "TIMED_OUT": "timedOut",
        "ABORTED": "aborted",
    }
    for weight, status in statuses:
        counts[names[status]] += weight
    counts["pending"] = max(0, total - sum(counts.values()))
    return {**counts, "total": total, "resultsWritten": written}


def moment(moment_us: int | None) -> Any:
    """Return a time as the wire takes it, or None."""
    return None if moment_us is None else from_us(moment_us)
