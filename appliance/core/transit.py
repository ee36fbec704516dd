"""How long a peer's sound packets take, and how far behind the fastest they are to be played: the target.

The target is the p95 of jitter plus a margin, within ``JITTER_TARGET_MIN`` and ``_MAX``. It rises at once
and falls slowly while somebody speaks, at once between two talk spurts, where nobody hears it: what a few
packets of long ago were late (everybody joined just then, say) is no reason to begin late, and to be cut
short in mid-word soon after. A packet later than ``JITTER_CAP`` raises nothing: no buffer could have
waited for it. Times are seconds of any monotonic clock.
"""

from __future__ import annotations

import bisect
import math
from collections import deque

from appliance.core import limits

_FALL = 0.050  # seconds that the target may fall in a second
_MEASURE_EVERY = 10  # packets between two measurements of jitter
_SAMPLES_MIN = 25  # packets known before the target may fall
_AFTER_STALL = 0.05  # seconds for the packets that queued up in a pause of this process to be taken in


class Transit:
    """Of one stream. A packet's transit is its arrival minus its timestamp, in seconds."""

    def __init__(self) -> None:
        self.extra = 0.0
        """Seconds that the target is above what jitter asks for, as far as its bounds allow (lip sync)."""
        self._used_at = -math.inf  # last push or pull
        self._stalled_at = -math.inf  # when the last pause of this process ended
        self.restart()

    def restart(self) -> None:
        """Forget the timeline."""
        self._transits: deque[float] = deque(maxlen=limits.JITTER_HISTORY)
        self._arrivals: deque[float] = deque(maxlen=limits.JITTER_HISTORY)  # when, of the same packets
        self.base: float | None = None
        """The shortest transit of the last seconds; None before the first packet."""
        self.target = self._start
        self._measured_at = -math.inf
        self._unmeasured = 0  # packets since the last measurement

    @property
    def _start(self) -> float:
        """The target of a talk spurt about which little is known."""
        return min(limits.JITTER_TARGET_START + self.extra, limits.JITTER_TARGET_MAX)

    def use(self, now: float) -> None:
        """Notice that this process was paused: what queued up meanwhile says nothing about the network."""
        if now - self._used_at > limits.JITTER_STALL:
            self._stalled_at = now
        self._used_at = now

    def forget_old(self, transit: float, now: float) -> None:
        """What was measured before a long silence is no longer true: clocks drift."""
        if self._arrivals and now - self._arrivals[-1] > limits.JITTER_HISTORY_S:
            self._arrivals.clear()
            self._transits.clear()
            self.base = transit

    def note(self, transit: float, now: float) -> None:
        """A packet came."""
        assert self.base is not None
        self.base = min(self.base, transit)
        if now - self._stalled_at < _AFTER_STALL and self._transits:
            return
        self._transits.append(transit)
        self._arrivals.append(now)
        self._unmeasured += 1
        if self._unmeasured >= _MEASURE_EVERY:
            self.measure(now)

    def measure(self, now: float) -> None:
        """Set base and target from the transits of the last seconds."""
        while self._arrivals and now - self._arrivals[0] > limits.JITTER_HISTORY_S:
            self._arrivals.popleft()
            self._transits.popleft()
        elapsed = now - self._measured_at
        self._measured_at = now
        self._unmeasured = 0
        if not self._transits:
            return
        ordered = sorted(self._transits)
        self.base = ordered[0]
        useful = bisect.bisect_right(ordered, ordered[0] + limits.JITTER_CAP)
        jitter = ordered[math.ceil(0.95 * useful) - 1] - ordered[0]
        wanted = max(jitter + limits.JITTER_MARGIN, limits.JITTER_TARGET_MIN) + self.extra
        wanted = min(wanted, limits.JITTER_TARGET_MAX)
        if wanted >= self.target:
            self.target = wanted
        elif len(ordered) >= _SAMPLES_MIN:
            self.target = max(wanted, self.target - _FALL * elapsed)

    def start_spurt(self, now: float) -> None:
        """Let the target fall to what the last seconds ask for, or to its start if they tell little."""
        self.target = min(self._start, self.target)
        self.measure(now)
        if len(self._transits) < _SAMPLES_MIN:
            self._transits.clear()
            self._arrivals.clear()
            self.target = min(self._start, self.target)
