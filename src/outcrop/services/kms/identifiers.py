"""What requests call a key (id, ARN, alias, alias ARN), and the key that this means."""

import re

from sqlalchemy import Connection

from outcrop.aws.arns import Arn, is_arn
from outcrop.services.kms.errors import InvalidArnException, NotFoundException
from outcrop.services.kms.times import now_us
from outcrop.services.platform import Context
from outcrop.storage.kms_keys import aliases, keys
from outcrop.storage.kms_keys.keys import KeyRow

ALIAS_PREFIX = "alias/"
RESERVED_PREFIX = "alias/aws/"
# A multi-Region key's id is well-formed, too: there is none here, and the caller learns that.
_KEY_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}"
)


def key_arn(region: str, account_id: str, key_id: str) -> str:
    """Return the ARN of a key."""
    return f"arn:aws:kms:{region}:{account_id}:key/{key_id}"


def alias_arn(region: str, account_id: str, name: str) -> str:
    """Return the ARN of an alias; its name holds "alias/" already."""
    return f"arn:aws:kms:{region}:{account_id}:{name}"


def alias_name(identifier: str) -> str:
    """Return the alias that an identifier names, "" where it names a key directly."""
    if identifier.startswith(ALIAS_PREFIX):
        return identifier
    resource = identifier.split(":", 5)[-1] if identifier.startswith("arn:") else ""
    return resource if resource.startswith(ALIAS_PREFIX) else ""


def find(connection: Connection, identifier: str, context: Context) -> KeyRow:
    """Return the key of an id, ARN, alias or alias ARN.

    Raises:
        NotFoundException: there is none in this account and region.
        InvalidArnException: an ARN of something else.
    """
    _check_arn(identifier, context)
    name = alias_name(identifier)
    if not name:
        return find_by_id(connection, identifier, context)
    alias = aliases.find(connection, context.region, name)
    row = None if alias is None else keys.get(connection, alias.key_id)
    if row is None or row.is_gone(now_us(context)):
        arn = alias_arn(context.region, context.account_id, name)
        raise NotFoundException(f"Alias {arn} is not found.")
    return row


def find_by_id(connection: Connection, identifier: str, context: Context) -> KeyRow:
    """Return the key of an id or ARN; for operations that take no alias.

    Raises:
        NotFoundException: there is none in this account and region.
        InvalidArnException: an ARN of something else.
    """
    _check_arn(identifier, context)
    key_id = identifier
    if identifier.startswith("arn:"):
        key_id = identifier.rpartition(":key/")[2]
    if not _KEY_ID.fullmatch(key_id):
        raise NotFoundException(f"Invalid keyId '{identifier}'")
    arn = identifier
    if not identifier.startswith("arn:"):
        arn = key_arn(context.region, context.account_id, key_id)
    row = keys.get(connection, key_id)
    if row is None or row.arn != arn or row.is_gone(now_us(context)):
        raise NotFoundException(f"Key '{arn}' does not exist")
    return row


def _check_arn(identifier: str, context: Context) -> None:
    if not identifier.startswith("arn:"):
        return
    if not is_arn(identifier):
        raise InvalidArnException(f"Invalid ARN '{identifier}'")
    arn = Arn.parse(identifier)
    if arn.service != "kms" or arn.resource_type not in {"key", "alias"}:
        raise InvalidArnException(f"{identifier} is not the ARN of a KMS key or alias")
    if arn.region != context.region:
        raise NotFoundException(f"Invalid arn {arn.region}")
