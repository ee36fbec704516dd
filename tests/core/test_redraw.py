"""The pace of the screen follows the fastest picture that is shown."""

from __future__ import annotations

import random

import pytest

from appliance.core import limits
from appliance.core.redraw import RedrawPace


def show(pace: RedrawPace, rates: list[float], seconds: float, *, start: float = 100.0) -> None:
    """Tiles whose pictures come at these rates, each from a moment of its own on, in order."""
    rng = random.Random(5)
    shown = sorted(
        (start + (n + phase) / rate, f"tile {index}")
        for index, (rate, phase) in enumerate((rate, rng.random()) for rate in rates)
        for n in range(int(rate * seconds))
    )
    for at, tile in shown:
        pace.shown(tile, at)


def test_before_any_rate_is_known_nothing_waits_for_long() -> None:
    assert RedrawPace().every == limits.REDRAW_EVERY


@pytest.mark.parametrize("tiles", [1, 7, 16])
def test_slow_pictures_are_drawn_at_twice_their_rate_however_many_they_are(tiles: int) -> None:
    pace = RedrawPace()
    show(pace, [15.0] * tiles, 3.0)
    assert pace.every == pytest.approx(1 / 30, abs=0.003)
    assert pace.every <= limits.REDRAW_SLOWEST


def test_one_fast_picture_sets_the_pace() -> None:
    pace = RedrawPace()
    show(pace, [15.0] * 6 + [30.0], 3.0)
    assert pace.every == pytest.approx(1 / 60, abs=0.002)


def test_very_slow_pictures_do_not_slow_keys_down() -> None:
    pace = RedrawPace()
    show(pace, [1.0, 2.0], 5.0)
    assert pace.every == limits.REDRAW_SLOWEST


def test_pictures_that_become_fast_are_followed_within_a_second() -> None:
    pace = RedrawPace()
    show(pace, [15.0], 3.0)
    show(pace, [30.0], 1.2, start=103.0)
    assert pace.every == pytest.approx(1 / 60, abs=0.002)


def test_after_a_time_without_pictures_nothing_is_known() -> None:
    pace = RedrawPace()
    show(pace, [15.0], 3.0)
    pace.shown("tile 0", 200.0)
    assert pace.every == limits.REDRAW_EVERY


@pytest.mark.parametrize("took", [0.0, 0.01, limits.REDRAW_SLOWEST])
def test_who_keeps_the_pace_needs_no_rest(took: float) -> None:
    assert RedrawPace.rest(took) == 0.0


@pytest.mark.parametrize("took", [0.1, 0.2, 0.28])
def test_who_is_too_slow_leaves_about_half_of_the_time_to_others(took: float) -> None:
    rest = RedrawPace.rest(took)
    assert took / (took + rest) == pytest.approx(0.5, abs=0.1)


def test_a_key_never_waits_long_for_a_rest() -> None:
    assert RedrawPace.rest(5.0) == limits.REDRAW_REST_MAX
