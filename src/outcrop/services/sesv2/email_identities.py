"""Identities of SES v2: addresses and domains that mail may come from."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.errors import OperationNotBuilt
from outcrop.aws.operation import operation
from outcrop.core.times import from_us, now_us
from outcrop.governance.mail import identities
from outcrop.governance.mail.identities import identity_arn
from outcrop.identity.policy import PolicyError, PolicyKind, parse_policy
from outcrop.services.own_address import own_endpoint
from outcrop.services.platform import Context
from outcrop.services.sesv2.errors import (
    AlreadyExistsException,
    BadRequestException,
    NotFoundException,
    worded,
)
from outcrop.services.sesv2.tags import read_tags
from outcrop.services.sesv2.token_pages import page
from outcrop.storage import mail, tags
from outcrop.storage.mail import DOMAIN, IdentityRow

_KINDS = {"EmailAddress": "EMAIL_ADDRESS", "Domain": "DOMAIN"}
_KEY_LENGTH = "RSA_2048_BIT"


@operation("sesv2:CreateEmailIdentity")
def create_email_identity(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Enter an address, which gets a mail with a link, or a domain, which its operator confirms.

    Raises:
        AlreadyExistsException: it is there.
        BadRequestException: it is neither.
        NotFoundException: the configuration set does not exist.
        OperationNotBuilt: a private DKIM key is given; mail is signed by the mail server, not here.
    """
    platform = context.platform
    signing = request.get("DkimSigningAttributes") or {}
    if "DomainSigningPrivateKey" in signing:
        raise OperationNotBuilt("Keys of one's own for DKIM are not offered by this server.")
    text, given = request["EmailIdentity"], read_tags(request.get("Tags", ()))
    with worded():
        name = identities.name_of(text)
    with platform.database.write(durable=True) as connection:
        if mail.identity(connection, context.region, name) is not None:
            raise AlreadyExistsException(f"Email identity {text} already exist.")
        row = identities.new_identity(name, context.region, now_us(platform.clock))
        mail.insert(connection, row)
        tags.put(connection, identity_arn(context.region, context.account_id, name), given)
        named = request.get("ConfigurationSetName")
        if named:
            _require_set(connection, named, context)
            row = _change(connection, row, ConfigurationSetName=named)
        if "NextSigningKeyLength" in signing:
            row = _change(connection, row, SigningKeyLength=signing["NextSigningKeyLength"])
        if row.kind != DOMAIN:
            identities.ask_for_proof(
                connection,
                platform.mailer,
                row,
                link_base=own_endpoint(context),
                clock=platform.clock,
            )
    platform.mailer.wake()
    return {
        "IdentityType": _KINDS[row.kind],
        "VerifiedForSendingStatus": row.is_verified,
        "DkimAttributes": _dkim(row),
    }


