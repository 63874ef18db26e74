"""What the operations of SES v2 ask of their callers.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Simple Email Service v2".
SendEmail is ses:SendRawEmail where the message is raw, and ses:SendTemplatedEmail where it is made from a template.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope
from outcrop.identity.permissions.ses import from_of, head_of, needs_to_send, sending_context

Parameters = Mapping[str, Any]
_API_VERSION = "2"


def _send(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    content = parameters["Content"]
    destination = parameters.get("Destination") or {}
    recipients = [
        address
        for name in ("ToAddresses", "CcAddresses", "BccAddresses")
        for address in destination.get(name, ())
    ]
    source = parameters.get("FromEmailAddress", "")
    template, action = "", "ses:SendEmail"
    identity = scope.find("sender", source)
    if content.get("Raw") is not None:
        action, head = "ses:SendRawEmail", head_of(content["Raw"].get("Data", b""))
        if not source:
            source, identity = from_of(head), scope.find("head", head.decode("latin-1"))
    elif content.get("Template") is not None:
        action, named = "ses:SendTemplatedEmail", content["Template"]
        template = named.get("TemplateName") or named.get("TemplateArn", "")
    context = sending_context(
        source, recipients, parameters.get("FeedbackForwardingEmailAddress", ""), _API_VERSION
    )
    return needs_to_send(
        Need(action, parameters.get("FromEmailAddressIdentityArn") or identity, context),
        scope,
        template=template,
        configuration_set=parameters.get("ConfigurationSetName", ""),
    )


def _request_tags(parameters: Parameters) -> dict[str, ConditionValues]:
    context: dict[str, ConditionValues] = {"ses:ApiVersion": _API_VERSION}
    tags = parameters.get("Tags")
    if tags:
        context.update({f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags})
        context["aws:TagKeys"] = tuple(tag["Key"] for tag in tags)
    elif parameters.get("TagKeys"):
        context["aws:TagKeys"] = tuple(parameters["TagKeys"])
    return context


def _on(kind: str, member: str, action: str) -> Rule:
    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        arn = scope.find(kind, parameters.get(member) or "")
        return [Need(f"ses:{action}", arn, _request_tags(parameters))]

    return rule


def _anywhere(action: str) -> Rule:
    needs = (Need(f"ses:{action}", "*", {"ses:ApiVersion": _API_VERSION}),)
    return lambda _parameters, _scope: needs


def _on_resource(action: str) -> Rule:
    return lambda parameters, _scope: [
        Need(f"ses:{action}", parameters["ResourceArn"], _request_tags(parameters))
    ]


_ON_IDENTITY = (
    "CreateEmailIdentity",
    "CreateEmailIdentityPolicy",
    "DeleteEmailIdentity",
    "DeleteEmailIdentityPolicy",
    "GetEmailIdentity",
    "GetEmailIdentityPolicies",
    "PutEmailIdentityConfigurationSetAttributes",
    "PutEmailIdentityDkimAttributes",
    "PutEmailIdentityFeedbackAttributes",
    "PutEmailIdentityMailFromAttributes",
    "UpdateEmailIdentityPolicy",
)
_ON_SET = (
    "CreateConfigurationSet",
    "DeleteConfigurationSet",
    "GetConfigurationSet",
    "PutConfigurationSetDeliveryOptions",
    "PutConfigurationSetReputationOptions",
    "PutConfigurationSetSendingOptions",
    "PutConfigurationSetSuppressionOptions",
    "PutConfigurationSetTrackingOptions",
)
_ON_TEMPLATE = (
    "CreateEmailTemplate",
    "DeleteEmailTemplate",
    "GetEmailTemplate",
    "TestRenderEmailTemplate",
    "UpdateEmailTemplate",
)
_WHOLE = ("GetAccount", "ListConfigurationSets", "ListEmailIdentities", "ListEmailTemplates")

NEEDS: Mapping[str, Rule] = {
    "SendEmail": _send,
    **{action: _on("identity", "EmailIdentity", action) for action in _ON_IDENTITY},
    **{action: _on("configuration-set", "ConfigurationSetName", action) for action in _ON_SET},
    **{action: _on("template", "TemplateName", action) for action in _ON_TEMPLATE},
    **{action: _anywhere(action) for action in _WHOLE},
    **{
        action: _on_resource(action)
        for action in ("ListTagsForResource", "TagResource", "UntagResource")
    },
}
