"""Pictures that came together are shown one after the other, and nobody is late for it afterwards."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.pacing import PicturePacer

GAP = limits.PICTURE_GAP_SHARE / 30


def show(
    arrivals: list[float], fps: int = 30, decode: float = 0.001, slow: dict[int, float] | None = None
) -> dict[int, float]:
    """Run a decode thread over frames that arrive at these times; return when each shown one was.

    ``decode``: seconds that one takes; ``slow``: those that take longer.
    """
    pacer, out, now = PicturePacer(), {}, 0.0
    for number, arrived in enumerate(arrivals):
        now = max(now, arrived)
        queued = [at for at in arrivals[number + 1 :] if at <= now]
        shows = pacer.shows(number * 90_000 // fps, arrived, queued[0] if queued else None, len(queued))
        now += (slow or {}).get(number, decode)
        if not shows:
            continue
        behind = [at for at in arrivals[number + 1 :] if at <= now]
        more = [at for at in arrivals[number + 1 + len(behind) :] if at > now]
        due = max(now, pacer.due(arrived))
        now = min([due, *more[:1]])  # a frame that comes interrupts the wait
        queued = [at for at in arrivals[number + 1 :] if at <= now]
        pacer.shown(arrived, queued[0] if queued else None, now)
        out[number] = now
    return out


def test_pictures_in_their_own_time_are_never_held() -> None:
    arrivals = [1 + n / 30 + random.Random(n).random() * 0.01 for n in range(300)]
    shown = show(arrivals)
    assert len(shown) == 300
    assert all(shown[n] - at == pytest.approx(0.001) for n, at in enumerate(arrivals))


def test_two_that_came_together_are_shown_a_gap_apart() -> None:
    arrivals = [1 + n / 30 for n in range(10)]
    arrivals[6] = arrivals[7]  # repaired
    shown = show(arrivals)
    assert len(shown) == 10
    assert shown[6] == pytest.approx(arrivals[6] + 0.001)
    assert shown[7] - shown[6] == pytest.approx(GAP, abs=0.0001)
    assert shown[8] == pytest.approx(arrivals[8] + 0.001)


def test_three_that_came_together_are_done_before_the_next() -> None:
    arrivals = [1 + n / 30 for n in range(10)]
    arrivals[5] = arrivals[6] = arrivals[7]
    shown = show(arrivals)
    assert len(shown) == 10
    assert shown[7] < arrivals[8]
    assert shown[8] == pytest.approx(arrivals[8] + 0.001)


def test_of_more_only_the_last_is_shown() -> None:
    arrivals = [1 + n / 30 for n in range(12)]
    arrivals[3:8] = [arrivals[7]] * 5
    shown = show(arrivals)
    assert sorted(shown) == [0, 1, 2, 7, 8, 9, 10, 11]
    assert shown[7] == pytest.approx(arrivals[7] + 0.005)


def test_a_decoder_that_is_late_converts_only_the_latest() -> None:
    arrivals = [1 + n / 30 for n in range(60)]
    shown = show(arrivals, slow={20: 0.08, 40: 0.25})
    missing = [number for number in range(60) if number not in shown]
    assert missing == [21, 41, 42, 43, 44, 45, 46]
    assert shown[22] - shown[20] < 0.01  # the last of those that waited, at once
    assert shown[47] - shown[40] < 0.01
    assert all(shown[n] == pytest.approx(arrivals[n] + 0.001) for n in shown if n not in (20, 22, 40, 47))


def test_a_slower_stream_has_a_gap_of_14_ms_and_a_faster_one_less() -> None:
    for fps, gap in ((15, limits.PICTURE_GAP_MAX), (30, GAP), (60, limits.PICTURE_GAP_SHARE / 60)):
        pacer = PicturePacer()
        assert pacer.gap == limits.PICTURE_GAP_MAX
        for number in range(8):
            pacer.shows((2**32 - 6000 + number * 90_000 // fps) & 0xFFFFFFFF, number / fps, None, 0)
        assert pacer.gap == pytest.approx(gap)


def test_missing_pictures_and_changes_of_layer_do_not_change_the_gap() -> None:
    pacer = PicturePacer()
    for timestamp in (0, 3000, 9000, 9001, 12_001, 15_001, 900_000, 903_000):
        pacer.shows(timestamp, 0.0, None, 0)
    assert pacer.gap == pytest.approx(GAP)


@given(st.lists(st.floats(0, 0.12), min_size=60, max_size=60), st.sampled_from([15, 30]))
@settings(max_examples=60)
def test_no_picture_is_late_for_longer_than_two_gaps(delays, fps) -> None:
    """Frames are handed over in order, so one that is late holds up the next ones."""
    arrivals: list[float] = []
    for number, delay in enumerate(delays):
        arrivals.append(max(1 + number / fps + delay, arrivals[-1] if arrivals else 0.0))
    shown = show(arrivals, fps, decode=0.0)
    together = limits.PICTURES_TOGETHER_MAX
    assert all(0 <= at - arrivals[n] <= together * limits.PICTURE_GAP_MAX + 1e-9 for n, at in shown.items())
    assert len(arrivals) - 1 in shown
    assert all(b >= a for a, b in pairwise(shown.values()))
