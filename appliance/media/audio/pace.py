"""Real time for sources and sinks without a sound card of their own."""

from __future__ import annotations

import time

from appliance.core import limits

FRAME_NS = limits.SOUND_FRAME * 1_000_000_000 // limits.SOUND_RATE


class Pace:
    """Ticks once per 20 ms frame, at absolute times of the monotonic clock, so that it never drifts.

    A late tick is caught up with; after more than ``SOUND_BEHIND`` (a paused process, an
    overloaded machine) the ticks that were missed are skipped.
    """

    def __init__(self) -> None:
        self._start_ns: int | None = None
        self.index = 0  # frames since the start, skipped ones included
        self.skipped = 0  # by the last tick

    @property
    def due_ns(self) -> int:
        """When the frame of the last tick was due, in ``time.monotonic_ns()``."""
        return (self._start_ns or 0) + self.index * FRAME_NS

    def tick(self, timeout: float) -> bool:
        """Wait until the next frame is due; False if ``timeout`` seconds passed first."""
        now = time.monotonic_ns()
        if self._start_ns is None:
            self._start_ns = now - self.index * FRAME_NS
        wait = self.due_ns + FRAME_NS - now
        if wait > timeout * 1e9:
            time.sleep(timeout)
            return False
        if wait > 0:
            time.sleep(wait / 1e9)
            now = time.monotonic_ns()
        behind = now - (self.due_ns + FRAME_NS)
        self.skipped = behind // FRAME_NS if behind > limits.SOUND_BEHIND * 1e9 else 0
        self.index += 1 + self.skipped
        return True

    def restart(self) -> None:
        """Count on from here after a time in which nobody ticked on purpose."""
        self._start_ns = None
