"""Settings of identities: DKIM, MAIL FROM domain, notifications, forwarding of feedback.

DNS is not asked here: a domain that its operator confirmed counts as set up throughout.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from outcrop.aws.errors import OperationNotBuilt
from outcrop.aws.operation import operation
from outcrop.governance.mail import identities
from outcrop.services.platform import Context
from outcrop.services.ses.errors import InvalidParameterValue, MessageRejected, worded
from outcrop.services.ses.identities import named
from outcrop.storage import mail
from outcrop.storage.mail import DOMAIN, IdentityRow

_NOTIFICATIONS = ("Bounce", "Complaint", "Delivery")


@operation("ses:GetIdentityDkimAttributes")
def get_identity_dkim_attributes(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return whether mail of identities is to be signed, and the names of the records it takes."""
    found = {}
    for text, row in named(request["Identities"], context).items():
        shown: dict[str, Any] = {
            "DkimEnabled": row.attributes.get("DkimEnabled", row.kind == DOMAIN),
            "DkimVerificationStatus": row.status if row.kind == DOMAIN else "NotStarted",
        }
        if row.kind == DOMAIN:
            shown["DkimTokens"] = row.attributes["DkimTokens"]
        found[text] = shown
    return {"DkimAttributes": found}


@operation("ses:SetIdentityDkimEnabled")
def set_identity_dkim_enabled(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Say whether mail of an identity is to be signed.

    Raises:
        InvalidParameterValue: nobody entered it.
    """
    _set(request["Identity"], context, DkimEnabled=request["DkimEnabled"])
    return {}


@operation("ses:GetIdentityMailFromDomainAttributes")
def get_identity_mail_from_domain_attributes(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return the MAIL FROM domains of identities; empty where they have none of their own."""
    return {
        "MailFromDomainAttributes": {
            text: {
                "MailFromDomain": row.attributes.get("MailFromDomain", ""),
                "MailFromDomainStatus": row.status if row.attributes.get("MailFromDomain") else "",
                "BehaviorOnMXFailure": row.attributes.get("BehaviorOnMXFailure", "UseDefaultValue"),
            }
            for text, row in named(request["Identities"], context).items()
        }
    }


@operation("ses:SetIdentityMailFromDomain")
def set_identity_mail_from_domain(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Give an identity a MAIL FROM domain, a part of its own domain, or take it away.

    Raises:
        InvalidParameterValue: nobody entered the identity, or the domain is none of its.
    """
    domain = request.get("MailFromDomain") or ""
    if domain:
        with worded():
            domain = identities.name_of(domain)
        own = request["Identity"].rpartition("@")[2].lower()
        if not domain.endswith(f".{own}"):
            raise InvalidParameterValue(
                f"Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the "
                f"identity <{own}>."
            )
    _set(
        request["Identity"],
        context,
        MailFromDomain=domain,
        BehaviorOnMXFailure=request.get("BehaviorOnMXFailure", "UseDefaultValue"),
    )
    return {}


@operation("ses:GetIdentityNotificationAttributes")
def get_identity_notification_attributes(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return where word of bounces, complaints and deliveries goes."""
    found = {}
    for text, row in named(request["Identities"], context).items():
        attributes = row.attributes
        shown: dict[str, Any] = {
            "ForwardingEnabled": attributes.get("ForwardingEnabled", True),
        }
        for kind in _NOTIFICATIONS:
            shown[f"{kind}Topic"] = ""
            shown[f"HeadersIn{kind}NotificationsEnabled"] = attributes.get(
                f"HeadersIn{kind}", False
            )
        found[text] = shown
    return {"NotificationAttributes": found}


@operation("ses:SetIdentityFeedbackForwardingEnabled")
def set_identity_feedback_forwarding_enabled(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Say whether bounces come back as mail; they go to the sender, which mail servers do by themselves.

    Raises:
        InvalidParameterValue: nobody entered the identity, or nobody would learn of bounces.
    """
    if not request["ForwardingEnabled"]:
        raise InvalidParameterValue(
            f"Can not disable feedback forwarding for the identity <{request['Identity']}> without "
            "bounce and complaint topics."
        )
    _set(request["Identity"], context, ForwardingEnabled=True)
    return {}


@operation("ses:SetIdentityHeadersInNotificationsEnabled")
def set_identity_headers_in_notifications_enabled(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Say whether notifications of a kind show the headers of the mail.

    Raises:
        InvalidParameterValue: there is no such kind.
        MessageRejected: nobody entered the identity.
    """
    kind = request["NotificationType"]
    if kind not in _NOTIFICATIONS:
        raise InvalidParameterValue(
            f"Invalid notification type: {kind}. Valid values are: {', '.join(_NOTIFICATIONS)}."
        )

    def unknown(name: str) -> MessageRejected:
        return MessageRejected(f"Identity {name} is not verified or does not exist.")

    _set(request["Identity"], context, unknown, **{f"HeadersIn{kind}": request["Enabled"]})
    return {}


@operation("ses:SetIdentityNotificationTopic")
def set_identity_notification_topic(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take an identity's topic away; giving it one is not built, since nothing would be published to it.

    Raises:
        OperationNotBuilt: a topic is given.
        InvalidParameterValue: nobody entered the identity.
    """
    if request.get("SnsTopic"):
        raise OperationNotBuilt(
            "Notifications of SES to topics are not offered by this server; `outcrop outbox` shows what "
            "became of a mail."
        )
    _set(request["Identity"], context)
    return {}


def _unknown(name: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"Identity <{name}> does not exist.")


def _set(
    text: str,
    context: Context,
    unknown: Callable[[str], Exception] = _unknown,
    **attributes: object,
) -> IdentityRow:
    with worded():
        name = identities.name_of(text)
    with context.platform.database.write(durable=True) as connection:
        row = mail.identity(connection, context.region, name)
        if row is None:
            raise unknown(text)
        changed = {**row.attributes, **attributes}
        mail.change(connection, row, attributes_json=json.dumps(changed))
    return row
