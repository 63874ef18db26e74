"""Configurations with the variables that their reader may see."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from outcrop.services.lambda_ import environment
from outcrop.services.lambda_.descriptions import configuration, environment_member
from outcrop.services.lambda_.errors import LambdaError
from outcrop.services.platform import Context
from outcrop.storage.functions.rows import VersionRow

# A version and the ARN under which it was asked for.
Asked = tuple[VersionRow, str]


def describe(
    version: VersionRow, arn: str, context: Context
) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """Return a FunctionConfiguration; where KMS has to be asked for its variables, a coroutine that does."""
    if version.environment is not None and version.environment_key is not None:
        return _describe_with_kms(version, arn, context)
    variables = environment.open_own(version, context.platform)
    return configuration(version, arn, environment_member(variables))


async def described(version: VersionRow, arn: str, context: Context) -> dict[str, Any]:
    """Return a FunctionConfiguration, asking KMS where that takes it."""
    found = describe(version, arn, context)
    return found if isinstance(found, dict) else await found


def describe_all(
    asked: Sequence[Asked], context: Context
) -> list[dict[str, Any]] | Awaitable[list[dict[str, Any]]]:
    """Return FunctionConfigurations in order; where KMS has to be asked, a coroutine that does."""
    found = [describe(version, arn, context) for version, arn in asked]
    if all(isinstance(item, dict) for item in found):
        return found  # type: ignore[return-value]  # checked on the line above
    return _gathered(found)


async def _gathered(
    found: Sequence[dict[str, Any] | Awaitable[dict[str, Any]]],
) -> list[dict[str, Any]]:
    async def one(item: dict[str, Any] | Awaitable[dict[str, Any]]) -> dict[str, Any]:
        return item if isinstance(item, dict) else await item

    return list(await asyncio.gather(*(one(item) for item in found)))


async def _describe_with_kms(version: VersionRow, arn: str, context: Context) -> dict[str, Any]:
    try:
        variables = await environment.open_for_caller(version, context)
    except LambdaError as error:
        # The rest may be read all the same: API reference, EnvironmentResponse.
        failure = {"ErrorCode": "AccessDeniedException", "Message": error.message}
        return configuration(version, arn, {"Error": failure})
    return configuration(version, arn, environment_member(variables))
