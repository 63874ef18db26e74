"""What of functions goes on when a server starts, and ends when it stops."""

from outcrop.services.lambda_ import event_queue, preparation
from outcrop.services.platform import Platform


def resume(platform: Platform) -> None:
    """Go on with what an earlier server left undone; on the event loop, once calls can be answered."""
    preparation.resume(platform)
    event_queue.resume(platform)


async def stop(platform: Platform) -> None:
    """Begin no event any more; the next start goes on with those that wait."""
    await event_queue.stop(platform)
