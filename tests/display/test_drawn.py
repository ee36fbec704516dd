"""What was drawn is kept while it is used."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.display.drawn import Drawn, drawn_once

TURN, MOST = 4, 12


def show(drawn: Drawn[int, str], *keys: int) -> list[int]:
    """Have these shown, one by one; which of them had to be drawn."""
    made = []
    for key in keys:
        if drawn.get(key) is None:
            assert drawn.put(key, str(key)) == str(key)
            made.append(key)
        assert drawn.get(key) == str(key)
    return made


def test_a_page_is_drawn_once_beside_a_clock_that_ticks() -> None:
    drawn: Drawn[int, str] = Drawn(TURN, MOST)
    page = (1, 2, 3)
    assert show(drawn, *page) == [1, 2, 3]
    for second in range(100, 300):
        assert show(drawn, *page, second) == [second]
        assert len(drawn) <= len(page) + 2 * TURN


def test_what_nobody_asks_for_goes_after_a_turn_or_two() -> None:
    drawn: Drawn[int, str] = Drawn(TURN, MOST)
    show(drawn, 1)
    show(drawn, *range(100, 100 + TURN))
    assert drawn.get(1) == "1", "it was there for less than two turns"
    show(drawn, *range(200, 200 + 2 * TURN + 1))
    assert drawn.get(1) is None


@given(st.lists(st.integers(0, 40), max_size=200))
def test_there_are_never_too_many_and_never_a_wrong_one(keys: list[int]) -> None:
    drawn: Drawn[int, str] = Drawn(TURN, MOST)
    for key in keys:
        show(drawn, key)
        assert len(drawn) <= MOST


@given(st.lists(st.integers(0, 40), max_size=200), st.integers(1, 3))
def test_what_was_asked_for_within_a_turn_is_there(keys: list[int], turn: int) -> None:
    drawn: Drawn[int, str] = Drawn(turn, 1000)
    since: list[int] = []  # new ones, since which
    last: dict[int, int] = {}
    for key in keys:
        made = show(drawn, key)
        if key in last and len(since) - last[key] <= turn:
            assert made == []
        since += made
        last[key] = len(since)


def test_all_are_forgotten() -> None:
    drawn: Drawn[int, str] = Drawn(TURN, MOST)
    show(drawn, *range(10))
    drawn.clear()
    assert len(drawn) == 0
    assert show(drawn, 9) == [9]


def test_a_function_draws_once() -> None:
    calls = []

    @drawn_once
    def draw(side: int, name: str) -> list[str]:
        """What it draws."""
        calls.append((side, name))
        return [name] * side

    assert draw(2, "a") is draw(2, "a")
    assert draw(3, "a") == ["a"] * 3
    assert calls == [(2, "a"), (3, "a")]
    assert draw.__doc__ == "What it draws."
    for side in range(10, 10 + 2 * limits.DRAWN_SHAPES_TURN):
        draw(side, "b")
    draw(2, "a")
    assert calls[-1] == (2, "a")
