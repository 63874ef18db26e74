"""What happens in a bucket, told to whom its notification configuration names.

EventBridge gets events of the form "Object Created", functions and topics S3's own records. Both are kept before the
operation that they are of is answered. A bucket without a configuration costs one look into memory.

Source: S3 User Guide, "EventBridge event message structure" and "Event message structure".
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from outcrop.core.times import from_us, now_us
from outcrop.services.platform import Context, Platform
from outcrop.services.s3.owner import canonical_id
from outcrop.storage.objects.records import Deletion, Doomed, StoredObject

SERVICE = "s3.amazonaws.com"
_DIRECT = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "TopicConfigurations": "TopicArn",
}
_CREATED = {
    "PutObject": "ObjectCreated:Put",
    "CopyObject": "ObjectCreated:Copy",
    "CompleteMultipartUpload": "ObjectCreated:CompleteMultipartUpload",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who made something happen.

    Attributes:
        requester: the account, or the service that did it.
        source_ip: "" for what was not asked for over a network.
    """

    requester: str
    principal_id: str
    request_id: str
    source_ip: str


# As whom lifecycle rules delete.
LIFECYCLE = Caller(SERVICE, SERVICE, "", "")


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to one object.

    Attributes:
        name: as S3's records and configurations have it, such as "ObjectCreated:Put".
        detail_type: as EventBridge has it.
        more: further members of the event's detail.
        moved_us: what orders the events of one key.
    """

    name: str
    detail_type: str
    key: str
    moved_us: int
    version_id: str | None = None
    size_bytes: int | None = None
    etag: str | None = None
    more: tuple[tuple[str, str], ...] = ()


def created(stored: StoredObject, operation: str) -> Happening:
    """Return that an object was made by an operation."""
    return Happening(
        _CREATED[operation],
        "Object Created",
        stored.key,
        stored.last_modified_us,
        stored.shown_version_id,
        stored.size_bytes,
        stored.etag,
        (("reason", operation),),
    )


def removed(doomed: Doomed, done: Deletion, at_us: int, reason: str = "DeleteObject") -> Happening:
    """Return that an object or version was deleted, or hidden behind a marker."""
    is_hidden = done.is_marker and doomed.version_id is None
    kind = "DeleteMarkerCreated" if is_hidden else "Delete"
    family = "ObjectRemoved" if reason == "DeleteObject" else "LifecycleExpiration"
    return Happening(
        f"{family}:{kind}",
        "Object Deleted",
        done.key,
        at_us,
        done.version_id,
        more=(
            ("reason", reason),
            ("deletion-type", "Delete Marker Created" if is_hidden else "Permanently Deleted"),
        ),
    )


def changed(stored: StoredObject, name: str, at_us: int) -> Happening:
    """Return that something beside an object's content was changed: its tags or its access control list."""
    detail_type = {
        "ObjectTagging:Put": "Object Tags Added",
        "ObjectTagging:Delete": "Object Tags Deleted",
        "ObjectAcl:Put": "Object ACL Updated",
    }[name]
    return Happening(
        name, detail_type, stored.key, at_us, stored.shown_version_id, etag=stored.etag
    )


async def announce_soon(bucket: str, happening: Happening, context: Context) -> None:
    """Tell of something from an operation that runs on the event loop."""
    if _configuration(bucket, context.platform):
        await asyncio.to_thread(announce, bucket, [happening], context)


def announce(bucket: str, happenings: Sequence[Happening], context: Context) -> None:
    """Tell of what an operation did; kept when this returns."""
    if _configuration(bucket, context.platform):
        caller = Caller(
            context.account_id,
            context.principal.principal_id or context.principal.account_id,
            context.request_id,
            context.client_ip,
        )
        announce_for(caller, bucket, happenings, context.platform)


