"""Secrets by what callers call them: a name, an ARN, or an ARN without its six random characters."""

import re

from sqlalchemy import Connection

from outcrop.aws.errors import ValidationException
from outcrop.core.times import now_us
from outcrop.services.platform import Context, Platform
from outcrop.services.secretsmanager.errors import (
    InvalidRequestException,
    ResourceNotFoundException,
)
from outcrop.storage.secrets import SecretRow, rows

_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")
# AWS takes any ARN that ends like this for a whole one, even where it is cut from a name.
_ENDS_LIKE_ARN = re.compile(r".+-[A-Za-z0-9]{6}")


def check_name(name: str) -> None:
    """Make sure that a text can name a secret.

    Raises:
        ValidationException: it has other characters.
    """
    if not _NAME.fullmatch(name):
        raise ValidationException(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
            "-/_+=.@!"
        )


def arn_prefix(region: str, account_id: str) -> str:
    """Return what all ARNs of secrets in a region begin with."""
    return f"arn:aws:secretsmanager:{region}:{account_id}:secret:"


def find(
    connection: Connection, identifier: str, region: str, platform: Platform
) -> SecretRow | None:
    """Return a secret, also one that is scheduled for deletion."""
    now = now_us(platform.clock)
    if not identifier.startswith("arn:"):
        return rows.find(connection, region, name=identifier, now_us=now)
    prefix = arn_prefix(region, platform.account_id)
    if not identifier.startswith(prefix):
        return None
    row = rows.get(connection, identifier, now)
    name = identifier.removeprefix(prefix)
    if row is None and not _ENDS_LIKE_ARN.fullmatch(name):
        row = rows.find(connection, region, name=name, now_us=now)
    return row


def require(connection: Connection, identifier: str, context: Context) -> SecretRow:
    """Return a secret, also one that is scheduled for deletion.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        ValidationException: no secret can have this name.
    """
    if not identifier.startswith("arn:"):
        check_name(identifier)
    row = find(connection, identifier, context.region, context.platform)
    if row is None:
        raise ResourceNotFoundException
    return row


def require_usable(connection: Connection, identifier: str, context: Context) -> SecretRow:
    """Return a secret that is not scheduled for deletion.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        InvalidRequestException: it is marked for deletion.
    """
    row = require(connection, identifier, context)
    if row.deleted_us is not None:
        raise InvalidRequestException
    return row
