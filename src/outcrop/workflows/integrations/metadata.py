"""What the older optimized integrations add to a result: the answer's headers, as version 1 of the SDK shows them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from outcrop.aws import service_models
from outcrop.core.ids import request_id


def sdk_metadata(service: str, operation: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return SdkHttpMetadata and SdkResponseMetadata of an answer, as long as the service's protocol makes it.

    Args:
        service: botocore's name.
        operation: AWS's name.
        result: wire names.
    """
    number = request_id()
    response = service_models.load(service).operation(operation).serialize(result, number)
    assert isinstance(response.body, bytes), "only blobs are streamed"
    media_type = next(
        (value for name, value in response.headers if name.lower() == "content-type"), ""
    )
    headers = {
        "connection": "keep-alive",
        "Content-Length": str(len(response.body)),
        "Content-Type": media_type,
        "Date": f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S GMT}",
        "x-amzn-RequestId": number,
    }
    return metadata(headers, number)


def metadata(headers: Mapping[str, str], number: str, status: int = 200) -> dict[str, Any]:
    """Return the two members for an answer with these headers."""
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": dict(headers),
            "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": number},
    }
