"""Calls in threads that can be waited for: cancelling who awaits one leaves its thread running, on what may be closed next."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

ParametersT = ParamSpec("ParametersT")
ResultT = TypeVar("ResultT")


class Threads:
    """The calls of one owner."""

    def __init__(self) -> None:
        self._running: set[asyncio.Future[object]] = set()

    async def call(
        self,
        function: Callable[ParametersT, ResultT],
        *args: ParametersT.args,
        **kwargs: ParametersT.kwargs,
    ) -> ResultT:
        """Return what a function returns that is called in a thread."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(None, partial(function, *args, **kwargs))
        self._running.add(future)  # type: ignore[arg-type]  # a set of any results
        future.add_done_callback(self._running.discard)
        return await asyncio.shield(future)

    async def ended(self) -> None:
        """Return when no call is under way."""
        await asyncio.gather(*self._running, return_exceptions=True)
