"""Reserved concurrency, and what the account has."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from outcrop.services.lambda_.identifiers import find_function, read, require_unqualified
from outcrop.services.platform import Context
from outcrop.storage.functions import rows
from outcrop.storage.functions.archives import MOST_UNPACKED_BYTES
from outcrop.storage.functions.rows import LATEST

# Lambda quotas: what an account has before anybody raises it.
CONCURRENT_CALLS = 1000
_KEPT_UNRESERVED = 100
_MOST_CODE_BYTES = 80_530_636_800
_MOST_ZIPPED_BYTES = 52_428_800


@operation("lambda:PutFunctionConcurrency")
def put_function_concurrency(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Reserve calls at once for a function, which are also the most it may have; 0 stops it.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: too few would be left for the others, or a version is named.
    """
    reference, wanted = read(request, context), request["ReservedConcurrentExecutions"]
    require_unqualified(reference)
    with context.platform.database.write(durable=True) as connection:
        function = rows.get(connection, reference.arn)
        if function is None:
            raise ResourceNotFoundException(f"Function not found: {reference.at(LATEST)}")
        _, _, reserved = rows.usage(connection, context.region)
        others = reserved - (function.reserved_concurrency or 0)
        if others + wanted > CONCURRENT_CALLS - _KEPT_UNRESERVED:
            raise InvalidParameterValueException(
                f"Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{_KEPT_UNRESERVED}]."
            )
        rows.change(connection, function.arn, reserved_concurrency=wanted)
    return {"ReservedConcurrentExecutions": wanted}


@operation("lambda:GetFunctionConcurrency")
def get_function_concurrency(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return what is reserved for a function, nothing where nothing is.

    Raises:
        ResourceNotFoundException: no such function.
    """
    connection = context.platform.database.reader
    function = find_function(connection, read(request, context))
    return {"ReservedConcurrentExecutions": function.reserved_concurrency}


@operation("lambda:DeleteFunctionConcurrency")
def delete_function_concurrency(request: Mapping[str, Any], context: Context) -> None:
    """Let a function share what the account has left.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: a version is named.
    """
    reference = read(request, context)
    require_unqualified(reference)
    with context.platform.database.write(durable=True) as connection:
        function = find_function(connection, reference)
        rows.change(connection, function.arn, reserved_concurrency=None)


@operation("lambda:GetAccountSettings")
def get_account_settings(_request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the limits of the account in this region, and what it uses of them."""
    connection = context.platform.database.reader
    count, code_bytes, reserved = rows.usage(connection, context.region)
    return {
        "AccountLimit": {
            "TotalCodeSize": _MOST_CODE_BYTES,
            "CodeSizeUnzipped": MOST_UNPACKED_BYTES,
            "CodeSizeZipped": _MOST_ZIPPED_BYTES,
            "ConcurrentExecutions": CONCURRENT_CALLS,
            "UnreservedConcurrentExecutions": CONCURRENT_CALLS - reserved,
        },
        "AccountUsage": {"TotalCodeSize": code_bytes, "FunctionCount": count},
    }


@operation("lambda:GetFunctionCodeSigningConfig")
def get_function_code_signing_config(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return nothing: no code signing configuration can be made here, so that no function has one.

    Raises:
        ResourceNotFoundException: no such function.
    """
    find_function(context.platform.database.reader, read(request, context))
    return {}
