"""Cost of the wire per request: routing, parsing, validating and serializing, in microseconds of CPU time.

Run: python bench/wire_cost.py
"""

import json
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from outcrop.aws.http import HttpRequest
from outcrop.aws.routing import Router
from outcrop.aws.wire import parse_request, serialize_response, validate

REPETITIONS = 5_000
ROUNDS = 5
JOB_ARN = (
    "arn:aws:bedrock:us-east-1:123456789012:model-customization-job/outcrop.nano-v1:0/abcdefghijkl"
)
HEADERS = {
    "host": "127.0.0.1:4566",
    "user-agent": "Boto3/1.44.5 md/Botocore#1.44.5",
    "x-amz-date": "20261120T165039Z",
    "authorization": "AWS4-HMAC-SHA256 Credential=...",
    "amz-sdk-invocation-id": "5c0d9a3f-0000-4000-8000-000000000000",
    "amz-sdk-request": "attempt=1",
}
NOW = datetime(2026, 11, 20, 16, 50, 39, 123456, UTC)
JOB = {
    "jobArn": JOB_ARN,
    "jobName": "support-tone-1",
    "outputModelName": "support-tone",
    "roleArn": "arn:aws:iam::123456789012:role/customization",
    "status": "InProgress",
    "statusDetails": {"trainingDetails": {"status": "InProgress", "creationTime": NOW}},
    "creationTime": NOW,
    "lastModifiedTime": NOW,
    "baseModelArn": "arn:aws:bedrock:us-east-1::foundation-model/outcrop.nano-v1:0",
    "hyperParameters": {"epochCount": "3", "batchSize": "8", "learningRate": "0.001"},
    "trainingDataConfig": {"s3Uri": "s3://bucket/train.jsonl"},
    "validationDataConfig": {"validators": []},
    "outputDataConfig": {"s3Uri": "s3://bucket/out/"},
    "customizationType": "FINE_TUNING",
}
OBJECT = {
    "Body": b"x" * 1024,
    "ContentLength": 1024,
    "ContentType": "text/plain",
    "ETag": '"9e107d9d372bb6826bd81d3542a419d6"',
    "LastModified": NOW,
    "AcceptRanges": "bytes",
    "Metadata": {"origin": "bench"},
}
CALLS: dict[str, tuple[HttpRequest, str, dict[str, Any]]] = {
    "InvokeModel": (
        HttpRequest(
            "POST",
            "/model/outcrop.nano-v1%3A0/invoke",
            headers=HEADERS | {"content-type": "application/json"},
            body=json.dumps({"prompt": "Hello", "max_tokens": 64}).encode(),
        ),
        "bedrock",
        {"body": b'{"completion":"Hi"}', "contentType": "application/json"},
    ),
    "GetModelCustomizationJob": (
        HttpRequest(
            "GET",
            "/model-customization-jobs/" + JOB_ARN.replace(":", "%3A").replace("/", "%2F"),
            headers=HEADERS,
        ),
        "bedrock",
        JOB,
    ),
    "S3 GetObject": (HttpRequest("GET", "/bucket/folder/key.txt", headers=HEADERS), "s3", OBJECT),
}
SERVICES = ("bedrock", "bedrock-runtime", "s3")


def processor() -> str:
    """Return the name of this machine's processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def microseconds(call: Callable[[], object]) -> float:
    """Return the CPU time of one call: the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(REPETITIONS):
            call()
        best = min(best, time.process_time() - started)
    return best / REPETITIONS * 1e6


def main() -> None:
    """Print one line per operation."""
    router = Router(SERVICES)
    print(f"{processor()}, Python {platform.python_version()}; µs per request")
    print(f"{'':26}{'route':>8}{'parse':>8}{'validate':>10}{'serialize':>11}{'sum':>8}")
    for name, (request, signing_name, result) in CALLS.items():
        route = router.match(request, signing_name)
        parameters = parse_request(route, request)
        costs = [
            microseconds(lambda: router.match(request, signing_name)),  # noqa: B023  # called here
            microseconds(lambda: parse_request(route, request)),  # noqa: B023  # called here
            microseconds(lambda: validate(route, parameters)),  # noqa: B023  # called here
            microseconds(lambda: serialize_response(route, result, "id")),  # noqa: B023  # called here
        ]
        a, b, c, d = costs
        print(f"{name:26}{a:8.1f}{b:8.1f}{c:10.1f}{d:11.1f}{sum(costs):8.1f}")


if __name__ == "__main__":
    main()
