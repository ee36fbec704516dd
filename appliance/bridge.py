"""The only object that two threads share.

The network thread publishes snapshots and pictures; the display thread takes the newest of each
and sends intents back. Nobody waits for the other: a snapshot or a picture that was not looked at
in time is replaced by its successor, and an intent is handed to the loop without blocking.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from appliance.core import limits
from appliance.core.intents import Intent
from appliance.core.picture import Picture
from appliance.core.view import Snapshot
from appliance.wake import Wake


class FrameSlot:
    """Holds the latest picture of one stream; an older one that was not taken is dropped."""

    def __init__(self, on_put: Callable[[], None]) -> None:
        self._on_put = on_put
        self._lock = threading.Lock()
        self._picture: Picture | None = None
        self._fresh = False
        self._put = 0
        self._dropped = 0

    def put(self, picture: Picture | None) -> None:
        """Replace the latest picture (any thread). None takes the picture off the tile."""
        with self._lock:
            if self._fresh and self._picture is not None:
                self._dropped += 1
            self._picture = picture
            self._fresh = True
            self._put += 1
        self._on_put()

    def take(self) -> tuple[bool, Picture | None]:
        """Return (is it new since the last call, the latest picture)."""
        with self._lock:
            fresh, self._fresh = self._fresh, False
            return fresh, self._picture

    @property
    def counts(self) -> tuple[int, int]:
        """(pictures put, pictures replaced before they were taken)."""
        with self._lock:
            return self._put, self._dropped


@dataclass(slots=True)
class DrawnStats:
    """What the display drew of one stream, for ``stats`` and the demo's measurements.

    ``first_at``/``last_at``: monotonic seconds of the first and last picture *drawn*.
    ``times``: when the last pictures were drawn. ``latencies_ms``: from the time code in the drawn
    picture (only where a box measures, see ``[display] measure``), each drawn at its ``measured_at``;
    all bounded.
    """

    count: int
    first_at: float
    last_at: float
    width: int
    height: int
    times: deque[float]
    latencies_ms: deque[float]
    measured_at: deque[float]


class Bridge:
    """Snapshots and pictures to the display; intents and drawn-frame statistics back."""

    SAMPLES_MAX = 4096  # drawn-picture samples kept per stream: over a minute at 60 pictures/s

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._wake = Wake()
        self._lock = threading.Lock()
        self._slots: dict[str, FrameSlot] = {}
        self._drawn: dict[str, DrawnStats] = {}
        self._deliver: Callable[[Intent], None] | None = None
        self._early: deque[Intent] | None = deque(maxlen=limits.EARLY_INTENTS)  # until somebody listens

    # --- network thread -------------------------------------------------------------------

    def listen(self, deliver: Callable[[Intent], None] | None) -> None:
        """Have intents handed to ``deliver`` (called on the display thread: it must hand over).

        The first who listens gets those from before as well, at most ``EARLY_INTENTS``: whoever stands before
        the screen does not know whether the box is there yet.
        """
        while True:
            with self._lock:
                if deliver is None or not self._early:
                    self._deliver, self._early = deliver, None
                    return
                intent = self._early.popleft()
            deliver(intent)

    def publish(self, snapshot: Snapshot) -> None:
        """Show a new snapshot."""
        self._snapshot = snapshot
        self._wake.set()

    def slot(self, tile: str) -> FrameSlot:
        """The frame slot of a tile (a peer's id or ``picture.SELF_TILE``), made on first use."""
        with self._lock:
            slot = self._slots.get(tile)
            if slot is None:
                slot = self._slots[tile] = FrameSlot(self._wake.set)
            return slot

    def forget(self, tile: str) -> None:
        """Drop a tile's slot and statistics; a peer left."""
        with self._lock:
            self._slots.pop(tile, None)
            self._drawn.pop(tile, None)

    def drawn(self, tile: str) -> DrawnStats | None:
        """A copy of what was drawn of a stream so far."""
        with self._lock:
            stats = self._drawn.get(tile)
            if stats is None:
                return None
            return DrawnStats(
                stats.count,
                stats.first_at,
                stats.last_at,
                stats.width,
                stats.height,
                deque(stats.times),
                deque(stats.latencies_ms),
                deque(stats.measured_at),
            )

    # --- display thread -------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    def send(self, intent: Intent) -> None:
        """Hand an intent to the network thread; kept until it listens, dropped when it has ended."""
        with self._lock:
            deliver = self._deliver
            if deliver is None and self._early is not None:
                self._early.append(intent)
        if deliver is not None:
            deliver(intent)

    def wait(self, timeout: float) -> bool:
        """Wait until something new is there to draw, at most ``timeout`` seconds."""
        return self._wake.wait(timeout)

    def wake(self) -> None:
        """Have ``wait`` return (any thread)."""
        self._wake.set()

    def note_drawn(self, tile: str, picture: Picture, latency_ms: float | None) -> None:
        """Record that a picture is on the screen now."""
        now = time.monotonic()
        with self._lock:
            stats = self._drawn.get(tile)
            if stats is None:
                times, late, measured = (deque[float](maxlen=self.SAMPLES_MAX) for _ in range(3))
                stats = self._drawn[tile] = DrawnStats(0, now, now, 0, 0, times, late, measured)
            stats.count += 1
            stats.last_at = now
            stats.width, stats.height = picture.width, picture.height
            stats.times.append(now)
            if latency_ms is not None:
                stats.latencies_ms.append(latency_ms)
                stats.measured_at.append(now)
