"""Aliases: names that stand for keys and can move from one to another."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.services.kms.destruction import destroy_due
from outcrop.services.kms.errors import (
    AlreadyExistsException,
    InvalidAliasNameException,
    LimitExceededException,
    NotAuthorizedException,
    NotFoundException,
)
from outcrop.services.kms.identifiers import (
    ALIAS_PREFIX,
    RESERVED_PREFIX,
    alias_arn,
    find_by_id,
)
from outcrop.services.kms.pages import page, position
from outcrop.services.kms.specs import KINDS
from outcrop.services.kms.states import require_customer_key, require_not_pending
from outcrop.services.kms.times import from_us, now_us
from outcrop.services.platform import Context
from outcrop.storage.kms_keys import aliases, keys
from outcrop.storage.kms_keys.aliases import AliasRow

_MOST_ALIASES = 50  # of one key (KMS Developer Guide, "Resource quotas")


@operation("kms:CreateAlias")
def create_alias(request: Mapping[str, Any], context: Context) -> None:
    """Name a key.

    Raises:
        AlreadyExistsException: the region has this alias.
        NotAuthorizedException: names under alias/aws/ are AWS's.
        InvalidAliasNameException: nothing follows "alias/".
        NotFoundException: no such key.
        KMSInvalidStateException: the key is to be deleted.
        LimitExceededException: the key has 50 aliases.
    """
    name = request["AliasName"]
    _check_name(name)
    now = now_us(context)
    with context.platform.database.write(durable=True) as connection:
        destroy_due(connection, context)  # so that the names of keys that are gone are free
        row = find_by_id(connection, request["TargetKeyId"], context)
        require_customer_key(row)
        require_not_pending(row)
        if aliases.find(connection, context.region, name) is not None:
            arn = alias_arn(context.region, context.account_id, name)
            raise AlreadyExistsException(f"An alias with the name {arn} already exists")
        _check_count(aliases.count(connection, row.id), row.arn)
        aliases.insert(connection, AliasRow(context.region, name, row.id, now, now))
        keys.change(connection, row.id)


@operation("kms:UpdateAlias")
def update_alias(request: Mapping[str, Any], context: Context) -> None:
    """Let an alias stand for another key of the same kind and usage.

    Raises:
        NotFoundException: no such alias or key.
        ValidationException: the keys are of different kinds.
        KMSInvalidStateException: the new key is to be deleted.
        LimitExceededException: the new key has 50 aliases.
    """
    name = request["AliasName"]
    _check_name(name)
    with context.platform.database.write(durable=True) as connection:
        alias = _require(aliases.find(connection, context.region, name), name, context)
        row = find_by_id(connection, request["TargetKeyId"], context)
        require_customer_key(row)
        require_not_pending(row)
        old = keys.get(connection, alias.key_id)
        if old is not None and (KINDS[old.spec], old.usage) != (KINDS[row.spec], row.usage):
            raise ValidationException(
                f"Alias {name} stands for a key of usage {old.usage} and spec {old.spec}; it cannot be "
                f"moved to one of usage {row.usage} and spec {row.spec}"
            )
        if alias.key_id != row.id:
            _check_count(aliases.count(connection, row.id), row.arn)
        aliases.point(connection, context.region, name, row.id, now_us(context))
        keys.change(connection, alias.key_id)
        keys.change(connection, row.id)


@operation("kms:DeleteAlias")
def delete_alias(request: Mapping[str, Any], context: Context) -> None:
    """Take a name off a key; the key stays.

    Raises:
        NotFoundException: no such alias.
        NotAuthorizedException: names under alias/aws/ are AWS's.
    """
    name = request["AliasName"]
    _check_name(name)
    with context.platform.database.write(durable=True) as connection:
        alias = _require(aliases.find(connection, context.region, name), name, context)
        aliases.remove(connection, context.region, name)
        keys.change(connection, alias.key_id)


@operation("kms:ListAliases")
def list_aliases(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the aliases of the region or of one key, by name.

    Raises:
        NotFoundException: no such key.
        InvalidMarkerException: the marker is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        key_id = ""
        if "KeyId" in request:
            key_id = find_by_id(connection, request["KeyId"], context).id
        rows, following = aliases.page(
            connection,
            context.region,
            key_id=key_id,
            after=position(request, context),
            limit=request.get("Limit", 50),
        )
    items = [
        {
            "AliasName": row.name,
            "AliasArn": alias_arn(row.region, context.account_id, row.name),
            "TargetKeyId": row.key_id,
            "CreationDate": from_us(row.created_us),
            "LastUpdatedDate": from_us(row.modified_us),
        }
        for row in rows
    ]
    return page("Aliases", items, following, context)


def _check_name(name: str) -> None:
    if not name.startswith(ALIAS_PREFIX):
        raise ValidationException(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if name == ALIAS_PREFIX:
        raise InvalidAliasNameException('An alias needs a name after "alias/"')
    if ":" in name:
        raise ValidationException(f"{name} contains invalid characters for an alias")
    if name.startswith(RESERVED_PREFIX):
        raise NotAuthorizedException(
            f"{name} cannot be made, changed or deleted: names under {RESERVED_PREFIX} are reserved"
        )


def _check_count(present: int, arn: str) -> None:
    if present >= _MOST_ALIASES:
        raise LimitExceededException(f"{arn} has {present} aliases: a key can have {_MOST_ALIASES}")


def _require(alias: AliasRow | None, name: str, context: Context) -> AliasRow:
    if alias is None:
        arn = alias_arn(context.region, context.account_id, name)
        raise NotFoundException(f"Alias {arn} is not found.")
    return alias
