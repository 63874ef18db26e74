"""Identifiers in the forms AWS uses."""

import secrets
import uuid

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def resource_id() -> str:
    """Return 12 random characters of [a-z0-9], the last part of every Bedrock ARN."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


def request_id() -> str:
    """Return a UUID as sent in x-amzn-RequestId."""
    return str(uuid.uuid4())
