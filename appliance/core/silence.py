"""Is there anything to hear? Tells frames of a microphone that are worth sending from a room's own noise.

Rules:

1. A frame is the levels of a few bands. Each band has a floor of its own: what it holds when nobody
   speaks, learnt from its lower quantiles over the last seconds. Speech leaves every band alone for a
   third of the time and more, be it ever so fluent; a fan and a hum never do.
2. Of noise that fluctuates (voices from next door) the spread is learnt too, and more is asked of a sound.
3. A sound is what rises above the floors: much in one band or somewhat in several. Once there is one,
   less is enough to go on, and after its last frame ``SILENCE_AFTER`` more are sent: the ends of words
   are weak, and the pauses between them are no silence.
4. In doubt it is sound: before the floors are known, and whatever is as loud as speech, however steady.
5. A floor that is too high costs words: it falls within a second, and rises within four or five.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from appliance.core import limits

_LEARN_EVERY = 25  # frames
_KNOWN = 25  # frames: half a second, before which everything is sound
_SETTLED = 150  # frames from which on quantiles say something about the spread
_RECENT = 75  # frames in which a floor falls
_LOW, _HIGH = 0.1, 0.3  # the quantiles
_APART = 0.757  # standard deviations between these two, of a normal distribution
_LOW_BELOW, _HIGH_BELOW = 1.282, 0.524  # and of each below the mean
_SPREAD_MIN, _SPREAD_MAX = 0.8, 4.5  # dB
_SPREAD_YOUNG = 2.0  # dB, assumed before it is known
_FALLEN = 0.6  # the quantile of the recent frames that the mean of noise is never above
_CLEAR = 2.0  # dB above the floor, and ...
_SURE = 2.2  # ... so many standard deviations more, of which a band counts
_ENOUGH = 18.0  # dB: what one band may add to a frame's score
_BEGINS = 7.0  # a frame's score that begins a sound
_BEGINS_TWICE = 3.0  # and of two in a row
_GOES_ON = 2.0  # that keeps it


class SilenceDetector:
    """Of one microphone. A frame is 20 ms; ``bands``: how many levels it has."""

    def __init__(self, bands: int) -> None:
        self._history: deque[Sequence[float]] = deque(maxlen=limits.SILENCE_HISTORY)
        self._bars = [float("-inf")] * bands  # what a band must exceed to count
        self._seen = 0  # frames
        self._before = 0.0  # the last frame's score
        self._left = 0  # frames still to be sent after the last sound

    def hear(self, bands: Sequence[float]) -> bool:
        """Take the next frame's levels in dBov (0 is the loudest); return whether it is to be sent."""
        lowest = limits.SILENCE_BAND_DBOV
        levels = [max(level, lowest) for level in bands]
        self._history.append(levels)
        self._seen += 1
        if self._seen % _LEARN_EVERY == 0:
            self._learn()
        if self._is_sound(levels):
            self._left = limits.SILENCE_AFTER
            return True
        self._left = max(0, self._left - 1)
        return self._left > 0

    def _is_sound(self, levels: Sequence[float]) -> bool:
        if self._seen < _KNOWN or max(levels) >= limits.SILENCE_LOUD_DBOV:
            return True
        score = 0.0
        for level, bar in zip(levels, self._bars, strict=True):
            if level > bar:
                score += min(level - bar, _ENOUGH)
        before, self._before = self._before, score
        if self._left:
            return score >= _GOES_ON
        return score >= _BEGINS or min(score, before) >= _BEGINS_TWICE

    def _learn(self) -> None:
        count = len(self._history)
        settled = count >= _SETTLED
        for band, levels in enumerate(zip(*self._history, strict=True)):
            mean, spread = _noise(sorted(levels), settled)
            recent = sorted(levels[-_RECENT:])
            if recent[int(_FALLEN * len(recent))] < mean:
                mean, spread = _noise(recent, settled)
            self._bars[band] = mean + _CLEAR + _SURE * spread


def _noise(ordered: Sequence[float], settled: bool) -> tuple[float, float]:
    """Mean and standard deviation of the noise in levels that may hold speech as well, in dB."""
    low, high = ordered[int(_LOW * len(ordered))], ordered[int(_HIGH * len(ordered))]
    spread = max((high - low) / _APART, _SPREAD_MIN)
    if settled:
        spread = min(spread, _SPREAD_MAX)
        return high + _HIGH_BELOW * spread, spread
    spread = min(spread, _SPREAD_YOUNG)
    return low + _LOW_BELOW * spread, spread
