"""One call of a function: what is run, as which role, and what the host's refusals mean to the caller."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from outcrop.aws.errors import AccessDeniedException
from outcrop.functions.code import (
    ConcurrencyExceeded,
    FunctionCode,
    FunctionNotStarted,
    FunctionsRefused,
    Invocation,
    OnLog,
    PackageError,
)
from outcrop.identity.directory import RoleNotAssumable
from outcrop.services.lambda_ import (
    code_folders,
    environment,
    invocation_metrics,
    preparation,
    role_session,
)
from outcrop.services.lambda_.errors import (
    InvalidZipFileException,
    ResourceConflictException,
    ServiceException,
    TooManyRequestsException,
)
from outcrop.services.lambda_.identifiers import Found, Reference, find, not_found
from outcrop.services.platform import Platform
from outcrop.storage.functions import rows
from outcrop.storage.functions.rows import FAILED, PENDING, FunctionRow, VersionRow

log = structlog.get_logger(__name__)

_MOST_KEPT = 512
# Lambda quotas: 6 MB and what the service's own frame around an answer takes.
MOST_ANSWER_BYTES = 6_291_556


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function.

    Attributes:
        reference: as the caller named it.
        payload: JSON text.
        client_context: JSON text, or "".
        wants_log: whether the end of the log comes with the answer.
    """

    reference: Reference
    payload: bytes = field(repr=False)
    request_id: str
    client_context: str = ""
    trace_id: str = ""
    wants_log: bool = False


async def run(platform: Platform, call: Call) -> Invocation:
    """Run a function once; what goes wrong in it is part of the answer.

    Raises:
        ResourceNotFoundException: no such function, version or alias.
        ResourceConflictException: it could not be made ready.
        AccessDeniedException: Lambda may not assume its role.
        TooManyRequestsException: too many calls at once.
        ServiceException: it could not be started, through no fault of its own.
        KMS…Exception: its variables cannot be read.
    """
    found = await _ready(platform, call.reference)
    version = _chosen(platform, found)
    code = await _runnable(platform, found.function, version)
    _require_role(platform, code)
    qualifier = call.reference.qualifier
    try:
        answer = await platform.functions.invoke(
            code,
            call.payload,
            request_id=call.request_id,
            invoked_arn=call.reference.qualified_arn,
            client_context=call.client_context,
            trace_id=call.trace_id,
            log_tail=call.wants_log,
            on_log=_logger(platform, code),
        )
    except ConcurrencyExceeded as error:
        invocation_metrics.count_throttle(platform, code, qualifier)
        raise TooManyRequestsException(error.reason) from error
    except FunctionsRefused as error:
        raise ServiceException(str(error)) from error
    except FunctionNotStarted as error:
        raise ServiceException(f"The function could not be started: {error}") from error
    answer = _fitting(answer)
    invocation_metrics.count_end(platform, code, qualifier, answer)
    return answer


async def _ready(platform: Platform, reference: Reference) -> Found:
    reader = platform.database.reader
    found = find(reader, reference)
    if found.version.state == PENDING:
        await preparation.finish(platform, found.function.arn)
        found = find(reader, reference)
    if found.version.state == FAILED:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. The function is currently in the following "
            f"state: {FAILED}"
        )
    return found


def _chosen(platform: Platform, found: Found) -> VersionRow:
    """Return the version that a call goes to: an alias may share its calls between two."""
    if found.alias is None:
        return found.version
    drawn = random.random()  # noqa: S311  # a lot, not a secret
    for name, weight in found.alias.weights.items():
        if drawn < weight:
            version = rows.version(platform.database.reader, found.function.arn, name)
            if version is None:
                raise not_found(f"{found.function.arn}:{name}")
            return version
        drawn -= weight
    return found.version


async def _runnable(platform: Platform, function: FunctionRow, version: VersionRow) -> FunctionCode:
    kept, key = platform.function_store.runnable, (function.arn, version.version)
    made_of = (version.settings_json, version.package_id, version.modified_us, version.environment)
    present = kept.get(key)
    if present is not None and present[0] == made_of:
        code: FunctionCode = present[1]
        return _reserving(code, function)
    variables = await environment.open_for_function(version, platform, function.region)
    try:
        folders = await code_folders.prepare(version, platform)
    except PackageError as error:
        raise InvalidZipFileException(str(error)) from error
    code = _code(platform, function, version, folders, variables)
    if version.environment_key is None:
        # Others are opened for every call: so a key that is disabled closes them at once.
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[key] = (made_of, code)
    return _reserving(code, function)


def _reserving(code: FunctionCode, function: FunctionRow) -> FunctionCode:
    if code.reserved_concurrency == function.reserved_concurrency:
        return code
    return replace(code, reserved_concurrency=function.reserved_concurrency)


def _code(
    platform: Platform,
    function: FunctionRow,
    version: VersionRow,
    folders: code_folders.CodeFolders,
    variables: dict[str, str],
) -> FunctionCode:
    settings = version.settings
    image: dict[str, Any] = settings.get("ImageConfig") or {}
    logging: dict[str, Any] = settings["LoggingConfig"]
    return FunctionCode(
        arn=function.arn,
        name=function.name,
        version=version.version,
        revision=f"{version.package_id or version.code_sha256}/{version.modified_us}",
        folder=folders.code,
        handler=settings.get("Handler", ""),
        runtime=settings.get("Runtime", ""),
        region=function.region,
        account_id=platform.account_id,
        role_arn=settings["Role"],
        environment=variables,
        timeout_seconds=settings["Timeout"],
        memory_mb=settings["MemorySize"],
        ephemeral_mb=settings["EphemeralStorage"]["Size"],
        layers=folders.layers,
        requirements=folders.requirements,
        kind=settings["PackageType"],
        command=tuple(image.get("Command") or ()),
        entry_point=tuple(image.get("EntryPoint") or ()),
        working_directory=image.get("WorkingDirectory") or "",
        image_uri=settings.get("ImageUri", ""),
        log_group=logging["LogGroup"],
        log_format=logging["LogFormat"],
        application_log_level=logging.get("ApplicationLogLevel", ""),
        system_log_level=logging.get("SystemLogLevel", ""),
        reserved_concurrency=function.reserved_concurrency,
    )


def _require_role(platform: Platform, code: FunctionCode) -> None:
    try:
        role_session.assume(platform.directory, code.role_arn, code.arn, code.name)
    except RoleNotAssumable as error:
        raise AccessDeniedException(
            "The role defined for the function cannot be assumed by Lambda."
        ) from error


def _logger(platform: Platform, code: FunctionCode) -> OnLog:
    def keep(stream: str, lines: Sequence[tuple[int, str]]) -> None:
        platform.logs.append(code.region, code.log_group, stream, lines, create=True)

    return keep


def _fitting(answer: Invocation) -> Invocation:
    """Return an answer, or the error in its place where it is too large for AWS."""
    if len(answer.payload) <= MOST_ANSWER_BYTES:
        return answer
    payload = (
        '{"errorMessage":"Response payload size exceeded maximum allowed payload size '
        f'({MOST_ANSWER_BYTES} bytes).","errorType":"Function.ResponseSizeTooLarge"}}'
    )
    return replace(answer, payload=payload.encode(), function_error="Unhandled")
