"""A box that comes into a crowd keeps quiet until it has met everybody that it found.

Where many boxes join at once, as after a power cut, each has a connection to build with every other,
and each that is built would carry pictures and sound in full at once: the first pairs take the time that
the others need. So a box that arrives and has several connections to build sends few and small pictures,
and its sound a moment later. Who was there before is not affected: to them one box more is no crowd.
"""

from __future__ import annotations

from appliance.core.limits import ARRIVAL_CROWD, ARRIVAL_LINGER, ARRIVAL_MAX, ARRIVAL_STALL


class Arrival:
    """One box's arrival in one room. Times are monotonic seconds."""

    def __init__(self, began: float) -> None:
        self._ends = began + ARRIVAL_MAX
        self._until = self._ends
        self._building = 0
        self.quiet = False
        """Is this a moment to keep quiet?"""

    def look(self, building: int, now: float) -> bool:
        """Note how many connections are to be built; return whether ``quiet`` is another than before."""
        if building != self._building:
            self._building = building
            self._until = min(now + (ARRIVAL_STALL if building else ARRIVAL_LINGER), self._ends)
        begins = building >= ARRIVAL_CROWD
        before, self.quiet = self.quiet, (self.quiet or begins) and now < self._until
        return self.quiet is not before

    def deadline(self) -> float | None:
        """When to look again whatever happens, or None."""
        return self._until if self.quiet else None
