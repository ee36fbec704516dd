"""How closely the screen follows the box: when the newest snapshot is worth another view.

In a call something changes all the time, and a view costs more than it tells: there the screen keeps to
``limits.VIEWS_EVERY``, and to ``ARRIVAL_VIEWS_EVERY`` while the box comes into a crowd and needs the time for
its connections. Everywhere else it follows at once.
"""

from __future__ import annotations

import math

from appliance.core import limits
from appliance.core.view import Snapshot


class ViewPace:
    """Times are monotonic seconds. ``shown``: the snapshot that is on the screen; None: none yet."""

    def __init__(self) -> None:
        self.shown: Snapshot | None = None
        self._since = -math.inf  # it said something new then

    def show(self, snapshot: Snapshot, now: float) -> bool:
        """This one is shown from now on; return whether it says something new."""
        changed = snapshot != self.shown
        self.shown = snapshot
        if changed:
            self._since = now
        return changed

    def wait(self, newest: Snapshot, in_call: bool, now: float) -> float:
        """Seconds for which the newest snapshot is not shown yet; 0 or less: it is time.

        ``in_call``: a call is on the screen.
        """
        if not in_call or self.shown is None:
            return 0.0
        if newest.phase is not self.shown.phase or _room(newest) != _room(self.shown):
            return 0.0  # the next key is meant for another screen
        every = limits.ARRIVAL_VIEWS_EVERY if self._arriving else limits.VIEWS_EVERY
        return self._since + every - now

    @property
    def spin_every(self) -> float:
        """Seconds from one position of a spinner to the next."""
        return limits.ARRIVAL_VIEWS_EVERY if self._arriving else limits.SPINNER_EVERY

    @property
    def _arriving(self) -> bool:
        call = self.shown.call if self.shown is not None else None
        return call is not None and call.arriving


def _room(snapshot: Snapshot) -> int | None:
    return snapshot.call.room if snapshot.call is not None else None
