"""When constraints are said and obeyed: the first at once, later ones at most one in ``CONSTRAINTS_EVERY``.

A window that is dragged, or a layout that moves, changes the sizes of all tiles many times a
second. The first word about a tile must not wait, because a picture waits for it; of later changes
that come faster than anybody needs, only the last is said, and it is always said.

Who obeys paces by the same rule, because the other side may not keep it, and each change can open
and close an encoder.
"""

from __future__ import annotations

from appliance.core.limits import CONSTRAINTS_EVERY
from appliance.core.messages import Constraints


class ConstraintPacer:
    """What is wanted of one stream, and when to say or obey it. Times are monotonic seconds.

    Saying stands for obeying where a peer's own words are paced.
    """

    def __init__(self) -> None:
        self._wanted: Constraints | None = None
        self._said: Constraints | None = None
        self._said_at = 0.0

    def want(self, constraints: Constraints, now: float) -> Constraints | None:
        """Note what is wanted from now on; return it if it is to be said at once."""
        self.hold(constraints)
        return self.tick(now)

    def hold(self, constraints: Constraints) -> None:
        """Note what is wanted while there is no connection to say it on."""
        self._wanted = constraints

    def deadline(self) -> float | None:
        """When ``tick`` has something to say, or None while nothing waits."""
        return self._said_at + CONSTRAINTS_EVERY if self._wanted != self._said else None

    def tick(self, now: float) -> Constraints | None:
        """Return what is due to be said now, and count it as said."""
        if self._wanted == self._said or (self._said is not None and now < self._said_at + CONSTRAINTS_EVERY):
            return None
        return self._say(now)

    def begin(self, now: float) -> Constraints | None:
        """A new connection, whose other end knows nothing: return what to say on it first, if anything."""
        return self._say(now) if self._wanted is not None else None

    def _say(self, now: float) -> Constraints | None:
        self._said, self._said_at = self._wanted, now
        return self._said
