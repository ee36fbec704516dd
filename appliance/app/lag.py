"""How late the event loop is: the one figure that says whether a box has too much to do."""

from __future__ import annotations

import asyncio
from collections import deque

from appliance.core.limits import LAG_EVERY, LAG_SAMPLES


class LagMeter:
    """Wakes up every ``LAG_EVERY`` and notes by how much too late; owns its timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._samples: deque[tuple[float, float]] = deque(maxlen=LAG_SAMPLES)  # when, ms
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        due = self._loop.time() + LAG_EVERY
        self._timer = self._loop.call_at(due, self._woke, due)

    def _woke(self, due: float) -> None:
        now = self._loop.time()
        self._samples.append((now, 1000 * (now - due)))
        self._arm()

    def stats(self, since: float = 0.0) -> dict[str, float]:
        """Milliseconds: median, 99th percentile and worst of the last minute or so.

        ``since``: of this monotonic time and later only.
        """
        ordered = sorted(late for at, late in self._samples if at >= since)
        if not ordered:
            return {"p50": 0.0, "p99": 0.0, "max": 0.0}
        last = len(ordered) - 1
        return {
            "p50": round(ordered[last // 2], 3),
            "p99": round(ordered[round(0.99 * last)], 3),
            "max": round(ordered[last], 3),
        }
