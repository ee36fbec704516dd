"""Looks at the box's counters once a second and says when somebody misbehaves (``core/abuse.py``)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from appliance.core.abuse import Abuse
from appliance.core.limits import ABUSE_LOOK_EVERY
from appliance.core.words import Text

log = logging.getLogger("meetingbox")


class AbuseReport:
    """``counters``: the box's, by stable code. ``tell(sentence)``: one calm line for the screen."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        counters: Callable[[], Mapping[str, int]],
        tell: Callable[[Text], None],
    ) -> None:
        self._loop = loop
        self._now = now
        self._counters = counters
        self._tell = tell
        self._abuse = Abuse()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look from now on, until ``stop``."""
        self._timer = self._loop.call_later(ABUSE_LOOK_EVERY, self._look)

    def stop(self) -> None:
        """Look no more; does no harm twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def stats(self) -> dict[str, dict[str, object]]:
        """What there was of each kind, by stable code."""
        return self._abuse.stats(self._now())

    def _look(self) -> None:
        self._timer = self._loop.call_later(ABUSE_LOOK_EVERY, self._look)
        for told in self._abuse.look(self._counters(), self._now()):
            log.warning("%s %d", told.code, told.count)
            if told.sentence:
                self._tell(told.sentence)
