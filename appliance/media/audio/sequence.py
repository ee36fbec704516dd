"""A known sound, so that a listener can count how much of it arrived.

Up to eight boxes speak at once, each in its own band of 450 Hz. Every 20 ms a box sends one of
its band's four tones. Which one is written by an m-sequence over GF(3): a symbol is the previous
one plus 1, 2 or 3 (mod 4), so that

* any 8 symbols tell where in the sequence they are (it repeats after 14.6 s), and
* a symbol is never the one before it: a concealed or repeated frame is always wrong.

Every tone has a whole number of periods in a symbol: the phase never jumps and nothing clicks.
Eight bands together stay below full scale. Loudness falls and rises every 260 ms, the rhythm of
syllables: a codec takes a steady tone for noise and spends no FEC on it.

The listener keeps the last two minutes of the mix at 12 kHz and looks at it only when asked.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from appliance.core import limits
from appliance.media.audio.ring import Samples

BANDS = 8
TONES = 4
SYMBOL = limits.SOUND_FRAME  # samples of one symbol
AMPLITUDE = 3_900  # peak; times eight is below 32767

_SYLLABLE = np.array(  # amplitude by symbol; their number, 13, divides _PERIOD
    [0.35, 0.6, 0.8, 1, 1, 1, 1, 1, 1, 1, 1, 0.8, 0.6]
)
_LOWEST_HZ = 350
_BAND_HZ = 450
_TONE_HZ = 100
_DEGREE = 6  # of the m-sequence's recurrence s[n+6] = s[n+1] + s[n] over GF(3)
_UP = np.array([2, 1, 3], np.int8)  # from one symbol to the next; a period of them comes to 0 (mod 4)
_PERIOD = 3**_DEGREE - 1  # symbols until it repeats

_DECIMATE = 4
_RATE = limits.SOUND_RATE // _DECIMATE
_WINDOW = SYMBOL // _DECIMATE  # samples of one symbol at _RATE
_HOP = 30  # samples between two looks at the tones, 2.5 ms
_HOPS = _WINDOW // _HOP  # looks per symbol
_TAPS = 48
_BLOCK_HOPS = 4096  # looks analysed at once: 8 MB

_RUN = 7  # steps in a row that must fit for a hint about the place in the sequence
_HITS = 16  # hints that must agree before a place is believed; there are up to 8 for each run
_RUNS = 3  # and runs that they must come from, in every stretch of sound
_GAP = 100  # symbols: a place not confirmed for longer is believed up to its last confirmation
_FAINT = 0.01  # of the amplitude sent: below is noise
_PURE = 2.0  # a tone must be so many times the second strongest of its band
_WHOLE = 0.25  # of the usual amplitude: less is less than 40 % of a symbol, which was not delivered


@dataclass(frozen=True, slots=True)
class SequenceReport:
    """``expected``: symbols from the first to the last one heard; ``recovered``: how many of them were.

    ``delivered``: their ratio, 0.0 when nothing was heard. ``seconds``: what ``expected`` lasts.
    ``recorded``: seconds of sound that were looked at.
    """

    expected: int
    recovered: int
    delivered: float
    seconds: float
    recorded: float


@functools.cache
def _steps() -> npt.NDArray[np.int8]:
    """One period of the m-sequence, values 0, 1, 2."""
    steps = [1] + [0] * (_DEGREE - 1)
    for n in range(_PERIOD - _DEGREE):
        steps.append((steps[n + 1] + steps[n]) % 3)
    return np.array(steps, np.int8)


@functools.cache
def _symbols() -> npt.NDArray[np.int8]:
    """One period of symbols, 0 to 3, each different from the one before it."""
    symbols: npt.NDArray[np.int8] = (np.cumsum(_UP[_steps()], dtype=np.int64) % TONES).astype(np.int8)
    return symbols


def _symbol_at(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    """The symbols at any positions."""
    symbols: npt.NDArray[np.int8] = _symbols()[positions % _PERIOD]
    return symbols


def _loudness(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    loudness: npt.NDArray[np.float64] = _SYLLABLE[positions % len(_SYLLABLE)]
    return loudness


@functools.cache
def _places() -> npt.NDArray[np.int32]:
    """Where each run of _DEGREE steps, read as a number in base 3, is in the sequence."""
    steps = np.concatenate([_steps(), _steps()[:_DEGREE]]).astype(np.int64)
    codes = sum(steps[k : k + _PERIOD] * 3 ** (_DEGREE - 1 - k) for k in range(_DEGREE))
    places = np.full(3**_DEGREE, -1, np.int32)
    places[codes] = np.arange(_PERIOD, dtype=np.int32)
    return places


def _tone_hz(band: int, tone: int) -> int:
    return _LOWEST_HZ + _BAND_HZ * band + _TONE_HZ * tone


@functools.cache
def _waves(band: int) -> Samples:
    """One symbol of each tone at each loudness of a syllable, shape (TONES, len(_SYLLABLE), SYMBOL)."""
    if not 0 <= band < BANDS:
        raise ValueError(f"a band is 0 to {BANDS - 1}, not {band}")
    t = np.arange(SYMBOL) / limits.SOUND_RATE
    waves = np.array([np.sin(2 * np.pi * _tone_hz(band, tone) * t) for tone in range(TONES)])
    shaped: Samples = np.rint(AMPLITUDE * waves[:, None, :] * _SYLLABLE[None, :, None]).astype(np.int16)
    return shaped


def generate(band: int, first_sample: int, count: int) -> Samples:
    """Return ``count`` samples of a band's sequence, 48 kHz, from sample ``first_sample`` on."""
    waves = _waves(band)
    first = first_sample // SYMBOL
    last = -(-(first_sample + count) // SYMBOL)
    positions = np.arange(first, last, dtype=np.int64)
    samples = waves[_symbol_at(positions), positions % len(_SYLLABLE)].ravel()
    skip = first_sample - first * SYMBOL
    return samples[skip : skip + count]


def _low_pass() -> npt.NDArray[np.float32]:
    n = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(n / _DECIMATE) * np.hamming(_TAPS)
    normed: npt.NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return normed


class Detector:
    """Listens to a mix and reports, for each band, how much of the sequence was in it.

    `feed` is for one thread and costs about 20 us a frame; `report` may be called from another
    one and takes some 50 ms for a full recording.
    """

    def __init__(self, bands: Iterable[int] = range(BANDS)) -> None:
        self._bands = frozenset(bands)
        self._taps = _low_pass()
        self._tail = np.zeros(_TAPS - _DECIMATE, np.float32)
        self._odd = np.zeros(0, np.int16)  # samples short of a whole decimated one
        self._kept = np.zeros(limits.SEQUENCE_SECONDS * _RATE, np.int16)
        self._count = 0  # decimated samples ever fed
        self._lock = threading.Lock()

    def feed(self, samples: Samples) -> None:
        """Listen to the next samples of the mix, at most a second of them."""
        if len(self._odd):
            samples = np.concatenate([self._odd, samples])
        whole = len(samples) // _DECIMATE * _DECIMATE
        self._odd = samples[whole:].copy()
        if not whole:
            return
        if samples.any() or self._tail.any():
            history = np.concatenate([self._tail, samples[:whole].astype(np.float32)])
            self._tail = history[len(history) - len(self._tail) :].copy()
            thinned = np.convolve(history, self._taps, "valid")[::_DECIMATE].astype(np.int16)
        else:  # nobody speaks, nearly all the time
            thinned = np.zeros(whole // _DECIMATE, np.int16)
        with self._lock:
            start = self._count % len(self._kept)
            head = min(len(thinned), len(self._kept) - start)
            self._kept[start : start + head] = thinned[:head]
            self._kept[: len(thinned) - head] = thinned[head:]
            self._count += len(thinned)

    def reset(self) -> None:
        """Forget everything heard so far."""
        with self._lock:
            self._count = 0

    def report(self, band: int, seconds: float | None = None) -> SequenceReport:
        """Return what was heard of a band in the recording so far, or in its last seconds."""
        if band not in self._bands:
            raise ValueError(f"band {band} is not listened to")
        with self._lock:
            start = self._count % len(self._kept)
            if self._count <= len(self._kept):
                heard = self._kept[: self._count].copy()
            else:
                heard = np.concatenate([self._kept[start:], self._kept[:start]])
        if seconds is not None:
            heard = heard[max(0, len(heard) - int(seconds * _RATE)) :]
        recorded = len(heard) / _RATE
        found = _positions(_decide(heard, band))
        if not len(found):
            return SequenceReport(0, 0, 0.0, 0.0, recorded)
        expected = int(found[-1] - found[0]) + 1
        seconds = expected * SYMBOL / limits.SOUND_RATE
        return SequenceReport(expected, len(found), len(found) / expected, seconds, recorded)


def is_turn(captured_ns: int, band: int, of: int) -> bool:
    """Is it the turn of a band's voice among ``of``? By the clock, which all boxes of a machine share."""
    turn, within = divmod(captured_ns / 1e9, limits.TEST_TURN)
    in_time = limits.TEST_TURN_PAUSE <= within < limits.TEST_TURN - limits.TEST_TURN_PAUSE
    return in_time and int(turn) % of == band


@dataclass(frozen=True, slots=True)
class _Looks:
    """One entry per 2.5 ms: the strongest tone of the band, its amplitude, is it beyond doubt."""

    tone: npt.NDArray[np.int8]
    amplitude: npt.NDArray[np.float32]
    clear: npt.NDArray[np.bool_]


def _decide(heard: Samples, band: int) -> _Looks:
    """Look at a band's tones through a symbol's window every 2.5 ms."""
    t = np.arange(_WINDOW) / _RATE
    window = np.hanning(_WINDOW)
    window /= window.sum() / 2
    probes = np.empty((_WINDOW, 2 * TONES), np.float32)
    for tone in range(TONES):
        angle = 2 * np.pi * _tone_hz(band, tone) * t
        probes[:, tone] = window * np.cos(angle)
        probes[:, TONES + tone] = window * np.sin(angle)
    looks = max(0, (len(heard) - _WINDOW) // _HOP + 1)
    amplitudes = np.empty((looks, TONES), np.float32)
    for first in range(0, looks, _BLOCK_HOPS):
        count = min(_BLOCK_HOPS, looks - first)
        part = heard[first * _HOP : (first + count - 1) * _HOP + _WINDOW].astype(np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(part, _WINDOW)[::_HOP]
        both = frames @ probes
        amplitudes[first : first + count] = np.hypot(both[:, :TONES], both[:, TONES:])
    if not looks:
        return _Looks(np.zeros(0, np.int8), np.zeros(0, np.float32), np.zeros(0, np.bool_))
    ordered = np.sort(amplitudes, axis=1)
    best, second = ordered[:, -1], ordered[:, -2]
    clear = (best > _FAINT * AMPLITUDE) & (best > _PURE * second)
    return _Looks(amplitudes.argmax(axis=1).astype(np.int8), best, clear)


def _positions(looks: _Looks) -> npt.NDArray[np.int64]:
    """Return the positions in the sequence that were recovered, ascending, each once."""
    hits = _hits(looks)
    if len(hits) < _HITS:
        return np.zeros(0, np.int64)
    usual = float(np.median(looks.amplitude[hits[:, 0]] / _loudness(hits[:, 1])))
    # A place is a line through the recording: look = origin + position * _HOPS, modulo the period.
    # Playout that is stretched or shortened goes over to another line.
    turn = _PERIOD * _HOPS
    origins = (hits[:, 0] - hits[:, 1] * _HOPS) % turn
    recovered: set[int] = set()
    strongest: int | None = None
    while len(hits) >= _HITS:
        values, counts = np.unique(origins, return_counts=True)
        origin = int(values[counts.argmax()])
        offset = (origins - origin + turn // 2) % turn - turn // 2
        same = np.abs(offset) <= _HOPS // 2  # the same place, seen a little beside it
        if np.count_nonzero(same) >= _HITS:
            strongest = origin if strongest is None else strongest
            # Of all lines that are this one modulo the period, take the one near the strongest.
            origin = strongest + (origin - strongest + turn // 2) % turn - turn // 2
            at = np.unique((hits[same, 0] - offset[same] - origin) // _HOPS)
            for part in np.split(at, np.flatnonzero(np.diff(at) > _GAP) + 1):
                if len(part) < _RUNS:
                    continue
                recovered.update(_right_ones(looks, usual, origin, int(part[0]), int(part[-1]) + _RUN))
        hits, origins = hits[~same], origins[~same]
    return np.array(sorted(recovered), np.int64)


def _right_ones(looks: _Looks, usual: float, origin: int, first: int, last: int) -> list[int]:
    """Return which positions of one place were heard right: ``first`` to ``last`` and, beyond, up to
    the first wrong one on either side.
    """
    lowest = -(origin // _HOPS)
    highest = (len(looks.tone) - 1 - origin) // _HOPS
    positions = np.arange(max(lowest, first - _GAP), min(highest, last + _GAP) + 1)
    where = origin + positions * _HOPS
    right = looks.clear[where] & (looks.tone[where] == _symbol_at(positions))
    right &= looks.amplitude[where] > _WHOLE * usual * _loudness(positions)
    wrong = positions[~right]
    before, after = wrong[wrong < first], wrong[wrong > last]
    reach = np.ones(len(positions), np.bool_)
    if len(before):
        reach &= positions > before[-1]
    if len(after):
        reach &= positions < after[0]
    found: list[int] = positions[right & reach].tolist()
    return found


def _hits(looks: _Looks) -> npt.NDArray[np.int64]:
    """Return (look, position) wherever a whole run of symbols fits the sequence."""
    steps_known = _steps()
    down = np.full(TONES, -1, np.int64)
    down[_UP] = np.arange(len(_UP))
    found = []
    for phase in range(_HOPS):
        tone = looks.tone[phase::_HOPS].astype(np.int64)
        clear = looks.clear[phase::_HOPS]
        count = len(tone) - _RUN
        if count <= 0:
            continue
        step = down[(tone[1:] - tone[:-1]) % TONES]  # -1: the same tone again, not in any sequence
        good = clear[1:] & clear[:-1] & (step >= 0)
        whole = np.lib.stride_tricks.sliding_window_view(good, _RUN).all(axis=1)
        at = np.flatnonzero(whole)
        if not len(at):
            continue
        code = np.zeros(len(at), np.int64)
        for k in range(_DEGREE):
            code = code * 3 + step[at + k]
        place = _places()[code].astype(np.int64)
        fits = place >= 0
        for k in range(_DEGREE, _RUN):
            fits &= steps_known[(place + k) % _PERIOD] == step[at + k]
        at, place = at[fits], place[fits]
        # steps_known[p] leads from symbol p - 1 to symbol p: the run starts at symbol p - 1.
        found.append(np.stack([at * _HOPS + phase, place - 1], axis=1))
    if not found:
        return np.zeros((0, 2), np.int64)
    return np.concatenate(found)
