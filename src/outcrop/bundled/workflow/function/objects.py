"""Reading and writing objects in S3."""

import json
import re
from typing import Any

_URI = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Return the two parts of an S3 URI.

    Raises:
        ValueError: it is none, or names no object.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is not the URI of an object: s3://BUCKET/KEY")
    return match[1], match[2]


def client(service: str) -> Any:  # boto3 makes its classes at run time
    """Return a boto3 client, which finds endpoint and credentials in the function's environment."""
    import boto3

    return boto3.client(service)


def read(bucket: str, key: str) -> bytes:
    """Return an object's content."""
    content: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def read_json(bucket: str, key: str) -> Any:
    """Return what an object holds as JSON."""
    return json.loads(read(bucket, key))


def write(bucket: str, key: str, content: str, media_type: str) -> str:
    """Write a text, and return its URI."""
    client("s3").put_object(
        Bucket=bucket, Key=key, Body=content.encode(), ContentType=f"{media_type}; charset=utf-8"
    )
    return f"s3://{bucket}/{key}"


def write_json(bucket: str, key: str, value: Any) -> str:
    """Write a value as JSON, and return its URI."""
    return write(bucket, key, json.dumps(value, ensure_ascii=False), "application/json")