@operation("sesv2:GetEmailIdentity")
def get_email_identity(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return an identity with its settings.

    Raises:
        NotFoundException: nobody entered it.
    """
    with context.platform.database.read() as connection:
        row = _required(connection, request["EmailIdentity"], context)
        found = tags.of(connection, identity_arn(context.region, context.account_id, row.name))
    attributes = row.attributes
    shown: dict[str, Any] = {
        "IdentityType": _KINDS[row.kind],
        "FeedbackForwardingStatus": attributes.get("ForwardingEnabled", True),
        "VerifiedForSendingStatus": row.is_verified,
        "VerificationStatus": row.status.upper(),
        "DkimAttributes": _dkim(row),
        "MailFromAttributes": {
            "MailFromDomain": attributes.get("MailFromDomain", ""),
            "MailFromDomainStatus": row.status.upper()
            if attributes.get("MailFromDomain")
            else "FAILED",
            "BehaviorOnMxFailure": _behavior(attributes),
        },
        "Policies": row.policies,
        "Tags": [{"Key": key, "Value": value} for key, value in found.items()],
        "VerificationInfo": {},
    }
    if not attributes.get("MailFromDomain"):
        # AWS shows the behaviour alone where there is no domain.
        shown["MailFromAttributes"] = {"BehaviorOnMxFailure": _behavior(attributes)}
    if row.verified_us is not None:
        moment = from_us(row.verified_us)
        shown["VerificationInfo"] = {"LastCheckedTimestamp": moment, "LastSuccessTimestamp": moment}
    if attributes.get("ConfigurationSetName"):
        shown["ConfigurationSetName"] = attributes["ConfigurationSetName"]
    return shown


@operation("sesv2:ListEmailIdentities")
def list_email_identities(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List identities, verified or not, by name.

    Raises:
        InvalidNextTokenException: the token is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        rows = mail.identities(connection, context.region)
    shown, following = page(rows, lambda row: row.name, request, context)
    return {
        "EmailIdentities": [
            {
                "IdentityType": _KINDS[row.kind],
                "IdentityName": row.name,
                "SendingEnabled": row.is_verified,
                "VerificationStatus": row.status.upper(),
            }
            for row in shown
        ],
        **following,
    }


@operation("sesv2:DeleteEmailIdentity")
def delete_email_identity(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Remove an identity.

    Raises:
        NotFoundException: nobody entered it.
    """
    with context.platform.database.write(durable=True) as connection:
        row = _required(connection, request["EmailIdentity"], context)
        identities.remove(connection, row, context.account_id)
    return {}


@operation("sesv2:PutEmailIdentityConfigurationSetAttributes")
def put_email_identity_configuration_set_attributes(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Say under which configuration set mail of an identity goes when none is named, or take it away.

    Raises:
        NotFoundException: the identity or the configuration set does not exist.
    """
    name = request.get("ConfigurationSetName") or ""
    with context.platform.database.write(durable=True) as connection:
        row = _required(connection, request["EmailIdentity"], context)
        if name:
            _require_set(connection, name, context)
        _change(connection, row, ConfigurationSetName=name)
    return {}


@operation("sesv2:PutEmailIdentityDkimAttributes")
def put_email_identity_dkim_attributes(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Say whether mail of an identity is to be signed.

    Raises:
        NotFoundException: nobody entered it.
    """
    _set(request, context, DkimEnabled=request.get("SigningEnabled", False))
    return {}


@operation("sesv2:PutEmailIdentityFeedbackAttributes")
def put_email_identity_feedback_attributes(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Say whether bounces come back as mail; that they do cannot be switched off here.

    Raises:
        NotFoundException: nobody entered the identity.
        BadRequestException: nobody would learn of bounces.
    """
    if not request.get("EmailForwardingEnabled", False):
        raise BadRequestException(
            f"Can not disable feedback forwarding for the identity <{request['EmailIdentity']}> without "
            "bounce and complaint topics."
        )
    _set(request, context, ForwardingEnabled=True)
    return {}


@operation("sesv2:PutEmailIdentityMailFromAttributes")
def put_email_identity_mail_from_attributes(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Give an identity a MAIL FROM domain, a part of its own domain, or take it away.

    Raises:
        NotFoundException: nobody entered the identity.
        BadRequestException: the domain is none of its.
    """
    domain = request.get("MailFromDomain") or ""
    if domain:
        with worded():
            domain = identities.name_of(domain)
        own = request["EmailIdentity"].rpartition("@")[2].lower()
        if not domain.endswith(f".{own}"):
            raise BadRequestException(
                f"Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the "
                f"identity <{own}>."
            )
    is_strict = request.get("BehaviorOnMxFailure") == "REJECT_MESSAGE"
    behavior = "RejectMessage" if is_strict else "UseDefaultValue"
    _set(request, context, MailFromDomain=domain, BehaviorOnMXFailure=behavior)
    return {}


@operation("sesv2:CreateEmailIdentityPolicy")
def create_email_identity_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add a policy to an identity.

    Raises:
        AlreadyExistsException: it has one of this name.
        NotFoundException: nobody entered the identity.
        BadRequestException: the policy is not valid.
    """
    name = request["PolicyName"]
    _check_policy(request["Policy"])
    with context.platform.database.write(durable=True) as connection:
        row = _required(connection, request["EmailIdentity"], context)
        if name in row.policies:
            raise AlreadyExistsException(f"Policy {name} already exists.")
        _set_policies(connection, row, {**row.policies, name: request["Policy"]})
    return {}


@operation("sesv2:UpdateEmailIdentityPolicy")
def update_email_identity_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Replace a policy of an identity.

    Raises:
        NotFoundException: nobody entered the identity, or it has no such policy.
        BadRequestException: the policy is not valid.
    """
    name = request["PolicyName"]
    _check_policy(request["Policy"])
    with context.platform.database.write(durable=True) as connection:
        row = _required(connection, request["EmailIdentity"], context)
        if name not in row.policies:
            raise NotFoundException(f"Policy {name} does not exist.")
        _set_policies(connection, row, {**row.policies, name: request["Policy"]})
    return {}


@operation("sesv2:DeleteEmailIdentityPolicy")
def delete_email_identity_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take a policy off an identity; one that it does not have is no error.

    Raises:
        NotFoundException: nobody entered the identity.
    """
    with context.platform.database.write(durable=True) as connection:
        row = _required(connection, request["EmailIdentity"], context)
        left = {name: text for name, text in row.policies.items() if name != request["PolicyName"]}
        _set_policies(connection, row, left)
    return {}


@operation("sesv2:GetEmailIdentityPolicies")
def get_email_identity_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the policies of an identity by name.

    Raises:
        NotFoundException: nobody entered the identity.
    """
    with context.platform.database.read() as connection:
        return {"Policies": _required(connection, request["EmailIdentity"], context).policies}


def _check_policy(text: str) -> None:
    try:
        parse_policy(text, PolicyKind.RESOURCE)
    except PolicyError as error:
        raise BadRequestException(f"Invalid policy: {error}") from None


def _set_policies(connection: Connection, row: IdentityRow, policies: Mapping[str, str]) -> None:
    mail.change(connection, row, policies_json=json.dumps(policies))


def _required(connection: Connection, text: str, context: Context) -> IdentityRow:
    with worded():
        row = mail.identity(connection, context.region, identities.name_of(text))
    if row is None:
        raise NotFoundException(f"Email identity {text} does not exist.")
    return row


def _require_set(connection: Connection, name: str, context: Context) -> None:
    if mail.configuration_set(connection, context.region, name) is None:
        raise NotFoundException(f"Configuration set <{name}> does not exist.")


def _set(request: Mapping[str, Any], context: Context, **attributes: object) -> None:
    with context.platform.database.write(durable=True) as connection:
        _change(connection, _required(connection, request["EmailIdentity"], context), **attributes)


def _change(connection: Connection, row: IdentityRow, **attributes: object) -> IdentityRow:
    mail.change(connection, row, attributes_json=json.dumps({**row.attributes, **attributes}))
    changed = mail.identity(connection, row.region, row.name)
    assert changed is not None
    return changed


def _dkim(row: IdentityRow) -> dict[str, Any]:
    attributes = row.attributes
    is_domain = row.kind == DOMAIN
    length = attributes.get("SigningKeyLength", _KEY_LENGTH)
    shown: dict[str, Any] = {
        "SigningEnabled": attributes.get("DkimEnabled", is_domain),
        "Status": row.status.upper() if is_domain else "NOT_STARTED",
        "SigningAttributesOrigin": "AWS_SES",
        "NextSigningKeyLength": length,
    }
    if is_domain:
        shown["Tokens"] = attributes["DkimTokens"]
        shown["CurrentSigningKeyLength"] = length
        shown["LastKeyGenerationTimestamp"] = from_us(row.created_us)
    return shown


def _behavior(attributes: Mapping[str, Any]) -> str:
    is_strict = attributes.get("BehaviorOnMXFailure") == "RejectMessage"
    return "REJECT_MESSAGE" if is_strict else "USE_DEFAULT_VALUE"
