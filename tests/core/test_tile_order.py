"""Tiles stay where a person put them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.tile_order import TileOrder


def test_until_somebody_moves_one_they_stand_as_they_came() -> None:
    assert TileOrder().sorted(["c", "a", "b"]) == ["c", "a", "b"]


def test_a_tile_goes_where_it_is_put() -> None:
    for place, wanted in enumerate(["cab", "acb", "abc", "abc"]):
        order = TileOrder()
        order.move("c", place, ["a", "b", "c"])
        assert "".join(order.sorted(["a", "b", "c"])) == wanted


def test_who_comes_later_is_last() -> None:
    order = TileOrder()
    order.move("b", 0, ["a", "b"])
    assert order.sorted(["new", "a", "b"]) == ["b", "a", "new"]


def test_who_was_away_is_back_where_it_was() -> None:
    order = TileOrder()
    order.move("c", 0, ["a", "b", "c"])
    assert order.sorted(["a", "b"]) == ["a", "b"]
    order.move("b", 0, ["a", "b"])
    assert order.sorted(["a", "b", "c"]) == ["c", "b", "a"]


def test_who_left_is_forgotten() -> None:
    order = TileOrder()
    order.move("c", 0, ["a", "b", "c"])
    order.forget("c")
    order.forget("nobody")
    assert order.sorted(["a", "b", "c"]) == ["a", "b", "c"]


def test_one_that_is_not_here_moves_nothing() -> None:
    order = TileOrder()
    order.move("x", 0, ["a", "b"])
    assert order.sorted(["a", "b"]) == ["a", "b"]


peers = st.lists(st.sampled_from("abcdef"), unique=True)


@given(st.lists(st.tuples(peers, st.sampled_from("abcdef"), st.integers(-2, 8))))
def test_whatever_is_moved_everybody_has_one_place(moves) -> None:
    order = TileOrder()
    for here, peer, place in moves:
        order.move(peer, place, here)
        shown = order.sorted(here)
        assert sorted(shown) == sorted(here)
        if peer in here:
            assert shown.index(peer) == max(0, min(place, len(here) - 1))
