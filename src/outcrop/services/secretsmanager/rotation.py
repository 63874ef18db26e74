"""Rotation: RotateSecret keeps how a secret is to rotate, CancelRotateSecret turns it off.

The rotation itself is done by a function, and functions cannot be run yet: a request that would run one is refused
before anything is changed, so that nobody believes that a value rotates.
"""

import json
from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import OperationNotBuilt
from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.platform import Context
from outcrop.services.secretsmanager import lookup
from outcrop.services.secretsmanager.errors import (
    InvalidParameterException,
    InvalidRequestException,
)
from outcrop.services.secretsmanager.staging_labels import PENDING
from outcrop.services.secretsmanager.values import check_text
from outcrop.storage.secrets import rows

_EXTERNAL = ("ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn")


@operation("secretsmanager:RotateSecret")
def rotate_secret(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Keep a secret's rotation function and rules; with RotateImmediately false, nothing else is asked for.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        InvalidRequestException: no function was ever named, or the secret is marked for deletion.
        InvalidParameterException: the rules contradict each other.
        OperationNotBuilt: the rotation is to begin now.
    """
    if "ClientRequestToken" not in request:
        raise InvalidParameterException(
            "You must provide a ClientRequestToken value. We recommend a UUID-type value."
        )
    for member in _EXTERNAL:
        if request.get(member):
            raise InvalidParameterException(
                f"{member} can't be used: secrets that other vendors manage are not available here. Leave it out."
            )
    rules = _read_rules(request.get("RotationRules"))
    function = request.get("RotationLambdaARN")
    if function:
        check_text("RotationLambdaARN", function)
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
        rotation = secret.rotation
        function = function or rotation.get("RotationLambdaARN")
        if not function:
            raise InvalidRequestException(
                "No Lambda rotation function ARN is associated with this secret."
            )
        if request.get("RotateImmediately", True):
            raise OperationNotBuilt(
                f"secretsmanager:RotateSecret cannot run {function} yet: functions are not offered by this server. "
                "With RotateImmediately set to false, the rotation's configuration is kept and nothing is rotated."
            )
        rotation = {
            "RotationEnabled": True,
            "RotationLambdaARN": function,
            "RotationRules": rules or rotation.get("RotationRules"),
        }
        rows.change(connection, secret.arn, rotation_json=json.dumps(rotation), changed_us=now)
    return {"ARN": secret.arn, "Name": secret.name}


@operation("secretsmanager:CancelRotateSecret")
def cancel_rotate_secret(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Turn a secret's rotation off; what was configured is kept for the next time.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        InvalidRequestException: the secret is marked for deletion.
    """
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
        pending = rows.stages(connection, secret.arn).get(PENDING)
        if secret.rotation:
            rotation = {**secret.rotation, "RotationEnabled": False}
            rows.change(connection, secret.arn, rotation_json=json.dumps(rotation), changed_us=now)
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": pending}


def _read_rules(rules: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if rules is None:
        return None
    if ("AutomaticallyAfterDays" in rules) == ("ScheduleExpression" in rules):
        raise InvalidParameterException(
            "RotationRules must have either AutomaticallyAfterDays or ScheduleExpression, but not both."
        )
    expression = rules.get("ScheduleExpression", "rate(1 day)")
    if not (expression.startswith(("rate(", "cron(")) and expression.endswith(")")):
        raise InvalidParameterException(
            f"The ScheduleExpression {expression} is neither a rate() nor a cron() expression."
        )
    return dict(rules)
