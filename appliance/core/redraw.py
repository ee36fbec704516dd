"""How often a screen full of pictures is brought up to date.

Pictures of many boxes come at any time, each at its own. Drawing every one when it comes would be an update
for each; drawing them at the pace of the screen is waste where all are small and come 15 times a second. So
the updates keep to twice the rate of the fastest picture shown, which is seen half a picture late at most.

On a machine that is too slow for its screen an update takes longer than there is between two. Drawing on
without a pause would leave nothing of the interpreter to sound, whose threads need it every few milliseconds:
what an update took too long is waited for as well.
"""

from __future__ import annotations

from appliance.core import limits


class RedrawPace:
    """Times are monotonic seconds. ``every``: seconds from one update to the next, as far as is known now."""

    def __init__(self) -> None:
        self.every = limits.REDRAW_EVERY
        self._counts: dict[str, int] = {}  # pictures of each tile since
        self._since = 0.0

    @staticmethod
    def rest(took: float) -> float:
        """Seconds in which nothing is drawn after an update that took ``took`` seconds."""
        return min(max(0.0, took - limits.REDRAW_SLOWEST), limits.REDRAW_REST_MAX)

    def shown(self, tile: str, now: float) -> None:
        """A picture of a tile is shown."""
        elapsed = now - self._since
        if elapsed >= limits.REDRAW_MEASURED_OVER:
            fastest = max(self._counts.values(), default=0) / elapsed
            every = 0.5 / fastest if self._counts and elapsed < 2 * limits.REDRAW_MEASURED_OVER else 0.0
            self.every = min(max(every, limits.REDRAW_EVERY), limits.REDRAW_SLOWEST)
            self._counts = {}
            self._since = now
        self._counts[tile] = self._counts.get(tile, 0) + 1
