"""Questions about callers and keys: who am I, whose key is that, why was I denied."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.identity import authorization_messages
from outcrop.identity.sessions import account_of_key
from outcrop.services.platform import Context
from outcrop.services.sts.errors import InvalidAuthorizationMessage, ValidationError


@operation("sts:GetCallerIdentity")
def get_caller_identity(_request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Say who calls; nobody can be denied this."""
    caller = context.principal
    return {
        "UserId": caller.principal_id or caller.account_id,
        "Account": caller.account_id,
        "Arn": caller.arn,
    }


@operation("sts:GetAccessKeyInfo")
def get_access_key_info(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the account that an access key belongs to; the key itself says so.

    Raises:
        ValidationError: the text is no access key id.
    """
    key_id = request["AccessKeyId"]
    account_id = account_of_key(key_id)
    if key_id == context.principal.access_key_id:
        account_id = context.account_id  # the root key of an older home does not carry its account
    if not account_id:
        raise ValidationError(f"{key_id} is not a valid access key id.")
    return {"Account": account_id}


@operation("sts:DecodeAuthorizationMessage")
def decode_authorization_message(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return what an encoded authorization message says.

    Raises:
        InvalidAuthorizationMessage: the message was not made here, or was changed.
    """
    decoded = authorization_messages.decode_authorization_message(
        request["EncodedMessage"], context.platform.service_keys
    )
    if decoded is None:
        raise InvalidAuthorizationMessage(
            "The specified EncodedMessage is not valid: give it as it stood in the error message."
        )
    return {"DecodedMessage": decoded}
