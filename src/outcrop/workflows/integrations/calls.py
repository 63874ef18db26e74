"""Calls of operations on behalf of a Task state, as the role that its machine (or its Credentials) names."""

import asyncio
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from outcrop.aws import service_models
from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import Invoke, Principal
from outcrop.aws.trace_header import trace_of
from outcrop.identity.directory import Directory, RoleNotAssumable
from outcrop.workflows.integrations.failures import TASK_FAILED, At, Target, failure
from outcrop.workflows.tasks import TaskCall, TaskFailed

_SERVICE = "states.amazonaws.com"
# Errors that their model marks as retryable (a model that is still loading) are tried again by AWS's SDKs, within the
# task: "up to 5 times", as the reference of InvokeModel says.
_RETRY_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)
_MOST_SESSIONS = 512
_SESSION_SECONDS = 900
_EFFECTS = uuid.UUID("8a1f8f5e-4c87-5d5e-9d2f-0c0f3c2b6a11")


class Calls:
    """Opens role sessions and calls operations in them.

    Args:
        invoke: calls operations of any service.
        directory: opens sessions.
        account_id: the one account.
    """

    def __init__(self, invoke: Invoke, directory: Directory, account_id: str) -> None:
        self._invoke = invoke
        self._directory = directory
        self.account_id = account_id
        self._chained: dict[tuple[str, str], tuple[Principal, float]] = {}

    async def call(
        self,
        task: TaskCall,
        target: Target,
        operation: str,
        request: Mapping[str, Any],
        at: At = "task",
    ) -> dict[str, Any]:
        """Call an operation as the task's role; return its result with wire names.

        A member that makes repeated calls of the operation answer the same is filled in where the state left it out.
        Errors that AWS's SDKs try again are tried again.

        Args:
            task: on whose behalf.
            target: what is called.
            operation: AWS's name.
            request: wire names.
            at: how far the task has got, for the failure.

        Raises:
            TaskFailed: the operation raised an error, which is the cause, or the role cannot be assumed.
        """
        effect = effect_id(task)
        principal = replace(await self._session(task), trace=trace_of(effect))
        token = service_models.load(target.service).operation(operation).idempotency_token
        if token is not None and not request.get(token):
            request = {**request, token: effect}
        try:
            for pause_seconds in _RETRY_PAUSES_SECONDS:
                try:
                    return await self._invoke(
                        target.service, operation, request, principal=principal, region=task.region
                    )
                except ServiceError as error:
                    if not _is_retryable(error, target):
                        raise
                await asyncio.sleep(pause_seconds)
            return await self._invoke(
                target.service, operation, request, principal=principal, region=task.region
            )
        except Exception as error:
            raise failure(error, target, operation, at) from error

    async def call_as_service(
        self, task: TaskCall, target: Target, operation: str, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Call an operation of Step Functions as the service itself, which needs no leave for its own resources.

        Raises:
            TaskFailed: the operation raised an error, which is the cause.
        """
        service = Principal("AWSService", _SERVICE, self.account_id, principal_id=_SERVICE)
        try:
            return await self._invoke(
                target.service, operation, request, principal=service, region=task.region
            )
        except Exception as error:
            raise failure(error, target, operation, "task") from error

    async def _session(self, task: TaskCall) -> Principal:
        machine_role = task.machine_role_arn or task.role_arn
        name = hashlib.blake2s(task.execution_arn.encode(), digest_size=16).hexdigest()
        source = task.state_machine_arn or task.execution_arn
        try:
            own = self._directory.assume_for_service(
                machine_role,
                _SERVICE,
                source_arn=source,
                source_account=self.account_id,
                session_name=name,
            )
        except RoleNotAssumable as error:
            raise TaskFailed(
                TASK_FAILED,
                f"Neither the global service principal {_SERVICE}, nor the regional one is authorized "
                "to assume the provided role.",
            ) from error
        if task.role_arn == machine_role:
            return own
        return await self._chain(own, task, name)

    async def _chain(self, own: Principal, task: TaskCall, name: str) -> Principal:
        """Return the session of the role that a state's Credentials name, which the machine's role has to assume."""
        key, now = (own.arn, task.role_arn), datetime.now(UTC).timestamp()
        kept = self._chained.get(key)
        if kept is not None and kept[1] > now:
            return kept[0]
        try:
            answer = await self._invoke(
                "sts",
                "AssumeRole",
                {
                    "RoleArn": task.role_arn,
                    "RoleSessionName": name,
                    "DurationSeconds": _SESSION_SECONDS,
                },
                principal=own,
                region=task.region,
            )
        except ServiceError as error:
            raise TaskFailed(
                TASK_FAILED,
                f"The role {own.role_arn} is not authorized to assume the task state's role, {task.role_arn}.",
            ) from error
        given = answer["Credentials"]
        credential = self._directory.credential(given["AccessKeyId"], given["SessionToken"])
        assert credential is not None, "credentials that were just made are known"
        if len(self._chained) >= _MOST_SESSIONS:
            self._chained.clear()
        self._chained[key] = credential.principal, now + _SESSION_SECONDS / 2
        return credential.principal


def _is_retryable(error: ServiceError, target: Target) -> bool:
    shape = service_models.load(target.service).error_shape(error.code)
    return shape is not None and "retryable" in shape.metadata


def effect_id(task: TaskCall) -> str:
    """Return a UUID that is the same whenever the same attempt of the same state is made again."""
    return str(uuid.uuid5(_EFFECTS, task.idempotency_key))
