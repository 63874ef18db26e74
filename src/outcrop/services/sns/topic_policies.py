"""Statements of topics' policies, added and removed by label."""

import json
import re
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.sns.errors import InvalidParameter, NotFound
from outcrop.services.sns.names import require_topic
from outcrop.services.sns.topics import default_policy
from outcrop.storage import topics
from outcrop.storage.topics import TopicRow

_ACCOUNT = re.compile(r"[0-9]{12}")
# SNS API reference, AddPermission: operations that may be allowed so.
_ACTIONS = frozenset(
    {
        "AddPermission",
        "DeleteTopic",
        "GetDataProtectionPolicy",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "ListTagsForResource",
        "Publish",
        "PutDataProtectionPolicy",
        "RemovePermission",
        "SetTopicAttributes",
        "Subscribe",
    }
)


@operation("sns:AddPermission")
def add_permission(request: Mapping[str, Any], context: Context) -> None:
    """Let other accounts do something with a topic.

    Raises:
        NotFound: there is no such topic.
        InvalidParameter: the label is taken, or an action or account is not valid.
    """
    label = request["Label"]
    for action in request["ActionName"]:
        if action not in _ACTIONS:
            raise InvalidParameter("Policy statement action out of service scope!")
    for account in request["AWSAccountId"]:
        if _ACCOUNT.fullmatch(account) is None:
            raise InvalidParameter("AWSAccountId")
    principals = [f"arn:aws:iam::{account}:root" for account in request["AWSAccountId"]]
    actions = [f"SNS:{action}" for action in request["ActionName"]]
    with context.platform.database.write(durable=True) as connection:
        row = require_topic(connection, request["TopicArn"], context)
        policy, statements = _policy(row, context)
        if any(statement.get("Sid") == label for statement in statements):
            raise InvalidParameter("Statement already exists")
        statements.append(
            {
                "Sid": label,
                "Effect": "Allow",
                "Principal": {"AWS": principals if len(principals) > 1 else principals[0]},
                "Action": actions if len(actions) > 1 else actions[0],
                "Resource": row.arn,
            }
        )
        policy["Statement"] = statements
        topics.change(connection, row.arn, policy=json.dumps(policy, separators=(",", ":")))


@operation("sns:RemovePermission")
def remove_permission(request: Mapping[str, Any], context: Context) -> None:
    """Take a statement out of a topic's policy.

    Raises:
        NotFound: there is no such topic, or no statement with this label.
    """
    label = request["Label"]
    with context.platform.database.write(durable=True) as connection:
        row = require_topic(connection, request["TopicArn"], context)
        policy, statements = _policy(row, context)
        left = [statement for statement in statements if statement.get("Sid") != label]
        if len(left) == len(statements):
            raise NotFound(f"Statement {label} does not exist")
        # A policy without statements is no policy: what is left is the default.
        policy["Statement"] = left
        text = json.dumps(policy, separators=(",", ":")) if left else ""
        topics.change(connection, row.arn, policy=text)


def _policy(row: TopicRow, context: Context) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    policy = json.loads(row.policy or default_policy(row.arn, context.account_id))
    statements = policy["Statement"]
    return policy, statements if isinstance(statements, list) else [statements]
