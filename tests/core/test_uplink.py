"""Sharing an uplink that is too small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.layers import Layer
from appliance.core.sending import Demand, Sending, decide
from appliance.core.uplink import share_uplink, wire_rate

L, M, H = Layer.L, Layer.M, Layer.H
WISHES = st.lists(st.sampled_from([None, L, M, H]), max_size=15)
BUDGETS = st.integers(0, 40_000_000)


def rate(layers: list[Layer | None]) -> int:
    return sum(wire_rate(layer) for layer in layers if layer is not None)


def size(layer: Layer | None) -> int:
    return 0 if layer is None else layer.spec.height


def test_headers_are_counted() -> None:
    assert wire_rate(L) == 150_000 + 15 * 62 * 8
    assert wire_rate(M) == 600_000 + 60 * 62 * 8
    assert wire_rate(H) == 2_000_000 + 210 * 62 * 8


@pytest.mark.parametrize(
    ("kbps", "shares"),
    [
        (0, [H, H, M, L]),
        (6000, [H, H, M, L]),
        (4000, [H, M, M, L]),
        (2500, [M, M, M, L]),
        (1700, [M, M, L, L]),  # nobody is at H any more: the last, who shows us smaller, goes first
        (700, [L, L, L, L]),
        (500, [L, L, L, None]),
        (320, [L, L, None, None]),
        (200, [L, None, None, None]),
        (100, [None, None, None, None]),
    ],
)
def test_what_is_given_up_in_which_order(kbps: int, shares: list[Layer | None]) -> None:
    assert share_uplink([H, H, M, L], 1000 * kbps) == shares


def test_who_would_get_us_large_keeps_a_picture_though_it_came_last() -> None:
    assert share_uplink([L, L, H], 200_000) == [None, None, L]


def test_among_those_alike_a_newcomer_takes_nothing() -> None:
    assert share_uplink([M, M], 1_000_000) == [M, L]
    assert share_uplink([M, M, M], 1_000_000) == [M, L, L]


@given(WISHES, BUDGETS.filter(bool))
def test_it_never_exceeds_the_budget_nor_a_wish(wishes: list[Layer | None], budget: int) -> None:
    shares = share_uplink(wishes, budget)
    assert len(shares) == len(wishes)
    assert rate(shares) <= budget
    assert all(size(share) <= size(wish) for share, wish in zip(shares, wishes, strict=True))


@given(WISHES)
def test_without_a_budget_everybody_gets_what_they_want(wishes: list[Layer | None]) -> None:
    assert share_uplink(wishes, 0) == wishes
    assert share_uplink(wishes, rate(wishes) or 1) == wishes


@given(WISHES, BUDGETS.filter(bool), BUDGETS)
def test_a_larger_budget_takes_nothing_from_anybody(
    wishes: list[Layer | None], budget: int, more: int
) -> None:
    shares, larger = share_uplink(wishes, budget), share_uplink(wishes, budget + more)
    assert all(size(a) <= size(b) for a, b in zip(shares, larger, strict=True))


@given(WISHES, BUDGETS.filter(bool), st.sampled_from([L, M, H]))
def test_a_newcomer_gives_nothing_to_the_others(
    wishes: list[Layer | None], budget: int, newcomer: Layer
) -> None:
    before, after = share_uplink(wishes, budget), share_uplink([*wishes, newcomer], budget)
    assert all(size(b) <= size(a) for a, b in zip(before, after[:-1], strict=True))


@given(WISHES, BUDGETS.filter(bool))
def test_the_largest_go_first_and_nobody_is_left_out_while_another_has_more_than_the_least(
    wishes: list[Layer | None], budget: int
) -> None:
    shares = share_uplink(wishes, budget)
    lowered = [share for share, wish in zip(shares, wishes, strict=True) if share is not wish]
    if not lowered:
        return
    least = min(size(share) for share in lowered)
    above = {None: L, L: M, M: H}
    step = next(above[share] for share in lowered if size(share) == least and share is not H)
    # One step above the least that somebody was lowered to is the most that anybody has.
    assert all(size(share) <= size(step) for share in shares)


class TestDecide:
    def test_the_reason_is_the_last_thing_that_made_it_less(self) -> None:
        demands = [
            Demand(H, H, ""),
            Demand(H, M, "loss"),
            Demand(L, L, "rtt"),
            Demand(None, L, "loss"),
            Demand(M, H, ""),
        ]
        assert decide(demands, 0) == [
            Sending(H, H, H, ""),
            Sending(M, H, M, "loss"),
            Sending(L, L, L, ""),
            Sending(None, None, L, ""),
            Sending(M, M, H, ""),
        ]
        assert [(s.layer, s.capped_by) for s in decide(demands, 1_500_000)] == [
            (M, "uplink"),
            (L, "uplink"),
            (L, ""),
            (None, ""),
            (L, "uplink"),
        ]

    @given(
        st.lists(
            st.builds(Demand, st.sampled_from([None, L, M, H]), st.sampled_from([L, M, H]), st.just("loss")),
            max_size=15,
        ),
        BUDGETS,
    )
    def test_nobody_gets_more_than_wanted_nor_than_the_link_carries(
        self, demands: list[Demand], budget: int
    ) -> None:
        sendings = decide(demands, budget)
        for demand, sending in zip(demands, sendings, strict=True):
            assert size(sending.layer) <= min(size(demand.wanted), size(demand.cap))
            assert (sending.capped_by == "") == (sending.layer is demand.wanted)
        assert budget == 0 or rate([sending.layer for sending in sendings]) <= budget
