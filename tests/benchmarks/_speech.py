"""Speech: a recorded voice (Debian's alsa-utils) and four synthesised ones (espeak-ng), 48 kHz mono.

A talk is some eight seconds of one voice, with the pauses that people make, at the usual level of 26 dB
below full scale (ITU-T P.56, while it lasts).
"""

from __future__ import annotations

import io
import subprocess
from functools import cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE = 48_000
FRAME = 960  # samples of 20 ms
LEVEL_DBOV = -26.0
ACTIVE_DB = 35.0  # a frame that is so much below the loudest one is a pause

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

_RECORDED = Path("/usr/share/sounds/alsa")
_WORDS = (
    ("Front_Center", "Front_Left", "Front_Right", "Side_Left"),
    ("Side_Right", "Rear_Center", "Rear_Left", "Rear_Right"),
)
_SENTENCES = (  # of the Harvard list
    ("en-gb", "The birch canoe slid on the smooth planks.", "Glue the sheet to the dark blue background.",
     "It's easy to tell the depth of a well."),
    ("en-us+f3", "These days a chicken leg is a rare dish.", "Rice is often served in round bowls.",
     "The juice of lemons makes fine punch."),
    ("en-gb-scotland+m3", "The box was thrown beside the parked truck.",
     "The hogs were fed chopped corn and garbage.", "Four hours of steady work faced us."),
    ("en-us+f5", "A large size in stockings is hard to sell.", "The boy was there when the sun rose.",
     "A rod is used to catch pink salmon."),
)  # fmt: skip
_BEFORE_S, _BETWEEN_S, _AFTER_S = 0.5, 0.3, 0.6


def resampled(samples: npt.NDArray[np.generic], rate: int, wanted: int) -> Floats:
    """The same sound at another rate; ``samples`` in the range of int16."""
    clipped = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(clipped.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="dbl", layout="mono", rate=wanted)
    parts = [part.to_ndarray().ravel() for given in (frame, None) for part in resampler.resample(given)]
    return np.concatenate(parts) * 32768


def powers(samples: npt.NDArray[np.generic]) -> Floats:
    """Mean power of each frame of 20 ms."""
    whole = samples[: len(samples) // FRAME * FRAME].astype(np.float64)
    return np.asarray((whole.reshape(-1, FRAME) ** 2).mean(axis=1))


def active(samples: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Is there speech in each frame of 20 ms?"""
    found = powers(samples)
    return np.asarray(found > found.max() * 10 ** (-ACTIVE_DB / 10))


@cache
def talks() -> tuple[Samples, ...]:
    """Six talks, a whole number of frames each."""
    recorded = [[_decoded(_RECORDED / f"{word}.wav") for word in words] for words in _WORDS]
    spoken = [[_spoken(voice, text) for text in texts] for voice, *texts in _SENTENCES]
    return tuple(_talk(parts) for parts in (*recorded, *spoken))


def _talk(parts: list[Floats]) -> Samples:
    pieces = [np.zeros(int(_BEFORE_S * RATE))]
    for part in parts:
        loud = np.flatnonzero(np.abs(part) > np.abs(part).max() / 100)
        cut = part[max(0, loud[0] - FRAME // 2) : loud[-1] + FRAME]
        level = np.sqrt(powers(cut)[active(cut)].mean())
        pieces += [cut * (32768 * 10 ** (LEVEL_DBOV / 20) / level), np.zeros(int(_BETWEEN_S * RATE))]
    pieces.append(np.zeros(int((_AFTER_S - _BETWEEN_S) * RATE)))
    whole = np.concatenate(pieces)
    padded = np.pad(whole, (0, -len(whole) % FRAME))
    return np.asarray(np.clip(np.rint(padded), -32768, 32767), dtype=np.int16)


def _spoken(voice: str, text: str) -> Floats:
    command = ["espeak-ng", "-v", voice, "-s", "165", "--stdout", text]
    return _decoded(io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout))


def _decoded(source: Path | io.BytesIO) -> Floats:
    parts = []
    with av.open(str(source) if isinstance(source, Path) else source) as file:
        rate = file.streams.audio[0].rate
        parts += [frame.to_ndarray().ravel() for frame in file.decode(audio=0)]
    return resampled(np.concatenate(parts), rate, RATE)
