"""What of a talk was heard, when, and where it was not: judged on the sound alone.

Sound is compared with what the same packets sound like on a perfect network (`whole`), in blocks of 20 ms,
the unit in which any jitter buffer plays. First the *path*: which frame of the talk each block stands for. It
is the one that fits the waveforms best while it changes its pace as seldom as can be (Viterbi): a frame
that was inserted makes the path stand still, one that was left out makes it leap.

A frame of speech is *delivered* if there is a block in its place that sounds like it: a spectrum that
resembles its own (cosine of the magnitudes in 16 bands, at least `ALIKE`) within `LOUDNESS_DB` of its power.
What was decoded from its packet passes (0.99 and more), what was recovered by FEC as well (0.94 and more);
what was made up passes if it came out right, as the first frame does three times of four, and fails if it did
not, if it faded away, or if there was silence. Pauses in the talk don't count at all.

A *stall* is the time between two delivered frames of speech in which speech was due: the blocks between
them, less the frames of pauses between them. Everything that failed is in it, whatever it was made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from _speech import FRAME, Floats, Samples, active

ALIKE = 0.9
LOUDNESS_DB = 10.0
LAG_MAX = 60  # blocks: what comes later than 1.2 s has not come
_CHANGE, _FARTHER, _CHANGE_MAX = 1.0, 0.3, 5.0  # what a leap costs, in blocks that fit perfectly
_FAINT = 30.0  # amplitude (rms) up to which a block says little about its place
_BANDS = (2, 4, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 63, 80, 100, 126, 160)  # edges, in units of 50 Hz


@dataclass(frozen=True)
class Hearing:
    """``delivered``: share of the talk's speech. ``blocks``: in which block each frame of the talk is, -1
    if in none. ``played``: (block, frame) of everything delivered. ``stall_blocks``: the longest stall.
    """

    delivered: float
    blocks: npt.NDArray[np.int64]
    played: list[tuple[int, int]]
    stall_blocks: int


def listen(heard: Samples, whole: Samples) -> Hearing:
    """Judge ``heard`` (blocks) against ``whole`` (frames), both of shape (n, 960)."""
    frames = _path(heard, whole)
    blocks = np.full(len(whole), -1)
    for block, frame in enumerate(frames):
        # Of an inserted block and the frame it was inserted before, both stand for the same: the last counts.
        if 0 <= frame < len(whole):
            blocks[frame] = block
    speech = active(whole.ravel())
    there = blocks >= 0
    good = np.zeros(len(whole), np.bool_)
    good[there] = _alike(heard[blocks[there]], whole[there])
    played = [(int(blocks[frame]), int(frame)) for frame in np.flatnonzero(good & speech)]
    return Hearing(
        delivered=len(played) / max(1, int(speech.sum())),
        blocks=blocks,
        played=played,
        stall_blocks=_stall(played, speech),
    )


def _stall(played: list[tuple[int, int]], speech: npt.NDArray[np.bool_]) -> int:
    pauses = np.concatenate([[0], np.cumsum(~speech)])
    longest = 0
    first, last = np.flatnonzero(speech)[[0, -1]]
    if not played:
        return int(last - first + 1)
    edges = [(played[0][0] - (played[0][1] - first) - 1, first - 1), *played]
    edges.append((played[-1][0] + (last - played[-1][1]) + 1, last + 1))
    for (block, frame), (next_block, next_frame) in pairwise(edges):
        paused = pauses[next_frame] - pauses[frame + 1]
        longest = max(longest, int(next_block - block - 1 - paused))
    return longest


def _path(heard: Samples, whole: Samples) -> npt.NDArray[np.int64]:
    """Return the frame that each block stands for; less than 0 before the talk's start."""
    fit = _fit(heard, whole)
    blocks, lags = fit.shape
    best = np.zeros(lags)
    came = np.zeros((blocks, lags), np.int64)
    every = np.arange(lags)
    leap = np.abs(every[:, None] - every)
    cost = np.where(leap, np.minimum(_CHANGE + _FARTHER * leap, _CHANGE_MAX), 0.0)  # to, from
    for block in range(blocks):
        candidates = best - cost
        came[block] = candidates.argmax(axis=1)
        best = candidates[every, came[block]] + fit[block]
    lag = int(best.argmax())
    found = np.zeros(blocks, np.int64)
    for block in range(blocks - 1, -1, -1):
        found[block] = block - lag
        lag = int(came[block, lag])
    return found


def _fit(heard: Samples, whole: Samples) -> Floats:
    """Correlation of each block with the frame at each lag, shape (blocks, LAG_MAX); silence fits nothing."""
    a, b = _normed(heard), _normed(whole)
    fit = np.zeros((len(heard), LAG_MAX))
    for lag in range(LAG_MAX):
        count = min(len(a) - lag, len(b))
        fit[lag : lag + count, lag] = np.einsum("ij,ij->i", a[lag : lag + count], b[:count])
    return np.maximum(fit, 0.0)


def _normed(blocks: Samples) -> Floats:
    """Each block with a power of 1; what is too faint to tell stays fainter."""
    as_float = blocks.astype(np.float64)
    sizes = np.linalg.norm(as_float, axis=1, keepdims=True)
    return np.asarray(as_float / np.maximum(sizes, np.sqrt(FRAME) * _FAINT))


def _alike(heard: Samples, due: Samples) -> npt.NDArray[np.bool_]:
    a, b = _bands(heard), _bands(due)
    cosine = (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1) + 1)
    power_a, power_b = ((x.astype(np.float64) ** 2).mean(axis=1) + 1 for x in (heard, due))
    return np.asarray((cosine >= ALIKE) & (np.abs(10 * np.log10(power_a / power_b)) <= LOUDNESS_DB))


def _bands(blocks: Samples) -> Floats:
    """Magnitudes in the bands, shape (blocks, bands)."""
    spectra = np.abs(np.fft.rfft(blocks * np.hanning(FRAME), axis=1)) ** 2
    return np.sqrt(np.add.reduceat(spectra[:, : _BANDS[-1]], _BANDS[:-1], axis=1))
