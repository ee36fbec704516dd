"""What goes to the screen: notices, and a new snapshot once for all that happens together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.core import limits
from appliance.core.view import Notice, Snapshot, Tone
from appliance.core.words import Text


class Publisher:
    """Of one box. ``snapshot()``: as the box is now. ``publish``: it is shown."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        snapshot: Callable[[], Snapshot],
        publish: Callable[[Snapshot], None],
    ) -> None:
        self._loop = loop
        self._snapshot = snapshot
        self._publish = publish
        self._due: asyncio.Handle | None = None
        self._published_at = 0.0
        self._notice_id = 0
        self.notices: list[Notice] = []
        """What happened, as far as it is on the screen still; the oldest first."""
        self.every = limits.SNAPSHOTS_EVERY
        """Seconds from one snapshot to the next, at least."""

    def notify(self, text: Text, tone: Tone) -> None:
        """Show a line on the screen for some seconds."""
        self._notice_id += 1
        notice = Notice(self._notice_id, text, tone, self._loop.time())
        self.notices = [*self.notices, notice][-limits.NOTICES_MAX :]
        self.changed()

    def changed(self, *, at_once: bool = False) -> None:
        """Publish a new snapshot, once for all that happens within ``every``, or ``at_once`` after whatever
        is going on now.
        """
        if at_once and self._due is not None:
            self._due.cancel()
            self._due = None
        if self._due is None and at_once:
            self._due = self._loop.call_soon(self.publish)
        elif self._due is None:
            at = max(self._loop.time(), self._published_at + self.every)
            self._due = self._loop.call_at(at, self.publish)

    def publish(self) -> None:
        """Publish one now."""
        self._due = None
        now = self._published_at = self._loop.time()
        self.notices = [notice for notice in self.notices if now - notice.at < limits.NOTICE_KEPT_FOR]
        self._publish(self._snapshot())

    def stop(self) -> None:
        """What is due is not published any more."""
        if self._due is not None:
            self._due.cancel()
