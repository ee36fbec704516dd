"""How often somebody may try the admin PIN: five times a minute, then he waits, longer each time.

    PIN_TRIES wrong ones within PIN_TRIES_SPAN  ->  none is looked at for PIN_WAIT
    and so many again                           ->  twice as long, up to PIN_WAIT_MAX
    the right one, or PIN_FORGOTTEN_AFTER       ->  as at the beginning

So a minute never sees more than ``PIN_TRIES`` of them: a try that was made counts for a minute, and the wait
begins with the last one.
"""

from __future__ import annotations

from collections import deque

from appliance.core import limits


class PinTries:
    """Counts tries at one keypad. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._wrong: deque[float] = deque(maxlen=limits.PIN_TRIES)
        self._waits = 0  # in a row
        self._until = 0.0

    def wait_until(self, now: float) -> float | None:
        """When the next try is looked at, None for now."""
        return self._until if now < self._until else None

    def left(self, now: float) -> int:
        """Tries until there is a wait."""
        self._forget(now)
        return limits.PIN_TRIES - len(self._wrong)

    def wrong(self, now: float) -> None:
        """A wrong one was looked at."""
        self._forget(now)
        self._wrong.append(now)
        if len(self._wrong) >= limits.PIN_TRIES:
            wait = min(limits.PIN_WAIT * 2.0**self._waits, limits.PIN_WAIT_MAX)
            self._until = now + wait
            self._waits += 1
            self._wrong.clear()

    def right(self) -> None:
        """The right one was."""
        self._wrong.clear()
        self._waits = 0
        self._until = 0.0

    def _forget(self, now: float) -> None:
        while self._wrong and now - self._wrong[0] >= limits.PIN_TRIES_SPAN:
            self._wrong.popleft()
        if not self._wrong and self._until and now - self._until >= limits.PIN_FORGOTTEN_AFTER:
            self._waits = 0
