"""The proof that a box is alive: its event loop turns, and so does its renderer.

A timer on the event loop looks whether the display has gone round since the last look; only then is the
service manager's watchdog fed. So a loop that stands feeds nothing, and neither does one whose display
hangs in a driver. Both count: a box whose picture froze is as dead, to who stands before it, as one that
does not answer.

A display without a screen goes round as well: a television that is off is no fault.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from appliance.core import limits
from appliance.notify import ServiceManager

if TYPE_CHECKING:
    import asyncio


class Rounds(Protocol):
    """What is asked of the display; read from another thread than its own."""

    @property
    def turns(self) -> int:
        """How often its loop has gone round, everything drawn."""

    @property
    def drawn(self) -> bool:
        """Was a first page drawn?"""


class Heartbeat:
    """Tells ``manager`` when the first page is drawn, then feeds its watchdog; owns its timer.

    ``describe``: what the box does, in one line.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        manager: ServiceManager,
        display: Rounds,
        describe: Callable[[], str],
    ) -> None:
        self._loop = loop
        self._manager = manager
        self._display = display
        self._describe = describe
        self._turns = 0  # of the display, at the last look
        self._ready = False
        self._timer: asyncio.TimerHandle | None = None
        watchdog = manager.watchdog or limits.WATCHDOG_EVERY * limits.HEARTBEAT_MISSED
        self._every = min(limits.WATCHDOG_EVERY, watchdog / limits.HEARTBEAT_MISSED)

    def start(self) -> None:
        """Begin to look; nothing happens where no service manager listens."""
        if self._manager:
            self._look()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        turns = self._display.turns
        if not self._ready and self._display.drawn:
            self._ready = True
            self._manager.ready()
        if turns != self._turns:
            self._turns = turns
            if self._manager.watchdog is not None:
                self._manager.alive()
        self._manager.status(self._describe())
        self._timer = self._loop.call_later(
            self._every if self._ready else limits.HEARTBEAT_FIRST_EVERY, self._look
        )
