"""Service-specific credentials: long-term Bedrock API keys ("ABSK…") of users."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.identity.credentials import BEDROCK, new_bedrock_api_key, new_bedrock_key_alias
from outcrop.identity.sessions import new_unique_id
from outcrop.services.iam import descriptions, finding
from outcrop.services.iam.errors import LimitExceeded, NoSuchEntity, NotSupportedService
from outcrop.services.iam.pages import page
from outcrop.services.platform import Context
from outcrop.storage.identities import entities, keys
from outcrop.storage.identities.keys import ServiceCredential

_MOST_CREDENTIALS = 2


@operation("iam:CreateServiceSpecificCredential")
def create_service_specific_credential(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Make a long-term API key of a user for a service; its secret is shown this once.

    Raises:
        NoSuchEntity: there is no such user.
        NotSupportedService: the service takes no such keys here.
        LimitExceeded: the user has two for the service.
    """
    service, days = request["ServiceName"], request.get("CredentialAgeDays")
    if service != BEDROCK:
        raise NotSupportedService(f"No such service {service} is supported for this operation")
    alias = new_bedrock_key_alias(context.account_id)
    secret = new_bedrock_api_key(alias)
    created_us = descriptions.now_us(context)
    with context.platform.directory.identities.write() as connection:
        user = finding.require(connection, "user", request["UserName"])
        if len(keys.service_credentials_of(connection, user.id)) >= _MOST_CREDENTIALS:
            raise LimitExceeded(
                f"Cannot exceed quota for ServiceSpecificCredentialsPerUser: {_MOST_CREDENTIALS}"
            )
        credential = ServiceCredential(
            id=new_unique_id("ACCA"),
            user_id=user.id,
            service=service,
            alias=alias,
            secret_sha256=_digest(secret),
            status="Active",
            created_us=created_us,
            expires_us=None
            if days is None
            else created_us + int(timedelta(days=days) / timedelta(microseconds=1)),
        )
        keys.insert_service_credential(connection, credential)
    described = _describe(user.name, credential)
    return {"ServiceSpecificCredential": {**described, "ServiceCredentialSecret": secret}}


@operation("iam:ListServiceSpecificCredentials")
def list_service_specific_credentials(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """List the service-specific credentials of a user, or of all users.

    Raises:
        NoSuchEntity: there is no such user.
    """
    with context.platform.database.read() as connection:
        if request.get("AllUsers"):
            found = keys.service_credentials_of(connection, "")
        else:
            user = finding.require_named_or_calling_user(connection, request, context)
            found = keys.service_credentials_of(connection, user.id)
        names = {}
        for credential in found:
            owner = entities.by_id(connection, credential.user_id)
            assert owner is not None, "keys are deleted with their user"
            names[credential.id] = owner.name
    service = request.get("ServiceName")
    chosen = [item for item in found if service in (None, item.service)]
    items, end = page(chosen, lambda item: f"{item.created_us:020d}{item.id}", request, context)
    return {
        "ServiceSpecificCredentials": [_describe(names[item.id], item) for item in items],
        **end,
    }


@operation("iam:UpdateServiceSpecificCredential")
def update_service_specific_credential(request: Mapping[str, Any], context: Context) -> None:
    """Switch a service-specific credential on or off.

    Raises:
        NoSuchEntity: there is no such user, or the credential is not the user's.
    """
    with context.platform.directory.identities.write() as connection:
        _, credential = _require(connection, request, context)
        changed = replace(credential, status=request["Status"])
        keys.replace_service_credential(connection, changed)


@operation("iam:ResetServiceSpecificCredential")
def reset_service_specific_credential(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Give a service-specific credential another secret; the old one is refused from now on.

    Raises:
        NoSuchEntity: there is no such user, or the credential is not the user's.
    """
    with context.platform.directory.identities.write() as connection:
        name, credential = _require(connection, request, context)
        secret = new_bedrock_api_key(credential.alias)
        changed = replace(credential, secret_sha256=_digest(secret))
        keys.replace_service_credential(connection, changed)
    described = _describe(name, changed)
    return {"ServiceSpecificCredential": {**described, "ServiceCredentialSecret": secret}}


@operation("iam:DeleteServiceSpecificCredential")
def delete_service_specific_credential(request: Mapping[str, Any], context: Context) -> None:
    """Delete a service-specific credential.

    Raises:
        NoSuchEntity: there is no such user, or the credential is not the user's.
    """
    with context.platform.directory.identities.write() as connection:
        _, credential = _require(connection, request, context)
        keys.remove_service_credential(connection, credential.id)


def _require(
    connection: Connection, request: Mapping[str, Any], context: Context
) -> tuple[str, ServiceCredential]:
    user = finding.require_named_or_calling_user(connection, request, context)
    wanted = request["ServiceSpecificCredentialId"]
    credential = keys.service_credential(connection, wanted)
    if credential is None or credential.user_id != user.id:
        raise NoSuchEntity(f"The service specific credential with id {wanted} cannot be found.")
    return user.name, credential


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _describe(user_name: str, credential: ServiceCredential) -> dict[str, Any]:
    described = {
        "UserName": user_name,
        "ServiceName": credential.service,
        "ServiceCredentialAlias": credential.alias,
        "ServiceSpecificCredentialId": credential.id,
        "Status": credential.status,
        "CreateDate": descriptions.from_us(credential.created_us),
    }
    if credential.expires_us is not None:
        described["ExpirationDate"] = descriptions.from_us(credential.expires_us)
    return described
