"""One timer for many deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.app.alarm import Alarm
from appliance.core.limits import DEADLINES_EVERY


class Rig:
    """An alarm whose deadlines are ``due``, and when it looked at them and rang."""

    def __init__(self) -> None:
        self.now: Callable[[], float] = asyncio.get_running_loop().time
        self.due: list[float] = []
        self.looks = 0
        self.rang: asyncio.Queue[float] = asyncio.Queue()
        self.alarm = Alarm(self._look, self._ring)

    def _look(self) -> float | None:
        self.looks += 1
        return min(self.due, default=None)

    def _ring(self) -> None:
        now = self.now()
        self.due = [at for at in self.due if at > now]
        self.rang.put_nowait(now)


async def _turns() -> None:
    """Long enough for what is armed to be looked at."""
    await asyncio.sleep(3 * DEADLINES_EVERY)


def test_it_rings_at_every_deadline() -> None:
    async def run() -> None:
        rig = Rig()
        first = rig.now() + 0.05
        rig.due = [first + 0.05, first]
        rig.alarm.arm()
        async with asyncio.timeout(10):
            assert await rig.rang.get() >= first
            assert await rig.rang.get() >= first + 0.05

    asyncio.run(run())


def test_what_happens_at_once_is_looked_at_once() -> None:
    async def run() -> None:
        rig = Rig()
        for _ in range(10):
            rig.alarm.arm()
        assert rig.looks == 0
        await _turns()
        assert rig.looks == 1

    asyncio.run(run())


def test_an_earlier_deadline_takes_the_place_of_a_later_one() -> None:
    async def run() -> None:
        rig = Rig()
        rig.due = [rig.now() + 3600]
        rig.alarm.arm()
        await _turns()
        rig.due.append(rig.now())
        rig.alarm.arm()
        async with asyncio.timeout(10):
            await rig.rang.get()

    asyncio.run(run())


def test_a_deadline_that_is_gone_does_not_ring() -> None:
    async def run() -> None:
        rig = Rig()
        rig.due = [rig.now() + 5 * DEADLINES_EVERY]
        rig.alarm.arm()
        await _turns()
        rig.due.clear()
        rig.alarm.arm()
        await asyncio.sleep(10 * DEADLINES_EVERY)
        assert rig.rang.empty()

    asyncio.run(run())


def test_one_that_was_stopped_is_silent() -> None:
    async def run() -> None:
        rig = Rig()
        rig.due = [rig.now() + 5 * DEADLINES_EVERY]
        rig.alarm.arm()
        await _turns()
        rig.alarm.stop()
        rig.alarm.arm()
        await asyncio.sleep(10 * DEADLINES_EVERY)
        assert rig.looks == 1
        assert rig.rang.empty()

    asyncio.run(run())
