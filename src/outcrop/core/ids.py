"""Identifiers in the forms AWS uses."""

import os
import secrets
import uuid

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def resource_id() -> str:
    """Return 12 random characters of [a-z0-9], the last part of every Bedrock ARN."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


def ordered_id(moment_us: int) -> str:
    """Return a UUID (version 7) whose text sorts by the time it was made at, where that is what lists sort by.

    Args:
        moment_us: microseconds since 1970, of which the milliseconds count.
    """
    bits = (moment_us // 1000 << 80) | secrets.randbits(80)
    bits = bits & ~(0xF << 76) | (7 << 76)
    bits = bits & ~(0x3 << 62) | (2 << 62)
    return str(uuid.UUID(int=bits))


def request_id() -> str:
    """Return 128 random bits in the form of a UUID, as sent in x-amzn-RequestId."""
    text = os.urandom(16).hex()  # a third of uuid4's cost, and every request takes one
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
