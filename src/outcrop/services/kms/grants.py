"""Grants: temporary permissions to use a key, given and taken back without touching its policy."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.errors import AccessDeniedException, ValidationException
from outcrop.aws.operation import operation
from outcrop.services.kms.errors import (
    InvalidGrantIdException,
    InvalidGrantTokenException,
    NotFoundException,
    stop_dry_run,
)
from outcrop.services.kms.grant_rules import (
    check_grant_tokens,
    holds,
    is_within,
    may_retire,
    require_possible,
)
from outcrop.services.kms.identifiers import find_by_id
from outcrop.services.kms.pages import cut, page, position
from outcrop.services.kms.states import require_enabled
from outcrop.services.kms.times import from_us, now_us
from outcrop.services.platform import Context
from outcrop.storage.kms_keys import grant_tokens, grants, keys
from outcrop.storage.kms_keys.grants import GrantRow
from outcrop.storage.kms_keys.keys import KeyRow

_PAGE = 50


@operation("kms:CreateGrant")
def create_grant(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Let a principal use a key; it may from the next call on. A repeated request with a name makes no second grant.

    Raises:
        NotFoundException: no such key.
        DisabledException: the key is disabled.
        ValidationException: operations or constraints that do not go with the key.
        AccessDeniedException: the caller's own right is a grant that does not go as far.
    """
    check_grant_tokens(request, context)
    with context.platform.database.write(durable=True) as connection:
        row = find_by_id(connection, request["KeyId"], context)
        require_enabled(row)
        wanted = _read(request, row, context)
        require_possible(wanted, row)
        _require_not_beyond_own(connection, wanted, context)
        stop_dry_run(request.get("DryRun"))
        grant = _repeated(connection, wanted) if wanted.name else None
        if grant is None:
            grants.insert(connection, wanted)
            keys.change(connection, row.id)
            grant = wanted
    token = grant_tokens.make(row.id, grant.id, context.platform.token_key)
    return {"GrantId": grant.id, "GrantToken": token}


def _read(request: Mapping[str, Any], row: KeyRow, context: Context) -> GrantRow:
    for member in ("GranteeServicePrincipal", "RetiringServicePrincipal"):
        if member in request:
            raise ValidationException(
                f"{member} is not built here: name a role or user, or let the key policy allow the service"
            )
    if "GranteePrincipal" not in request:
        raise ValidationException("GranteePrincipal is required: name who gets the grant")
    constraints = request.get("Constraints", {})
    if len(constraints) > 1:  # Terraform sends the one that is not meant as an empty map
        constraints = {name: value for name, value in constraints.items() if value}
    if "SourceArn" in constraints:
        raise ValidationException("The grant constraint SourceArn is not built here")
    return GrantRow(
        id=secrets.token_hex(32),
        key_id=row.id,
        region=row.region,
        name=request.get("Name", ""),
        grantee=request["GranteePrincipal"],
        retiring=request.get("RetiringPrincipal", ""),
        issuer=f"arn:aws:iam::{context.account_id}:root",
        created_us=now_us(context),
        operations_json=json.dumps(sorted(set(request["Operations"]))),
        constraints_json=json.dumps(constraints, sort_keys=True),
    )


def _require_not_beyond_own(connection: Connection, wanted: GrantRow, context: Context) -> None:
    """Refuse what goes beyond the caller's own grant: else whoever may pass a grant on could widen it."""
    if context.principal.is_root:
        return
    own = [
        grant
        for grant in grants.of_key(connection, wanted.key_id)
        if holds(grant.grantee, context.principal) and "CreateGrant" in grant.operations
    ]
    if own and not any(is_within(wanted, grant) for grant in own):
        raise AccessDeniedException(
            f"User: {context.principal.arn} is not authorized to perform: kms:CreateGrant: the grant would "
            "allow more than the caller's own grant on this key"
        )


def _repeated(connection: Connection, wanted: GrantRow) -> GrantRow | None:
    for grant in grants.named(connection, wanted.key_id, wanted.name):
        same = (grant.grantee, grant.retiring, grant.operations_json, grant.constraints_json)
        if same == (
            wanted.grantee,
            wanted.retiring,
            wanted.operations_json,
            wanted.constraints_json,
        ):
            return grant
    return None


