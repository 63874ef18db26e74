"""How a key comes into being: a customer's by CreateKey, a service's when the service first needs it."""

import json
import os
from collections.abc import Mapping, Sequence
from uuid import uuid4

from sqlalchemy import Connection

from outcrop.core.errors import KeySourceUnavailable
from outcrop.crypto.asymmetric_keys import make_key_pair
from outcrop.services.kms.errors import KeyUnavailableException
from outcrop.services.kms.identifiers import RESERVED_PREFIX, key_arn
from outcrop.services.kms.specs import ENCRYPT_DECRYPT, SPECS, SYMMETRIC
from outcrop.services.kms.times import DAY_US, now_us
from outcrop.services.platform import Context
from outcrop.storage import tags as tag_rows
from outcrop.storage.kms_keys import aliases, keys, materials
from outcrop.storage.kms_keys.aliases import AliasRow
from outcrop.storage.kms_keys.keys import KeyRow, KeyState
from outcrop.storage.kms_keys.materials import MaterialRow

# Services of this server that have an AWS managed key on AWS, and their full names.
MANAGING_SERVICES: Mapping[str, str] = {
    "lambda": "AWS Lambda",
    "s3": "S3",
    "secretsmanager": "AWS Secrets Manager",
    "ses": "Amazon SES",
    "sns": "SNS",
}
_MANAGED_ROTATION_DAYS = 365


def default_policy(account_id: str) -> str:
    """Return the key policy of keys that were made without one: it hands decisions to the account's own policies."""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return _written("key-default-1", [statement])


def managed_policy(service: str, region: str, account_id: str) -> str:
    """Return the key policy of a service's key: everybody in the account, but by way of the service only."""
    name = MANAGING_SERVICES[service]
    use = {
        "Sid": f"Allow access through {name} for all principals in the account that are "
        f"authorized to use {name}",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
            "kms:CreateGrant",
            "kms:DescribeKey",
        ],
        "Resource": "*",
        "Condition": {
            "StringEquals": {
                "kms:CallerAccount": account_id,
                "kms:ViaService": f"{service}.{region}.amazonaws.com",
            }
        },
    }
    look = {
        "Sid": "Allow direct access to key metadata to the account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
        "Resource": "*",
    }
    return _written(f"auto-{service}-1", [use, look])


def new_material(  # what a material is made of
    context: Context,
    key_id: str,
    spec: str,
    *,
    number: int = 0,
    rotation_type: str | None = None,
) -> MaterialRow:
    """Return fresh, wrapped material for a key. May take a second, or wait for Vault; not for the event loop.

    Raises:
        KeyUnavailableException: the root of trust cannot be reached, or refuses.
    """
    length = SPECS[spec].secret_bytes
    secret, public_key = (os.urandom(length), None) if length else make_key_pair(spec)
    try:
        return context.platform.kms_materials.wrap(
            key_id,
            secret,
            number=number,
            now_us=now_us(context),
            public_key=public_key,
            rotation_type=rotation_type,
        )
    except KeySourceUnavailable as error:
        raise KeyUnavailableException(str(error)) from None


def new_key(  # noqa: PLR0913  # what a key is made of
    context: Context,
    *,
    spec: str,
    usage: str,
    policy: str,
    description: str = "",
    service: str = "",
    material: MaterialRow,
) -> KeyRow:
    """Return the row of a key that is to be inserted with its first material."""
    key_id = material.key_id
    now = now_us(context)
    return KeyRow(
        id=key_id,
        region=context.region,
        arn=key_arn(context.region, context.account_id, key_id),
        revision=1,
        created_us=now,
        state=KeyState.ENABLED,
        deletion_us=None,
        pending_days=None,
        description=description,
        spec=spec,
        usage=usage,
        origin="AWS_KMS",
        service=service,
        policy=policy,
        material_id=material.id,
        rotation_days=_MANAGED_ROTATION_DAYS if service else None,
        rotation_due_us=now + _MANAGED_ROTATION_DAYS * DAY_US if service else None,
        rotations_on_demand=0,
    )


def insert(
    connection: Connection, row: KeyRow, material: MaterialRow, tags: Mapping[str, str]
) -> None:
    """Add a key with all that belongs to it."""
    keys.insert(connection, row)
    materials.insert(connection, material)
    tag_rows.put(connection, row.arn, tags)


def managing_service(alias: str) -> str:
    """Return the service that an alias of AWS belongs to, "" for other aliases."""
    service = alias.removeprefix(RESERVED_PREFIX)
    return service if alias.startswith(RESERVED_PREFIX) and service in MANAGING_SERVICES else ""


def ensure_managed_key(context: Context, alias: str) -> None:
    """Make the key of a service where there is none yet.

    Raises:
        KeyUnavailableException: the root of trust cannot be reached, or refuses.
    """
    service = managing_service(alias)
    name = MANAGING_SERVICES[service]
    policy = managed_policy(service, context.region, context.account_id)
    material = new_material(context, str(uuid4()), SYMMETRIC)
    row = new_key(
        context,
        spec=SYMMETRIC,
        usage=ENCRYPT_DECRYPT,
        policy=policy,
        description=f"Default key that protects my {name} data when no other key is defined",
        service=service,
        material=material,
    )
    with context.platform.database.write(durable=True) as connection:
        if aliases.find(connection, context.region, alias) is None:
            insert(connection, row, material, {})
            now = row.created_us
            aliases.insert(connection, AliasRow(context.region, alias, row.id, now, now))


def _written(policy_id: str, statements: Sequence[Mapping[str, object]]) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Id": policy_id, "Statement": statements},
        indent=2,
        separators=(",", " : "),
    )
