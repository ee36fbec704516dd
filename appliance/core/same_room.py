"""Do two boxes of a meeting stand in one room? Then each plays what the other hears, and they howl.

Known by the sign that is there before any howling: both microphones hear the same voices at the same time.
What is compared are levels only, one number per 20 ms (RFC 6464, as the packets' headers have them), over
some seconds and with the time between the two as it fits best:

* in one room, the other box's level comes as much later as a packet takes: within ``SAME_ROOM_LATER``, or
  a little sooner, where a sound card does not tell how late its sound is;
* our own voice that comes back from another room's loudspeaker takes longer: not one room;
* what that other box says and our loudspeaker plays, our microphone hears later, not sooner: an echo;
* a third box's voice that both loudspeakers play and both microphones hear is explained by that third box's
  own level, which then fits our microphone too: not one room.

Slow changes are taken out first, or every two people who start and stop at the same time would do. And there
is howling itself: both microphones loud without a pause, as speech never is.

Of two boxes in one room the one with the smaller box id keeps its microphone; both know that without a word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from appliance.core import limits

Levels = npt.NDArray[np.float32]

SLOT = 0.020  # seconds: a frame
_SLOTS = round(limits.SAME_ROOM_KEPT / SLOT)
_WINDOW = round(limits.SAME_ROOM_WINDOW / SLOT)
_LATER = round(limits.SAME_ROOM_LATER / SLOT)
_SOONER = round(limits.SAME_ROOM_SOONER / SLOT)
_ECHO = round(limits.SAME_ROOM_ECHO / SLOT)
_FLOOR_DBOV = 65  # levels below are as good as silence: rooms and noise suppressors differ there
_HOLE_MAX = 2  # slots
_SLOW = 25  # slots, half a second: changes slower than this are left out
_SPREAD_MIN = 3.0  # dB of what is left: less is no voice
_ACTIVE_DBOV = 55  # somebody is heard ...
_ACTIVE_MIN = 0.15  # ... in such a share of the window
_HOWL_DBOV = 16  # as loud as a howl ...
_HOWL_SPREAD = 3.0  # dB, and as even


def keeps_microphone(own_id: str, other_id: str) -> bool:
    """Of two boxes in one room, does the one with ``own_id`` stay the one that is heard?"""
    return own_id < other_id


class _Track:
    """The levels of one microphone over the last seconds, on a grid of 20 ms."""

    def __init__(self) -> None:
        self._levels = np.full(_SLOTS, _FLOOR_DBOV, np.float32)
        self._at = -1  # the newest slot written

    def put(self, level_dbov: int, at: float) -> None:
        slot = round(at / SLOT)
        if slot <= self._at - _SLOTS:
            return
        if slot > self._at:
            first = max(self._at + 1, slot - _SLOTS + 1)
            # Stamps jitter: a frame or two between two that came are not silence.
            filled = level_dbov if slot - self._at - 1 <= _HOLE_MAX else _FLOOR_DBOV
            self._levels[np.arange(first, slot + 1) % _SLOTS] = filled
            self._at = slot
        place = slot % _SLOTS
        self._levels[place] = min(float(level_dbov), float(self._levels[place]))

    def between(self, first: int, last: int) -> Levels:
        """Return the levels of these slots in -dBov; silence where nothing is known."""
        slots = np.arange(first, last)
        known = (slots <= self._at) & (slots > self._at - _SLOTS)
        found: Levels = np.where(known, self._levels[slots % _SLOTS], np.float32(_FLOOR_DBOV))
        # Two boxes' frames begin at different times, and their stamps jitter by half a frame.
        padded = np.pad(found, 1, mode="edge")
        return ((padded[:-2] + padded[1:-1] + padded[2:]) / 3).astype(np.float32)


def _quick(levels: Levels) -> Levels:
    """Only what changes within half a second."""
    sums = np.cumsum(np.pad(levels, (_SLOW // 2 + 1, _SLOW // 2), mode="edge"))
    return (levels - (sums[_SLOW:] - sums[:-_SLOW]) / _SLOW).astype(np.float32)


def _means(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Of every window in ``values``."""
    sums = np.cumsum(np.pad(values.astype(np.float64), (1, 0)))
    return (sums[_WINDOW:] - sums[:-_WINDOW]) / _WINDOW


@dataclass(slots=True)
class _Other:
    track: _Track = field(default_factory=_Track)
    offset: float = float("inf")  # least of arrival less media time: jitter only ever adds
    looks: int = 0  # in a row that found it in this room
    likely_at: float = float("-inf")
    found: bool = False


