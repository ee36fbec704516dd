"""The mix: every peer's frame added up, and kept below full scale without clipping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from appliance.core import limits
from appliance.media.audio.ring import Samples

CEILING = 29_490  # 0.9 of full scale: what a resampler behind us may overshoot
_PARTS = 8  # steps of gain in a frame, 2.5 ms each
_RELEASE = 1.02  # gain may grow so much per step: 7 dB in 100 ms


class Limiter:
    """Turns the mix down where it is too loud: at once within the frame, and back up slowly."""

    def __init__(self) -> None:
        self._gain = 1.0  # at the end of the last frame
        self._ramp = np.linspace(0.0, 1.0, limits.SOUND_FRAME // _PARTS, endpoint=False)

    def rest(self) -> None:
        """A frame of silence: let go as in any other."""
        self._gain = min(1.0, self._gain * _RELEASE**_PARTS)

    def limit(self, mix: npt.NDArray[np.int32]) -> Samples:
        """Return one frame (960 samples) as int16, never beyond the ceiling."""
        peaks = np.abs(mix.reshape(_PARTS, -1)).max(axis=1)
        if self._gain == 1.0 and int(peaks.max()) <= CEILING:
            return mix.astype(np.int16)
        allowed = np.minimum(1.0, CEILING / np.maximum(peaks, 1))
        # The gain at the edges between steps: what both neighbours allow.
        edges = np.empty(_PARTS + 1)
        edges[0] = self._gain
        edges[1:_PARTS] = np.minimum(allowed[:-1], allowed[1:])
        edges[_PARTS] = allowed[-1]
        for k in range(1, _PARTS + 1):
            edges[k] = min(edges[k], edges[k - 1] * _RELEASE)
        self._gain = float(edges[_PARTS])
        gains = (edges[:-1, None] + self._ramp * np.diff(edges)[:, None]).ravel()
        # Only the first step can overshoot, when the gain it starts with was already given away.
        return np.clip(mix * gains, -CEILING, CEILING).astype(np.int16)


class Mixer:
    """Adds frames up. Belongs to the playout thread."""

    def __init__(self) -> None:
        self._limiter = Limiter()
        self._sum = np.zeros(limits.SOUND_FRAME, np.int32)

    def mix(self, frames: Sequence[Samples]) -> Samples:
        """Return the mix of any number of frames, also none: 960 samples, 48 kHz mono."""
        if not frames:  # most of the time, in most rooms
            self._limiter.rest()
            return np.zeros(limits.SOUND_FRAME, np.int16)
        self._sum[:] = 0
        for frame in frames:
            self._sum += frame
        return self._limiter.limit(self._sum)
