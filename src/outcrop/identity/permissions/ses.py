"""What the operations of SES v1 ask of their callers.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SES". Who sends needs the
action on the identity that the sender stands for (the address where that is verified, else its domain), and on the
template and the configuration set where one is named.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]
_API_VERSION = "1"
_FROM = re.compile(rb"^from[ \t]*:[ \t]*((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE)


def sending_context(
    source: str, recipients: Sequence[str], return_path: str, api_version: str
) -> dict[str, ConditionValues]:
    """Return the condition keys of a mail.

    Args:
        source: sender as the request has it.
        recipients: everybody it is for, as the request has them.
        return_path: "" for none.
        api_version: "1" or "2".
    """
    from email.utils import parseaddr

    name, address = parseaddr(source)
    context: dict[str, ConditionValues] = {"ses:ApiVersion": api_version}
    if address:
        context["ses:FromAddress"] = address
    if name:
        context["ses:FromDisplayName"] = name
    if return_path:
        context["ses:FeedbackAddress"] = return_path
    found = tuple(parseaddr(recipient)[1] or recipient for recipient in recipients)
    if found:
        context["ses:Recipients"] = found
    return context


def needs_to_send(
    need: Need, scope: Scope, *, template: str = "", configuration_set: str = ""
) -> Sequence[Need]:
    """Return what a mail needs: of the identity, and the same of the template and configuration set that are named."""
    named = {"template": template, "configuration-set": configuration_set}
    found = [scope.find(kind, name) for kind, name in named.items() if name]
    return [need, *(Need(need.action, arn, need.context) for arn in found)]


def head_of(data: bytes) -> bytes:
    """Return the head of a raw message."""
    return re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0]


def from_of(head: bytes) -> str:
    """Return what From says in the head of a raw message."""
    matched = _FROM.search(head)
    return matched[1].decode("utf-8", "replace") if matched else ""


def _everybody(destination: Mapping[str, Any]) -> list[str]:
    return [
        address
        for name in ("ToAddresses", "CcAddresses", "BccAddresses")
        for address in destination.get(name, ())
    ]


def _send(action: str) -> Rule:
    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        destinations = [item.get("Destination", {}) for item in parameters.get("Destinations", ())]
        destinations.append(parameters.get("Destination", {}))
        recipients = [address for item in destinations for address in _everybody(item)]
        source = parameters["Source"]
        context = sending_context(
            source, recipients, parameters.get("ReturnPath", ""), _API_VERSION
        )
        identity = parameters.get("SourceArn") or scope.find("sender", source)
        return needs_to_send(
            Need(f"ses:{action}", identity, context),
            scope,
            template=parameters.get("Template", ""),
            configuration_set=parameters.get("ConfigurationSetName", ""),
        )

    return rule


def _send_raw(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    head = head_of(parameters["RawMessage"].get("Data", b""))
    source = parameters.get("Source", "")
    identity = (
        scope.find("sender", source) if source else scope.find("head", head.decode("latin-1"))
    )
    identity = parameters.get("SourceArn") or parameters.get("FromArn") or identity
    context = sending_context(
        source or from_of(head), parameters.get("Destinations", ()), "", _API_VERSION
    )
    return needs_to_send(
        Need("ses:SendRawEmail", identity, context),
        scope,
        configuration_set=parameters.get("ConfigurationSetName", ""),
    )


def _on(kind: str, read: Callable[[Parameters], str]) -> Callable[[str], Rule]:
    def make(action: str) -> Rule:
        def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
            context = {"ses:ApiVersion": _API_VERSION}
            return [Need(f"ses:{action}", scope.find(kind, read(parameters)), context)]

        return rule

    return make


def _anywhere(action: str) -> Rule:
    needs = (Need(f"ses:{action}", "*", {"ses:ApiVersion": _API_VERSION}),)
    return lambda _parameters, _scope: needs


_ON_POLICY = _on("identity", lambda parameters: str(parameters["Identity"]))
# SES v1 knows resources for sending and for policies of identities; all else is allowed or not as a whole.
_WHOLE = (
    "CreateConfigurationSet",
    "CreateTemplate",
    "DeleteConfigurationSet",
    "DeleteIdentity",
    "DeleteTemplate",
    "DeleteVerifiedEmailAddress",
    "DescribeConfigurationSet",
    "GetAccountSendingEnabled",
    "GetIdentityDkimAttributes",
    "GetIdentityMailFromDomainAttributes",
    "GetIdentityNotificationAttributes",
    "GetIdentityVerificationAttributes",
    "GetSendQuota",
    "GetSendStatistics",
    "GetTemplate",
    "ListConfigurationSets",
    "ListIdentities",
    "ListTemplates",
    "ListVerifiedEmailAddresses",
    "SetIdentityDkimEnabled",
    "SetIdentityFeedbackForwardingEnabled",
    "SetIdentityHeadersInNotificationsEnabled",
    "SetIdentityMailFromDomain",
    "SetIdentityNotificationTopic",
    "TestRenderTemplate",
    "UpdateTemplate",
    "VerifyDomainDkim",
    "VerifyDomainIdentity",
    "VerifyEmailAddress",
    "VerifyEmailIdentity",
)

NEEDS: Mapping[str, Rule] = {
    "SendEmail": _send("SendEmail"),
    "SendRawEmail": _send_raw,
    "SendTemplatedEmail": _send("SendTemplatedEmail"),
    "SendBulkTemplatedEmail": _send("SendBulkTemplatedEmail"),
    **{
        action: _ON_POLICY(action)
        for action in (
            "DeleteIdentityPolicy",
            "GetIdentityPolicies",
            "ListIdentityPolicies",
            "PutIdentityPolicy",
        )
    },
    **{action: _anywhere(action) for action in _WHOLE},
}
