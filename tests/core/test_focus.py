"""Arrows go where people expect, and everywhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.focus import Direction, move, step
from appliance.core.grid import Rect

PAD = [(name, Rect(i % 3 * 110, i // 3 * 60, 100, 50)) for i, name in enumerate("123456789D0N")]
BELOW = [("back", Rect(-20, 300, 80, 40)), ("keyboard", Rect(240, 300, 90, 40))]


def walk(targets: list[tuple[str, Rect]], start: str, *directions: Direction) -> str | None:
    at: str | None = start
    for direction in directions:
        at = move(targets, at, direction)
    return at


def test_arrows_walk_a_number_pad() -> None:
    assert walk(PAD, "5", Direction.UP) == "2"
    assert walk(PAD, "5", Direction.DOWN) == "8"
    assert walk(PAD, "5", Direction.LEFT) == "4"
    assert walk(PAD, "5", Direction.RIGHT) == "6"
    assert walk(PAD, "1", Direction.RIGHT, Direction.RIGHT, *[Direction.DOWN] * 3) == "N"


def test_an_arrow_at_the_edge_stays() -> None:
    assert walk(PAD, "1", Direction.UP) == "1"
    assert walk(PAD, "3", Direction.RIGHT) == "3"


def test_straight_ahead_wins_over_nearer_but_aside() -> None:
    targets = [
        ("here", Rect(0, 0, 50, 50)),
        ("ahead", Rect(200, 0, 50, 50)),
        ("aside", Rect(60, 110, 50, 50)),
    ]
    assert move(targets, "here", Direction.RIGHT) == "ahead"


def test_what_is_only_aside_is_still_reached() -> None:
    assert walk(PAD + BELOW, "D", Direction.DOWN) == "back"
    assert walk(PAD + BELOW, "N", Direction.DOWN) == "keyboard"
    assert walk(PAD + BELOW, "back", Direction.UP) == "D"


def test_a_focus_that_is_gone_starts_again_at_the_first() -> None:
    assert move(PAD, "gone", Direction.UP) == "1"
    assert move([], "gone", Direction.UP) is None


@given(st.integers(1, 6), st.integers(1, 6))
def test_every_target_of_a_grid_is_reached_from_every_other(columns: int, rows: int) -> None:
    targets = [(f"{x},{y}", Rect(x * 100, y * 60, 90, 50)) for y in range(rows) for x in range(columns)]
    reached, edge = {"0,0"}, ["0,0"]
    while edge:
        here = edge.pop()
        for direction in Direction:
            there = move(targets, here, direction)
            if there is not None and there not in reached:
                reached.add(there)
                edge.append(there)
    assert reached == {name for name, _ in targets}


def test_tab_goes_round_and_round_both_ways() -> None:
    assert step(PAD, "1", 1) == "2"
    assert step(PAD, "N", 1) == "1"
    assert step(PAD, "1", -1) == "N"
    assert step(PAD, None, 1) == "1"
    assert step([], "1", 1) is None
