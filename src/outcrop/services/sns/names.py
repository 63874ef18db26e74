"""ARNs of topics and subscriptions, and the topics that they name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.platform import Context
from outcrop.services.sns.errors import InvalidParameter, NotFound
from outcrop.storage import topics
from outcrop.storage.topics import TopicRow

RowT = TypeVar("RowT")
_PARTS = 6
PAGE = 100


def topic_arn(name: str, region: str, account_id: str) -> str:
    """Return the ARN of a topic."""
    return f"arn:aws:sns:{region}:{account_id}:{name}"


def check_topic_arn(arn: str, context: Context, parameter: str = "TopicArn") -> None:
    """Refuse what cannot be the ARN of a topic in this region.

    Raises:
        InvalidParameter: it cannot.
    """
    parts = arn.split(":")
    if len(parts) < _PARTS:
        raise InvalidParameter(
            parameter, f"An ARN must have at least {_PARTS} elements, not {len(parts)}"
        )
    # A link in a mail has no signature that could name a region.
    is_elsewhere = parts[3] != context.region and context.principal.type != "Anonymous"
    if len(parts) > _PARTS or parts[0] != "arn" or parts[2] != "sns" or is_elsewhere:
        raise InvalidParameter(parameter)


def check_subscription_arn(arn: str) -> None:
    """Refuse what cannot be the ARN of a subscription.

    Raises:
        InvalidParameter: it cannot.
    """
    parts = arn.split(":")
    if len(parts) < _PARTS:
        raise InvalidParameter(
            "SubscriptionArn", f"An ARN must have at least {_PARTS} elements, not {len(parts)}"
        )
    if len(parts) != _PARTS + 1 or parts[2] != "sns":
        raise InvalidParameter("SubscriptionId")


def require_topic(connection: Connection, arn: str, context: Context) -> TopicRow:
    """Return a topic.

    Raises:
        InvalidParameter: the ARN cannot be one.
        NotFound: there is no such topic.
    """
    check_topic_arn(arn, context)
    row = topics.get(connection, arn)
    if row is None:
        raise NotFound("Topic does not exist")
    return row


def start_of(request: Mapping[str, Any], context: Context) -> str:
    """Return the key after which a page begins, "" for the first.

    Raises:
        InvalidParameter: the token is none that this operation returned.
    """
    token = request.get("NextToken")
    if not token:
        return ""
    try:
        state = decode_token(token, context.platform.token_key)
    except ValidationException:
        state = {}
    if state.get("operation") != context.operation:
        raise InvalidParameter("NextToken")
    return str(state["after"])


def cut(
    found: Sequence[RowT], key: Callable[[RowT], str], context: Context
) -> tuple[Sequence[RowT], dict[str, str]]:
    """Return the first 100 of what was found, with NextToken where there is more."""
    if len(found) <= PAGE:
        return found, {}
    shown = found[:PAGE]
    state = {"operation": context.operation, "after": key(shown[-1])}
    return shown, {"NextToken": encode_token(state, context.platform.token_key)}
