"""What a box has started, and how it ends: in reverse, each step bounded, none keeping the next one back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from appliance.core import limits

log = logging.getLogger("meetingbox")


class Tasks:
    """Work that goes on beside the rest; a failure of it is logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something that ends with the box."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task.failed %s", task.get_name(), exc_info=error)

    async def end(self) -> None:
        """Cancel what still runs, and wait for it."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=limits.STOP_WITHIN)


class Ends:
    """How to end each thing that was started."""

    def __init__(self) -> None:
        self._ends: list[tuple[str, Callable[[], object]]] = []

    def add(self, what: str, end: Callable[[], object]) -> None:
        """It runs; ``end`` ends it, and may be a coroutine function."""
        self._ends.append((what, end))

    async def run(self) -> None:
        """End everything, the newest first."""
        while self._ends:
            what, end = self._ends.pop()
            try:
                async with asyncio.timeout(limits.STOP_WITHIN):
                    work = end()
                    if asyncio.iscoroutine(work):
                        await work
            except TimeoutError:
                log.warning("stop.hangs %s", what)
            except Exception:
                log.exception("stop.failed %s", what)
