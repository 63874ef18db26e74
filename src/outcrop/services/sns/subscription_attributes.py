"""Attributes of subscriptions, checked in AWS's words."""

import json
from collections.abc import Mapping

from outcrop.aws.errors import OperationNotBuilt
from outcrop.services.sns import delivery_policies, filter_policies
from outcrop.services.sns.errors import InvalidParameter
from outcrop.services.sns.filter_policies import ATTRIBUTES, BODY, InvalidFilter

_SUBSCRIBING = "Attributes Reason: "
_RAW_PROTOCOLS = frozenset({"http", "https"})
_NAMES = frozenset(
    {"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"}
)


def checked(given: Mapping[str, str], protocol: str) -> dict[str, str]:
    """Return the attributes of a new subscription.

    Raises:
        InvalidParameter: there is no such attribute, or not this value for it.
        OperationNotBuilt: a dead-letter queue is named.
    """
    for name in given:
        if name not in _NAMES:
            raise InvalidParameter(f"{_SUBSCRIBING}Unknown attribute: {name}")
    scope = given.get("FilterPolicyScope", ATTRIBUTES)
    for name, value in given.items():
        _check(name, value, protocol, scope, _SUBSCRIBING)
    return {name: value for name, value in given.items() if value}


def changed(before: Mapping[str, str], name: str, value: str, protocol: str) -> dict[str, str]:
    """Return the attributes of a subscription with one of them set, or taken away by an empty value.

    Raises:
        InvalidParameter: there is no such attribute, or not this value for it.
        OperationNotBuilt: a dead-letter queue is named.
    """
    if name not in _NAMES:
        raise InvalidParameter("AttributeName")
    scope = before.get("FilterPolicyScope", ATTRIBUTES)
    _check(name, value, protocol, scope, "")
    if name == "FilterPolicyScope" and value == ATTRIBUTES and before.get("FilterPolicy"):
        _check("FilterPolicy", before["FilterPolicy"], protocol, value, "")
    attributes = {key: text for key, text in before.items() if key != name}
    if value and not (name == "FilterPolicy" and value == "{}"):
        attributes[name] = value
    return attributes


def _check(name: str, value: str, protocol: str, scope: str, place: str) -> None:
    if name == "RawMessageDelivery":
        _check_raw(value, protocol, place)
    elif name == "FilterPolicyScope":
        if value not in {ATTRIBUTES, BODY}:
            raise InvalidParameter(
                f"{place}FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or "
                "MessageAttributes"
            )
    elif name == "FilterPolicy":
        _check_filter(value, scope, place)
    elif name == "DeliveryPolicy":
        delivery_policies.check_subscription(value, place)
    else:
        _check_redrive(value, place)


def _check_raw(value: str, protocol: str, place: str) -> None:
    if value.lower() not in {"true", "false"}:
        raise InvalidParameter(
            f"{place}RawMessageDelivery: Invalid value [{value}]. Must be true or false."
        )
    if value.lower() == "true" and protocol not in _RAW_PROTOCOLS:
        raise InvalidParameter(
            f"{place}RawMessageDelivery: Delivery protocol [{protocol}] does not support raw message "
            "delivery."
        )


def _check_filter(value: str, scope: str, place: str) -> None:
    if not value:
        return
    try:
        filter_policies.check(value, scope)
    except InvalidFilter as error:
        named = "" if str(error).startswith("Filter policy scope") else "FilterPolicy: "
        raise InvalidParameter(f"{place}{named}{error}") from None


def _check_redrive(value: str, place: str) -> None:
    if not value:
        return
    try:
        policy = json.loads(value)
        arn = str(policy["deadLetterTargetArn"])
    except (ValueError, KeyError, TypeError):
        raise InvalidParameter(f"{place}RedrivePolicy: failed to parse JSON.") from None
    if len(arn.split(":")) < 6 or not arn.startswith("arn:"):
        raise InvalidParameter(f"{place}RedrivePolicy: deadLetterTargetArn is an invalid arn")
    raise OperationNotBuilt(
        "Dead-letter queues are Amazon SQS queues, which this server does not have: a RedrivePolicy would "
        "promise what nothing keeps."
    )