class SameRoom:
    """Of one meeting. Times are monotonic seconds, levels -dBov."""

    def __init__(self) -> None:
        self._own = _Track()
        self._others: dict[str, _Other] = {}
        self._first_at: float | None = None  # our first frame
        self._look_at = 0.0

    def own(self, level_dbov: int, at: float) -> None:
        """A frame of our microphone that was sent, captured ``at``."""
        if self._first_at is None:
            self._first_at = at
        self._own.put(level_dbov, at)

    def other(self, peer: str, level_dbov: int, media_s: float, at: float) -> None:
        """A frame of a peer's microphone that came ``at``. ``media_s``: its RTP timestamp in seconds."""
        other = self._others.setdefault(peer, _Other())
        offset = at - media_s
        if not -limits.SAME_ROOM_JUMP < offset - other.offset < limits.SAME_ROOM_JUMP:
            other.offset = offset  # the first, or a new timeline
        # The quickest packet counts; slowly up again, for clocks that drift apart.
        other.offset = min(offset, other.offset + limits.SAME_ROOM_DRIFT)
        other.track.put(level_dbov, media_s + other.offset)

    def forget(self, peer: str) -> None:
        """A peer left."""
        self._others.pop(peer, None)

    def likely(self, peer: str, now: float) -> bool:
        """Did a peer look as if it were in this room lately? Less than what `look` asks for."""
        other = self._others.get(peer)
        return other is not None and now - other.likely_at <= limits.SAME_ROOM_LIKELY_FOR

    def look(self, now: float) -> tuple[str, ...]:
        """Return the peers that are in this room, each once; looks once a second at most."""
        if now < self._look_at or self._first_at is None:
            return ()
        self._look_at = now + limits.SAME_ROOM_LOOK_EVERY
        # As much later as a packet may come, its level is not here yet.
        last = int(now / SLOT) - _LATER
        if (last - _WINDOW) * SLOT < self._first_at:
            return ()
        mine = self._own.between(last - _WINDOW, last)
        found = []
        fits = {peer: self._fit(mine, other, last) for peer, other in self._others.items()}
        for peer, other in self._others.items():
            howls = self._howls(mine, other, last)
            together, _ = fits[peer]
            if together is None and not howls:
                continue  # nobody talks: no sign for it, and none against
            explained = max((e for _, e in fits.values()), default=0.0)
            good = howls or (together is not None and together - explained >= limits.SAME_ROOM_CLEARER)
            fit = 1.0 if howls else together or 0.0
            other.looks = other.looks + 1 if good and fit >= limits.SAME_ROOM_SURE else 0
            if good and fit >= limits.SAME_ROOM_LIKELY:
                other.likely_at = now
            if other.looks >= limits.SAME_ROOM_LOOKS and not other.found:
                other.found = True
                found.append(peer)
        return tuple(found)

    def _fit(self, mine: Levels, other: _Other, last: int) -> tuple[float | None, float]:
        """How alike the two are, -1 to 1: as in one room (None: too little is said), and as an echo."""
        own = _quick(mine)
        spread = float(np.std(own))
        if spread < _SPREAD_MIN or float(np.mean(mine <= _ACTIVE_DBOV)) < _ACTIVE_MIN:
            return None, 0.0
        levels = other.track.between(last - _WINDOW - _ECHO, last + _LATER)
        spoken = _means(levels <= _ACTIVE_DBOV) >= _ACTIVE_MIN
        if not spoken.any():
            return 0.0, 0.0
        theirs = _quick(levels)
        products = np.correlate(theirs, (own - np.mean(own)) / (spread * _WINDOW), "valid")
        deviations = np.sqrt(np.maximum(_means(theirs**2) - _means(theirs) ** 2, 0.0))
        spoken &= deviations >= _SPREAD_MIN
        fits = np.where(spoken, products / np.maximum(deviations, _SPREAD_MIN), 0.0)
        # Where the two begin to overlap, neither is told by its time.
        return float(np.max(fits[_ECHO - _SOONER :])), float(np.max(fits[: _ECHO - _SOONER - 1]))

    def _howls(self, mine: Levels, other: _Other, last: int) -> bool:
        span = round(limits.SAME_ROOM_HOWL / SLOT)
        both = (mine[-span:], other.track.between(last - span, last))
        return all(
            float(np.max(levels)) <= _HOWL_DBOV and float(np.ptp(levels)) <= _HOWL_SPREAD for levels in both
        )
