"""Delivery policies: how often a web endpoint is tried again.

Source: SNS Developer Guide, "Creating an HTTP/S delivery policy": retries without delay, then at the smallest delay,
then from the smallest to the greatest along a curve, then at the greatest.
"""

import json
from collections.abc import Mapping
from typing import Any

from outcrop.services.sns.errors import InvalidParameter

_DEFAULT: dict[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
_CONTENT_TYPE = "text/plain; charset=UTF-8"
_CURVES = frozenset({"arithmetic", "exponential", "geometric", "linear"})
_MOST_RETRIES = 100
_LONGEST_DELAY = 3600


def check_topic(text: str, place: str) -> None:
    """Refuse a topic's delivery policy that is not valid.

    Raises:
        InvalidParameter: it is not.
    """
    if text:
        http = _object(text, place).get("http", {})
        _check_retries(http.get("defaultHealthyRetryPolicy") or {}, place)


def check_subscription(text: str, place: str) -> None:
    """Refuse a subscription's delivery policy that is not valid.

    Raises:
        InvalidParameter: it is not.
    """
    if text:
        _check_retries(_object(text, place).get("healthyRetryPolicy") or {}, place)


def effective(topic_policy: str) -> dict[str, Any]:
    """Return a topic's delivery policy with what it leaves to the default."""
    http = json.loads(topic_policy).get("http", {}) if topic_policy else {}
    found: dict[str, Any] = {
        "defaultHealthyRetryPolicy": {**_DEFAULT, **(http.get("defaultHealthyRetryPolicy") or {})},
        "disableSubscriptionOverrides": http.get("disableSubscriptionOverrides", False),
        "defaultRequestPolicy": {
            "headerContentType": _CONTENT_TYPE,
            **(http.get("defaultRequestPolicy") or {}),
        },
    }
    return {"http": found}


def of_subscription(topic_policy: str, own: str) -> dict[str, Any]:
    """Return the delivery policy that holds for a subscription: its own over its topic's."""
    http = effective(topic_policy)["http"]
    written = json.loads(own) if own and not http["disableSubscriptionOverrides"] else {}
    return {
        "healthyRetryPolicy": {
            **http["defaultHealthyRetryPolicy"],
            **(written.get("healthyRetryPolicy") or {}),
        },
        "requestPolicy": {**http["defaultRequestPolicy"], **(written.get("requestPolicy") or {})},
    }


def delays_of(retries: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the seconds to wait before each further attempt."""
    total = int(retries["numRetries"])
    at_once, early = int(retries["numNoDelayRetries"]), int(retries["numMinDelayRetries"])
    late = int(retries["numMaxDelayRetries"])
    least, most = float(retries["minDelayTarget"]), float(retries["maxDelayTarget"])
    rising = max(total - at_once - early - late, 0)
    curve = [
        _on_curve(retries["backoffFunction"], place / max(rising - 1, 1), least, most)
        for place in range(rising)
    ]
    return tuple(([0.0] * at_once + [least] * early + curve + [most] * late)[:total])


def _on_curve(name: str, part: float, least: float, most: float) -> float:
    if name == "linear":
        return least + (most - least) * part
    if name == "arithmetic":  # the steps grow evenly
        return least + (most - least) * part * part
    return float(least * (most / least) ** part) if least > 0 else most * part**3


def _object(text: str, place: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidParameter(f"{place}DeliveryPolicy: failed to parse JSON.")
    return found


def _check_retries(retries: Mapping[str, Any], place: str) -> None:
    merged = {**_DEFAULT, **retries}
    if unknown := sorted(retries.keys() - _DEFAULT.keys()):
        raise InvalidParameter(f"{place}DeliveryPolicy: unknown field {unknown[0]}")
    if merged["backoffFunction"] not in _CURVES:
        raise InvalidParameter(f"{place}DeliveryPolicy: http.backoffFunction is not valid")
    for name, value in merged.items():
        if name != "backoffFunction" and (not isinstance(value, int) or value < 0):
            raise InvalidParameter(f"{place}DeliveryPolicy: {name} must be a whole number")
    if merged["numRetries"] > _MOST_RETRIES:
        raise InvalidParameter(f"{place}DeliveryPolicy: numRetries must be at most {_MOST_RETRIES}")
    if not 1 <= merged["minDelayTarget"] <= merged["maxDelayTarget"] <= _LONGEST_DELAY:
        raise InvalidParameter(
            f"{place}DeliveryPolicy: minDelayTarget must be at least 1 and at most maxDelayTarget, "
            f"which must be at most {_LONGEST_DELAY}"
        )
    named = ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries")
    if sum(merged[name] for name in named) > merged["numRetries"]:
        raise InvalidParameter(
            f"{place}DeliveryPolicy: the phases have more retries than numRetries"
        )
