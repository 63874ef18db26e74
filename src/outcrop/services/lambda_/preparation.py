"""Making versions ready to run: between a function's being accepted and its being Active.

Code is unpacked and what its lock names is installed. It happens beside the requests, one preparation of a function
at a time; what a dying server leaves undone is done at the next start, or when somebody needs it.
"""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import structlog

from outcrop.core.errors import OutcropError
from outcrop.functions.code import PackageError
from outcrop.services.lambda_ import code_folders
from outcrop.services.platform import Platform
from outcrop.storage.functions import rows
from outcrop.storage.functions.rows import ACTIVE, FAILED, PENDING, SUCCESSFUL, VersionRow

log = structlog.get_logger(__name__)

_BROKEN_CODE = "InvalidZipFileException"
_INTERNAL = "InternalError"
# The longest timeout, and a minute for its end.
_LONGEST_CALL_SECONDS = 960.0


def begin(platform: Platform, function_arn: str) -> asyncio.Task[None]:
    """Prepare whatever of a function waits for it; on the event loop."""
    tasks = platform.function_store.preparations
    task = tasks.get(function_arn)
    if task is None or task.done():
        task = asyncio.get_running_loop().create_task(_prepare(platform, function_arn))
        tasks[function_arn] = task
        task.add_done_callback(lambda done: _forget(platform, function_arn, done))
    return task


async def finish(platform: Platform, function_arn: str) -> None:
    """Wait until nothing of a function is being prepared any more, beginning where nobody did."""
    while await asyncio.to_thread(_waiting, platform, function_arn):
        await asyncio.shield(begin(platform, function_arn))


def resume(platform: Platform) -> None:
    """Go on with what an earlier server left undone; on the event loop."""
    unready = rows.unready(platform.database.reader)
    for arn in dict.fromkeys(arn for arn, _ in unready):
        begin(platform, arn)


def clear_up_later(platform: Platform, package_ids: Sequence[str]) -> None:
    """Remove what was unpacked from packages that are gone, once no call that began before can still run."""
    if not package_ids:
        return
    loop = asyncio.get_running_loop()

    def clear_up() -> None:
        packages = platform.function_store.packages
        loop.run_in_executor(None, packages.remove_copies, tuple(package_ids))

    # Where the server ends before, the next start does it.
    loop.call_later(_LONGEST_CALL_SECONDS, clear_up)


def _forget(platform: Platform, function_arn: str, task: asyncio.Task[None]) -> None:
    tasks = platform.function_store.preparations
    if tasks.get(function_arn) is task:
        del tasks[function_arn]


def _waiting(platform: Platform, function_arn: str) -> list[VersionRow]:
    with platform.database.read() as connection:
        names = [name for arn, name in rows.unready(connection) if arn == function_arn]
        found = [rows.version(connection, function_arn, name) for name in names]
    return [version for version in found if version is not None]


async def _prepare(platform: Platform, function_arn: str) -> None:
    for version in await asyncio.to_thread(_waiting, platform, function_arn):
        code, reason = None, None
        try:
            await code_folders.prepare(version, platform)
        except PackageError as error:
            code, reason = _BROKEN_CODE, str(error)
        except (OutcropError, OSError) as error:
            code, reason = _INTERNAL, str(error)
            log.warning("function_not_prepared", function=function_arn, reason=str(error))
        await asyncio.to_thread(_settle, platform, version, code, reason)


def _settle(platform: Platform, version: VersionRow, code: str | None, reason: str | None) -> None:
    was_made = version.state == PENDING
    values = {
        "state": FAILED if was_made and code is not None else ACTIVE,
        "update_status": SUCCESSFUL if code is None else FAILED,
        "state_reason_code": code,
        "state_reason": reason,
        # As in AWS, being ready is a revision of its own.
        "revision_id": str(uuid4()),
    }
    with platform.database.write(durable=True) as connection:
        present = rows.version(connection, version.function_arn, version.version)
        if present is not None and _code_of(present) == _code_of(version):
            rows.change_version(connection, version.function_arn, version.version, **values)


def _code_of(version: VersionRow) -> tuple[str | None, str, int]:
    return version.package_id, version.settings_json, version.modified_us
