"""Are the boxes there that discovery does not show? Home lists them, so somebody looks.

Their addresses are known from before, typed by a person or configured (``AddressBook.elsewhere``). Each is
asked for a TCP connection a minute, one after the other, and in no meeting: then the meeting itself shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from appliance.app.addresses import Place
from appliance.core import limits
from appliance.core.view import BoxSeen
from appliance.signaling.dial import connect_first


class Elsewhere:
    """``places()``: where to look; ``resting()``: not now; ``changed()``: ``boxes`` are others."""

    def __init__(
        self,
        places: Callable[[], list[Place]],
        resting: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._places = places
        self._resting = resting
        self._changed = changed
        self._answers: dict[tuple[tuple[str, ...], int], bool] = {}
        self._seen_at: dict[tuple[tuple[str, ...], int], float] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def boxes(self) -> tuple[BoxSeen, ...]:
        """What was asked, for the screen: those that answer first. One that was only ever seen, and does not
        answer, is none of anybody's business.
        """
        asked = [
            (place, self._answers[place.hosts, place.port])
            for place in self._places()
            if (place.hosts, place.port) in self._answers
        ]
        shown = [
            BoxSeen(
                place.name,
                place.hosts[0],
                there,
                self._seen_at.get((place.hosts, place.port), 0.0),
                place.found_by,
            )
            for place, there in asked
            if there or place.wanted
        ]
        return tuple(sorted(shown, key=lambda box: not box.present))

    def start(self) -> None:
        """Look from now on, until ``stop``."""
        self._task = asyncio.get_running_loop().create_task(self._look(), name="elsewhere")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def look_soon(self) -> None:
        """There are other boxes or addresses than before."""
        self._news.set()

    async def _look(self) -> None:
        while True:
            self._news.clear()
            if not self._resting():
                await self._look_at_all()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limits.ELSEWHERE_EVERY):
                    await self._news.wait()
                    await asyncio.sleep(limits.ELSEWHERE_SETTLE)

    async def _look_at_all(self) -> None:
        places = self._places()[: limits.ELSEWHERE_MAX]
        wanted = {(place.hosts, place.port) for place in places}
        self._answers = {at: there for at, there in self._answers.items() if at in wanted}
        self._seen_at = {at: when for at, when in self._seen_at.items() if at in wanted}
        for place in places:
            at = place.hosts, place.port
            there = await _answers(place)
            if there:
                self._seen_at[at] = time.monotonic()
            if self._answers.get(at) is not there:
                self._answers[at] = there
                self._changed()


async def _answers(place: Place) -> bool:
    try:
        connection = await connect_first(place.hosts, place.port, within=limits.ELSEWHERE_WITHIN)
    except OSError:
        return False
    connection.close()
    return True
