"""Message ids in SES's form, and the Message-ID header that carries them."""

import secrets
import uuid

# First characters of the ids that a region gives out, and the host after their "@": as seen in SES's mail.
_REGION_MARKS = {
    "us-east-1": "0100",
    "us-west-2": "0101",
    "eu-west-1": "0102",
    "eu-central-1": "0107",
}
_OTHER_MARK = "010f"


def new_message_id(region: str, now_us: int) -> str:
    """Return a new id: region, milliseconds, randomness."""
    mark = _REGION_MARKS.get(region, _OTHER_MARK)
    return f"{mark}{now_us // 1000:012x}-{secrets.token_hex(4)}{str(uuid.uuid4())[8:]}-000000"


def header_value(message_id: str, region: str) -> str:
    """Return the Message-ID of the mail with this id, as replies refer to it."""
    host = "email.amazonses.com" if region == "us-east-1" else f"{region}.amazonses.com"
    return f"<{message_id}@{host}>"


def with_message_id(message: bytes, message_id: str, region: str) -> bytes:
    """Return a message with its id on top."""
    return f"Message-ID: {header_value(message_id, region)}\r\n".encode() + message
