"""Identities of SES v1: addresses and domains that mail may come from."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.governance.mail import identities
from outcrop.services.own_address import own_endpoint
from outcrop.services.platform import Context
from outcrop.services.ses.errors import InvalidParameterValue, worded
from outcrop.services.ses.token_pages import page
from outcrop.storage import mail
from outcrop.storage.mail import ADDRESS, DOMAIN, IdentityRow

_USUAL_PAGE = 1000


@operation("ses:VerifyEmailIdentity")
def verify_email_identity(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Mail a link to an address; once it is followed, mail may come from there.

    Raises:
        InvalidParameterValue: it is no address.
    """
    _verify_address(request["EmailAddress"], context)
    return {}


@operation("ses:VerifyEmailAddress")
def verify_email_address(request: Mapping[str, Any], context: Context) -> None:
    """Do what VerifyEmailIdentity does, under its older name.

    Raises:
        InvalidParameterValue: it is no address.
    """
    _verify_address(request["EmailAddress"], context)


def _verify_address(text: str, context: Context) -> None:
    platform = context.platform
    with worded():
        if "@" not in text or "<" in text:
            raise InvalidParameterValue(f"Invalid email address<{text}>.")
        name = identities.name_of(text)
    with platform.database.write(durable=True) as connection:
        row = mail.identity(connection, context.region, name)
        if row is None:
            row = identities.new_identity(name, context.region, now_us(platform.clock))
            mail.insert(connection, row)
        identities.ask_for_proof(
            connection,
            platform.mailer,
            row,
            link_base=own_endpoint(context),
            clock=platform.clock,
        )
    platform.mailer.wake()


@operation("ses:VerifyDomainIdentity")
def verify_domain_identity(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Enter a domain; its operator confirms it with `outcrop outbox confirm`.

    Raises:
        InvalidParameterValue: it is no domain.
    """
    return {"VerificationToken": _domain(request["Domain"], context).token}


@operation("ses:VerifyDomainDkim")
def verify_domain_dkim(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the names of a domain's DKIM records; the domain is entered if it is new.

    Raises:
        InvalidParameterValue: it is no domain.
    """
    return {"DkimTokens": _domain(request["Domain"], context).attributes["DkimTokens"]}


def _domain(text: str, context: Context) -> IdentityRow:
    if not text or "@" in text or text.endswith("."):
        raise InvalidParameterValue(f"Invalid domain name {text}.")
    with worded():
        name = identities.name_of(text)
    with context.platform.database.write(durable=True) as connection:
        row = mail.identity(connection, context.region, name)
        if row is None:
            row = identities.new_identity(name, context.region, now_us(context.platform.clock))
            mail.insert(connection, row)
    return row


@operation("ses:ListIdentities")
def list_identities(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List identities, verified or not, by name.

    Raises:
        InvalidParameterValue: the token is none that this operation returned.
    """
    kind = request.get("IdentityType")
    names = [row.name for row in _all(context) if kind in {None, "", row.kind}]
    shown, following = page(names, str, request, context, _USUAL_PAGE)
    return {"Identities": list(shown), **following}


@operation("ses:ListVerifiedEmailAddresses")
def list_verified_email_addresses(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the addresses that are verified."""
    del request
    found = [row.name for row in _all(context) if row.kind == ADDRESS and row.is_verified]
    return {"VerifiedEmailAddresses": found}


@operation("ses:GetIdentityVerificationAttributes")
def get_identity_verification_attributes(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return how far the verification of identities is; those that nobody entered are left out."""
    attributes = {}
    for text, row in named(request["Identities"], context).items():
        attributes[text] = {"VerificationStatus": row.status}
        if row.kind == DOMAIN:
            attributes[text]["VerificationToken"] = row.token
    return {"VerificationAttributes": attributes}


@operation("ses:DeleteIdentity")
def delete_identity(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Remove an identity; one that is not there is no error."""
    _delete(request["Identity"], context)
    return {}


@operation("ses:DeleteVerifiedEmailAddress")
def delete_verified_email_address(request: Mapping[str, Any], context: Context) -> None:
    """Do what DeleteIdentity does, under its older name."""
    _delete(request["EmailAddress"], context)


def _delete(text: str, context: Context) -> None:
    with worded():
        name = identities.name_of(text)
    with context.platform.database.write(durable=True) as connection:
        row = mail.identity(connection, context.region, name)
        if row is not None:
            identities.remove(connection, row, context.account_id)


def named(texts: list[str], context: Context) -> dict[str, IdentityRow]:
    """Return those of some identities that are there, under the names that the request has for them."""
    found = {}
    with context.platform.database.read() as connection:
        for text in texts:
            with worded():
                row = mail.identity(connection, context.region, identities.name_of(text))
            if row is not None:
                found[text] = row
    return found


def _all(context: Context) -> list[IdentityRow]:
    with context.platform.database.read() as connection:
        return mail.identities(connection, context.region)
