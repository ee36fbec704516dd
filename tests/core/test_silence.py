"""What is worth sending: noise is not, whatever rises out of it is."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.silence import SilenceDetector

BANDS = 8
SECOND = 50


def room(level: float, frames: int, spread: float = 1.5, seed: int = 1) -> list[list[float]]:
    """Noise of a level in each band."""
    rng = random.Random(seed)
    return [[rng.gauss(level, spread) for _ in range(BANDS)] for _ in range(frames)]


def heard(detector: SilenceDetector, frames: Iterable[list[float]]) -> list[bool]:
    return [detector.hear(frame) for frame in frames]


def settled(level: float = -65.0) -> SilenceDetector:
    """A detector that knows its room."""
    detector = SilenceDetector(BANDS)
    heard(detector, room(level, 8 * SECOND))
    return detector


def test_before_the_room_is_known_everything_is_sent() -> None:
    detector = SilenceDetector(BANDS)
    assert all(heard(detector, room(-65, SECOND // 2)))


@pytest.mark.parametrize("level", [-80, -65, -50, -45])
def test_noise_is_not_sent(level: float) -> None:
    assert not any(heard(settled(level), room(level, 60 * SECOND, seed=2)))


@pytest.mark.parametrize("band", range(BANDS))
def test_a_sound_in_any_one_band_is_sent_from_its_first_frame_on(band: int) -> None:
    detector = settled()
    frame = [-65.0] * BANDS
    frame[band] = -48.0
    assert detector.hear(frame)


def test_a_little_more_in_most_bands_is_a_sound_too() -> None:
    assert any(heard(settled(), room(-57, 2, spread=0.5)))


def test_after_a_sound_so_many_frames_are_sent() -> None:
    detector = settled()
    detector.hear([-40.0] * BANDS)
    after = heard(detector, room(-65, SECOND))
    assert after.index(False) == limits.SILENCE_AFTER - 1
    assert not any(after[after.index(False) :])


def test_what_nobody_could_hear_is_not_sent() -> None:
    detector = settled(-120.0)
    assert not any(heard(detector, [[-81.0] * BANDS] * 20))
    assert detector.hear([-60.0] * BANDS)


def test_a_fan_that_is_switched_on_is_sent_for_five_seconds_at_most() -> None:
    sent = heard(settled(), room(-45, 10 * SECOND, seed=3))
    assert sent[0]
    assert not any(sent[5 * SECOND :])


def test_a_second_after_a_fan_was_switched_off_a_soft_voice_is_heard() -> None:
    detector = settled(-45.0)
    heard(detector, room(-65, SECOND + 10))
    assert detector.hear([-57.0] * BANDS)


def test_what_is_as_loud_as_speech_is_always_sent() -> None:
    frame = [-70.0] * BANDS
    frame[2] = limits.SILENCE_LOUD_DBOV
    assert all(heard(settled(), [frame] * 60 * SECOND))


def test_somebody_who_speaks_from_the_first_moment_on_is_heard() -> None:
    """Before silence was heard even once: syllables in changing bands, with dips between them."""
    detector = SilenceDetector(BANDS)
    sent: list[bool] = []
    for n in range(20 * SECOND):
        frame = [-65.0] * BANDS
        if n % 13 > 2:
            for band in (n // 13 % BANDS, (n // 13 + 3) % BANDS):
                frame[band] = -42.0
        sent.append(detector.hear(frame))
    assert all(sent)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-130, 0), min_size=BANDS, max_size=BANDS), max_size=120))
def test_whatever_comes_sent_stretches_are_never_short(frames: list[list[float]]) -> None:
    detector = settled()
    sent = heard(detector, frames)
    runs = "".join("x" if one else "." for one in sent).strip(".").split(".")
    whole = [run for run in runs[:-1] if run]  # the last one may still go on
    assert all(len(run) >= limits.SILENCE_AFTER for run in whole)
