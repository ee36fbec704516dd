"""One timer for the deadlines of many machines, which is set to the earliest of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.core import limits


class Alarm:
    """``due()``: the earliest deadline on the loop's clock, None without any. ``ring()``: it is reached; the
    alarm is armed anew afterwards.
    """

    def __init__(self, due: Callable[[], float | None], ring: Callable[[], None]) -> None:
        self._due = due
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._arming = False
        self._stopped = False

    def arm(self) -> None:
        """A deadline may be another one: they are looked at once, for all that happens within
        ``limits.DEADLINES_EVERY``.
        """
        if not self._arming:
            self._arming = True
            asyncio.get_running_loop().call_later(limits.DEADLINES_EVERY, self._set)

    def stop(self) -> None:
        """It rings no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _set(self) -> None:
        self._arming = False
        if self._stopped:
            return
        due = self._due()
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._reached)

    def _reached(self) -> None:
        self._timer = None
        self._ring()
        self.arm()
