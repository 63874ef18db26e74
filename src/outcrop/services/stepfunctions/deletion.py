"""The end of a state machine: marked first, gone when none of its executions runs any more."""

import asyncio

import structlog

from outcrop.services.platform import Platform
from outcrop.storage import state_machines as rows

log = structlog.get_logger(__name__)


async def delete(arn: str, platform: Platform) -> None:
    """Delete a machine and end its executions. From the mark on it is going, whatever becomes of this process."""

    def mark() -> bool:
        with platform.database.write(durable=True) as connection:
            if rows.status_of(connection, arn) is None:
                return False
            rows.change(connection, arn, status=rows.DELETING)
            return True

    if await asyncio.to_thread(mark):
        # Also where the client does not wait for the answer.
        await asyncio.shield(_finish(arn, platform))


async def resume(platform: Platform) -> None:
    """Finish what an earlier run of the server began to delete; for its start, once executions run."""
    with platform.database.read() as connection:
        begun = rows.all_deleting(connection)
    for arn in begun:
        log.info("state_machine_deletion_resumed", arn=arn)
        await _finish(arn, platform)


async def _finish(arn: str, platform: Platform) -> None:
    await platform.executions.abort_machine(arn)

    def remove() -> None:
        with platform.database.write(durable=True) as connection:
            if rows.status_of(connection, arn) == rows.DELETING:
                rows.remove(connection, arn)

    await asyncio.to_thread(remove)
