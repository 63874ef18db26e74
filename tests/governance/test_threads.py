"""Calls in threads are waited for, even when nobody awaits their results."""

import asyncio
import threading

import pytest

from outcrop.governance.threads import Threads


async def test_a_call_returns_what_its_function_returns() -> None:
    threads = Threads()
    assert await threads.call(pow, 2, 10) == 1024
    with pytest.raises(ZeroDivisionError, match="zero"):
        await threads.call(divmod, 1, 0)


async def test_a_call_whose_awaiter_was_cancelled_is_waited_for() -> None:
    threads, goes_on, began, ended = Threads(), threading.Event(), threading.Event(), []

    def work() -> None:
        began.set()
        goes_on.wait(30)
        ended.append(True)

    task = asyncio.create_task(threads.call(work))
    while not began.is_set():  # noqa: ASYNC110  # another thread's event
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ended
    goes_on.set()
    await threads.ended()
    assert ended == [True]
