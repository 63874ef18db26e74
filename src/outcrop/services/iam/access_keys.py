"""Access keys of users; a secret is shown once, when it is made, and kept sealed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.identity.sessions import new_access_key_id, new_secret_key
from outcrop.services.iam import descriptions, finding
from outcrop.services.iam.errors import LimitExceeded, NoSuchEntity
from outcrop.services.iam.pages import page
from outcrop.services.platform import Context
from outcrop.storage.identities import Entity, entities, keys
from outcrop.storage.identities.keys import AccessKey

_MOST_KEYS = 2


@operation("iam:CreateAccessKey")
def create_access_key(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make an access key of a user, or of the caller where none is named.

    Raises:
        NoSuchEntity: there is no such user.
        LimitExceeded: the user has two keys.
    """
    directory = context.platform.directory
    key_id, secret = new_access_key_id("AKIA", context.account_id), new_secret_key()
    sealed = directory.seal_secret(key_id, secret)
    with directory.identities.write() as connection:
        user = finding.require_named_or_calling_user(connection, request, context)
        if len(keys.access_keys_of(connection, user.id)) >= _MOST_KEYS:
            raise LimitExceeded(f"Cannot exceed quota for AccessKeysPerUser: {_MOST_KEYS}")
        key = AccessKey(key_id, user.id, sealed, "Active", descriptions.now_us(context))
        keys.insert_access_key(connection, key)
    return {"AccessKey": {**_describe(user, key), "SecretAccessKey": secret}}


@operation("iam:ListAccessKeys")
def list_access_keys(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List a user's access keys without their secrets.

    Raises:
        NoSuchEntity: there is no such user.
    """
    with context.platform.database.read() as connection:
        user = finding.require_named_or_calling_user(connection, request, context)
        found = keys.access_keys_of(connection, user.id)
    items, end = page(found, lambda key: f"{key.created_us:020d}{key.id}", request, context)
    return {"AccessKeyMetadata": [_describe(user, key) for key in items], **end}


@operation("iam:UpdateAccessKey")
def update_access_key(request: Mapping[str, Any], context: Context) -> None:
    """Switch an access key on or off; what is off is refused from the next call on.

    Raises:
        NoSuchEntity: there is no such user, or the key is not the user's.
    """
    with context.platform.directory.identities.write() as connection:
        key = _require_key(connection, request, context)
        keys.set_access_key_status(connection, key.id, request["Status"])


@operation("iam:DeleteAccessKey")
def delete_access_key(request: Mapping[str, Any], context: Context) -> None:
    """Delete an access key.

    Raises:
        NoSuchEntity: there is no such user, or the key is not the user's.
    """
    with context.platform.directory.identities.write() as connection:
        keys.remove_access_key(connection, _require_key(connection, request, context).id)


@operation("iam:GetAccessKeyLastUsed")
def get_access_key_last_used(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Say whose an access key is, and when and for what it was last used.

    Raises:
        NoSuchEntity: no user has the key.
    """
    key_id = request["AccessKeyId"]
    with context.platform.database.read() as connection:
        key = keys.access_key(connection, key_id)
        if key is None:
            raise NoSuchEntity(f"The Access Key with id {key_id} cannot be found.")
        user = entities.by_id(connection, key.user_id)
        assert user is not None, "keys are deleted with their user"
        use = context.platform.directory.uses.last(connection, key.id)
    last_used: dict[str, Any] = {"ServiceName": "N/A", "Region": "N/A"}
    if use is not None:
        last_used = {
            "LastUsedDate": descriptions.from_us(use.used_us),
            "ServiceName": use.service,
            "Region": use.region,
        }
    return {"UserName": user.name, "AccessKeyLastUsed": last_used}


def _require_key(connection: Connection, request: Mapping[str, Any], context: Context) -> AccessKey:
    user = finding.require_named_or_calling_user(connection, request, context)
    key = keys.access_key(connection, request["AccessKeyId"])
    if key is None or key.user_id != user.id:
        raise NoSuchEntity(f"The Access Key with id {request['AccessKeyId']} cannot be found.")
    return key


def _describe(user: Entity, key: AccessKey) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "AccessKeyId": key.id,
        "Status": key.status,
        "CreateDate": descriptions.from_us(key.created_us),
    }
