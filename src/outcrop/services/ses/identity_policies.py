"""Policies of identities: who else may send from them."""

import json
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.governance.mail import identities
from outcrop.identity.policy import PolicyError, PolicyKind, parse_policy
from outcrop.services.platform import Context
from outcrop.services.ses.errors import InvalidParameterValue, InvalidPolicy, worded
from outcrop.storage import mail
from outcrop.storage.mail import IdentityRow

_MOST_POLICIES = 20
_MOST_BYTES = 4096


@operation("ses:PutIdentityPolicy")
def put_identity_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add a policy to an identity, or replace the one of its name.

    Raises:
        InvalidPolicy: it is not valid, or longer than 4 KB.
        InvalidParameterValue: nobody entered the identity, or it has 20 policies.
    """
    text, name = request["Policy"], request["PolicyName"]
    check_policy(text)
    with context.platform.database.write(durable=True) as connection:
        row = _required(mail.identity(connection, context.region, _name(request, context)), request)
        policies = {**row.policies, name: text}
        if len(policies) > _MOST_POLICIES:
            raise InvalidParameterValue(f"An identity can have {_MOST_POLICIES} policies.")
        mail.change(connection, row, policies_json=json.dumps(policies))
    return {}


@operation("ses:GetIdentityPolicies")
def get_identity_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return those of some policies of an identity that it has."""
    policies = _policies(request, context)
    return {
        "Policies": {name: policies[name] for name in request["PolicyNames"] if name in policies}
    }


@operation("ses:ListIdentityPolicies")
def list_identity_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the names of an identity's policies."""
    return {"PolicyNames": sorted(_policies(request, context))}


@operation("ses:DeleteIdentityPolicy")
def delete_identity_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take a policy off an identity; one that it does not have is no error."""
    with context.platform.database.write(durable=True) as connection:
        row = mail.identity(connection, context.region, _name(request, context))
        if row is not None and request["PolicyName"] in row.policies:
            left = {
                name: text for name, text in row.policies.items() if name != request["PolicyName"]
            }
            mail.change(connection, row, policies_json=json.dumps(left))
    return {}


def check_policy(text: str) -> None:
    """Refuse a policy that cannot be stored.

    Raises:
        InvalidPolicy: it is not valid, or longer than 4 KB.
    """
    if len(text.encode()) > _MOST_BYTES:
        raise InvalidPolicy(f"The policy is longer than {_MOST_BYTES} bytes.")
    try:
        parse_policy(text, PolicyKind.RESOURCE)
    except PolicyError as error:
        raise InvalidPolicy(str(error)) from None


def _name(request: Mapping[str, Any], context: Context) -> str:
    """Return the name of an identity, which these operations also take by its ARN."""
    prefix = identities.identity_arn(context.region, context.account_id, "")
    with worded():
        return identities.name_of(request["Identity"].removeprefix(prefix))


def _required(row: IdentityRow | None, request: Mapping[str, Any]) -> IdentityRow:
    if row is None:
        raise InvalidParameterValue(f"Identity <{request['Identity']}> does not exist.")
    return row


def _policies(request: Mapping[str, Any], context: Context) -> dict[str, str]:
    with context.platform.database.read() as connection:
        row = mail.identity(connection, context.region, _name(request, context))
    return {} if row is None else row.policies