@operation("kms:ListGrants")
def list_grants(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the grants on a key, all or those of one grantee.

    Raises:
        NotFoundException: no such key.
        InvalidGrantIdException: no such grant on it.
        InvalidMarkerException: the marker is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        row = find_by_id(connection, request["KeyId"], context)
        found = grants.of_key(connection, row.id)
    if "GrantId" in request:
        found = [grant for grant in found if grant.id == request["GrantId"]]
        if not found:
            raise _no_grant(request["GrantId"])
    for member in ("GranteePrincipal", "GranteeServicePrincipal"):
        if member in request:
            found = [grant for grant in found if grant.grantee == request[member]]
    shown, following = cut(found, [grant.id for grant in found], request, _PAGE, context)
    return page("Grants", [_describe(grant, row.arn) for grant in shown], following, context)


@operation("kms:ListRetirableGrants")
def list_retirable_grants(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the grants of the region that a principal may retire.

    Raises:
        ValidationException: no principal is named.
        InvalidMarkerException: the marker is none that this operation returned.
    """
    retiring = request.get("RetiringPrincipal") or request.get("RetiringServicePrincipal")
    if retiring is None:
        raise ValidationException("RetiringPrincipal is required")
    with context.platform.database.read() as connection:
        found, following = grants.retirable(
            connection,
            context.region,
            retiring,
            after=position(request, context),
            limit=request.get("Limit", _PAGE),
        )
        items = []
        for grant in found:
            row = keys.get(connection, grant.key_id)
            if row is not None and not row.is_gone(now_us(context)):
                items.append(_describe(grant, row.arn))
    return page("Grants", items, following, context)


@operation("kms:RevokeGrant")
def revoke_grant(request: Mapping[str, Any], context: Context) -> None:
    """Take a grant back; the next call that depends on it is refused.

    Raises:
        NotFoundException: no such key.
        InvalidGrantIdException: no such grant on it.
    """
    with context.platform.database.write(durable=True) as connection:
        row = find_by_id(connection, request["KeyId"], context)
        grant = grants.get(connection, request["GrantId"])
        if grant is None or grant.key_id != row.id:
            raise _no_grant(request["GrantId"])
        stop_dry_run(request.get("DryRun"))
        _remove(connection, grant)


@operation("kms:RetireGrant")
def retire_grant(request: Mapping[str, Any], context: Context) -> None:
    """Give a grant back, by its token or its id; for who was named to do so when it was made.

    Raises:
        NotFoundException: no such grant.
        InvalidGrantTokenException: the token is none that this server gave out.
        ValidationException: neither a token nor key and grant id.
        AccessDeniedException: the grant names somebody else.
    """
    with context.platform.database.write(durable=True) as connection:
        grant = _retired(connection, request, context)
        if not may_retire(grant, grants.of_key(connection, grant.key_id), context.principal):
            raise AccessDeniedException(
                f"User: {context.principal.arn} is not authorized to perform: kms:RetireGrant: "
                f"grant {grant.id} names another retiring principal"
            )
        stop_dry_run(request.get("DryRun"))
        _remove(connection, grant)


def _retired(connection: Connection, request: Mapping[str, Any], context: Context) -> GrantRow:
    token = request.get("GrantToken")
    if token is not None:
        named = grant_tokens.read(token)
        if named is None or not grant_tokens.is_genuine(token, context.platform.token_key):
            raise InvalidGrantTokenException("The grant token is not valid.")
        grant = grants.get(connection, named.grant_id)
        if grant is None or grant.region != context.region:
            raise NotFoundException(
                f"Grant {named.grant_id} is not found; it may be retired already."
            )
        return grant
    if "KeyId" not in request or "GrantId" not in request:
        raise ValidationException("Grant token OR (grant ID, key ID) must be specified")
    row = find_by_id(connection, request["KeyId"], context)
    grant = grants.get(connection, request["GrantId"])
    if grant is None or grant.key_id != row.id:
        raise NotFoundException(f"Grant {request['GrantId']} is not found on {row.arn}.")
    return grant


def _remove(connection: Connection, grant: GrantRow) -> None:
    grants.remove(connection, grant.id)
    keys.change(connection, grant.key_id)


def _no_grant(grant_id: str) -> InvalidGrantIdException:
    return InvalidGrantIdException(f"There is no grant {grant_id} on this key")


def _describe(grant: GrantRow, arn: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "KeyId": arn,
        "GrantId": grant.id,
        "Name": grant.name,
        "CreationDate": from_us(grant.created_us),
        "GranteePrincipal": grant.grantee,
        "IssuingAccount": grant.issuer,
        "Operations": grant.operations,
    }
    if grant.retiring:
        described["RetiringPrincipal"] = grant.retiring
    if grant.constraints:
        described["Constraints"] = grant.constraints
    return described