def announce_for(
    caller: Caller, bucket: str, happenings: Iterable[Happening], platform: Platform
) -> None:
    """Tell of what was done without a request, or of what one did."""
    configuration = _configuration(bucket, platform)
    if not configuration:
        return
    region = platform.objects.buckets.get(bucket).region
    arn = f"arn:aws:s3:::{bucket}"
    events: list[tuple[str, dict[str, Any]]] = []
    for happening in happenings:
        if "EventBridgeConfiguration" in configuration:
            detail = _detail(caller, bucket, happening)
            moment = from_us(happening.moved_us)
            events.append(
                (
                    "default",
                    platform.events.make(
                        region, "aws.s3", happening.detail_type, detail, [arn], moment
                    ),
                )
            )
        for target, destination in _destinations(configuration, happening):
            record = _record(caller, bucket, region, happening, destination["Id"], platform)
            platform.events.send(region, SERVICE, arn, target, json.dumps({"Records": [record]}))
    if events:
        platform.events.publish(events)


def overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two destinations are to be told of the same thing, which S3 does not allow."""
    if not any(_covers(a, b) or _covers(b, a) for a in one["Events"] for b in other["Events"]):
        return False
    (prefix, suffix), (other_prefix, other_suffix) = _filter(one), _filter(other)
    return (prefix.startswith(other_prefix) or other_prefix.startswith(prefix)) and (
        suffix.endswith(other_suffix) or other_suffix.endswith(suffix)
    )


def _configuration(bucket: str, platform: Platform) -> Mapping[str, Any]:
    found = platform.bucket_configurations.find(bucket)
    return {} if found is None else found.document("notification") or {}


def _destinations(
    configuration: Mapping[str, Any], happening: Happening
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for member, arn_member in _DIRECT.items():
        for destination in configuration.get(member, ()):
            prefix, suffix = _filter(destination)
            if (
                any(_covers(event, f"s3:{happening.name}") for event in destination["Events"])
                and happening.key.startswith(prefix)
                and happening.key.endswith(suffix)
            ):
                yield destination[arn_member], destination


def _covers(wanted: str, name: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith(":*") else name == wanted


def _filter(destination: Mapping[str, Any]) -> tuple[str, str]:
    rules = destination.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    values = {rule["Name"].lower(): rule["Value"] for rule in rules}
    return values.get("prefix", ""), values.get("suffix", "")


def _sequencer(happening: Happening) -> str:
    return f"{happening.moved_us:018X}"


def _detail(caller: Caller, bucket: str, happening: Happening) -> dict[str, Any]:
    thing: dict[str, Any] = {"key": happening.key}
    if happening.size_bytes is not None:
        thing["size"] = happening.size_bytes
    if happening.etag is not None:
        thing["etag"] = happening.etag
    if happening.version_id is not None:
        thing["version-id"] = happening.version_id
    thing["sequencer"] = _sequencer(happening)
    detail: dict[str, Any] = {"version": "0", "bucket": {"name": bucket}, "object": thing}
    if caller.request_id:
        detail["request-id"] = caller.request_id
    detail["requester"] = caller.requester
    if caller.source_ip:
        detail["source-ip-address"] = caller.source_ip
    return {**detail, **dict(happening.more)}


def _record(  # noqa: PLR0913, PLR0917  # what a record says
    caller: Caller,
    bucket: str,
    region: str,
    happening: Happening,
    configuration_id: str,
    platform: Platform,
) -> dict[str, Any]:
    # Keys are encoded as in forms: functions that read them decode so.
    thing: dict[str, Any] = {"key": quote_plus(happening.key, safe="/")}
    if happening.size_bytes is not None:
        thing["size"] = happening.size_bytes
    if happening.etag is not None:
        thing["eTag"] = happening.etag
    if happening.version_id is not None:
        thing["versionId"] = happening.version_id
    thing["sequencer"] = _sequencer(happening)
    moment = datetime.fromtimestamp(happening.moved_us / 1e6, UTC)
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": happening.name,
        "userIdentity": {"principalId": caller.principal_id},
        "requestParameters": {"sourceIPAddress": caller.source_ip},
        "responseElements": {"x-amz-request-id": caller.request_id},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": canonical_id(platform.account_id)},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": thing,
        },
    }


def first_message(bucket: str, request_id: str, platform: Platform) -> str:
    """Return what a topic is sent when it becomes a destination."""
    moment = from_us(now_us(platform.clock)).isoformat(timespec="milliseconds")
    return json.dumps(
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": moment.replace("+00:00", "Z"),
            "Bucket": bucket,
            "RequestId": request_id,
        }
    )
