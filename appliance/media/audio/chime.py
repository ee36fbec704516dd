"""The loudspeaker's test: three notes of a major chord, each struck like a bell, that die away."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from appliance.core import limits
from appliance.media.audio.ring import Samples

NOTES = (523.25, 659.26, 783.99)  # Hz: C5, E5, G5
APART = 0.22  # seconds from one to the next
DECAY = 0.32  # seconds until a note has a third of its loudness
ATTACK = 0.008  # seconds: a note that begins at once clicks
PARTIALS = ((1.0, 1.0), (2.0, 0.35), (3.01, 0.12))  # of a note: its pitch, how loud


@lru_cache(maxsize=1)
def wave() -> Samples:
    """The whole of it, 48 kHz mono."""
    length = round(limits.TEST_SOUND_SECONDS * limits.SOUND_RATE / limits.SOUND_FRAME) * limits.SOUND_FRAME
    time = np.arange(length) / limits.SOUND_RATE
    mixed = np.zeros(length)
    for i, hertz in enumerate(NOTES):
        since = np.maximum(time - i * APART, 0.0)
        struck = np.minimum(since / ATTACK, 1.0) * np.exp(-since / DECAY)
        for factor, loud in PARTIALS:
            mixed += loud * struck * np.sin(2 * np.pi * hertz * factor * since)
    fade = np.minimum((length - np.arange(length)) / (0.1 * limits.SOUND_RATE), 1.0)
    scaled = mixed * fade * (limits.TEST_SOUND_PEAK * 32767 / np.abs(mixed).max())
    played: Samples = np.rint(scaled).astype(np.int16)
    return played


class Chime:
    """One playing of it: a voice of the mix."""

    def __init__(self) -> None:
        self._position = 0

    def pull(self, _now: float, _output_delay: float = 0.0) -> Samples | None:
        """Return the next 20 ms; None when it is over (playout thread)."""
        start, self._position = self._position, self._position + limits.SOUND_FRAME
        played = wave()
        return played[start : self._position] if self._position <= len(played) else None
