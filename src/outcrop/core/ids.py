"""Identifiers in the forms AWS uses."""

import os
import secrets

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def resource_id() -> str:
    """Return 12 random characters of [a-z0-9], the last part of every Bedrock ARN."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


def request_id() -> str:
    """Return 128 random bits in the form of a UUID, as sent in x-amzn-RequestId."""
    text = os.urandom(16).hex()  # a third of uuid4's cost, and every request takes one
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
