"""What a link's loss and round trip do to the layer, over made-up links with seeded chance."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.layers import Layer
from appliance.core.link_health import LOSS, RTT, LinkHealth

PACKETS = {Layer.L: 15, Layer.M: 60, Layer.H: 190}  # a second
STEP = 0.01

Loss = Callable[[float, Layer], float]


class Link:
    """A sender that follows its health, at most with ``wanted``, a lossy wire, a receiver that reports."""

    def __init__(
        self, loss: Loss, *, wanted: Layer = Layer.H, seed: int = 1, both_ways: bool = False
    ) -> None:
        self.now = 0.0
        self.health = LinkHealth(0.0)
        self.changes: list[tuple[float, Layer]] = []
        self._loss = loss
        self._wanted = wanted
        self._both_ways = both_ways
        self._rng = random.Random(seed)
        self._sent = self._due = self._lost = self._highest = 0.0
        self._report_at = 0.1
        self.sending = True

    @property
    def layer(self) -> Layer:
        return self._wanted if self._wanted.fits(self.health.cap) else self.health.cap

    def run(self, until: float) -> None:
        while self.now < until:
            self.now += STEP
            loss = self._loss(self.now, self.layer)
            self._due += PACKETS[self.layer] * STEP * self.sending
            while self._due >= 1:
                self._due -= 1
                self._sent += 1
                if self._rng.random() < loss:
                    continue
                self._lost += self._sent - self._highest - 1
                self._highest = self._sent
            if self.now >= self._report_at:
                self._report_at = self.now + limits.REPORT_LOSS_WITHIN * (0.75 + self._rng.random() / 2)
                if not (self._both_ways and self._rng.random() < loss):
                    self.report()

    def report(self) -> None:
        before = self.health.cap
        self.health.report(int(self._highest), int(self._lost), self.layer, self.now)
        if self.health.cap is not before:
            self.changes.append((self.now, self.health.cap))


def between(begin: float, end: float, loss: float) -> Loss:
    return lambda now, _layer: loss if begin <= now < end else 0.0


SEEDS = range(20)


class TestLoss:
    def test_a_link_without_faults_keeps_the_largest_layer(self) -> None:
        link = Link(between(0, 0, 0))
        link.run(60)
        assert not link.changes
        assert (link.health.cap, link.health.capped_by) == (Layer.H, "")

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("loss", [0.2, 0.3, 0.5, 0.7])
    def test_h_goes_down_within_a_second_of_the_loss_starting(self, loss: float, seed: int) -> None:
        link = Link(between(5.0 + seed / 37, 99, loss), seed=seed)
        link.run(6.0 + seed / 37 + STEP)
        assert link.health.cap.fits(Layer.M)
        assert link.health.capped_by == LOSS

    @pytest.mark.parametrize("seed", SEEDS)
    def test_m_is_next_where_the_link_does_not_carry_that_either(self, seed: int) -> None:
        link = Link(between(5.0, 99, 0.5), seed=seed)
        link.run(8)
        assert link.health.cap is Layer.L

    @pytest.mark.parametrize("seed", SEEDS)
    def test_m_goes_down_within_a_second_of_heavy_loss(self, seed: int) -> None:
        link = Link(between(5.0 + seed / 37, 99, 0.5), wanted=Layer.M, seed=seed)
        link.run(6.0 + seed / 37 + STEP)
        assert link.health.cap is Layer.L

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("both_ways", [False, True])
    def test_m_survives_ten_percent_of_random_loss(self, seed: int, both_ways: bool) -> None:
        link = Link(lambda *_: 0.1, wanted=Layer.M, seed=seed, both_ways=both_ways)
        link.run(120)
        assert link.health.cap is Layer.M

    @pytest.mark.parametrize("seed", SEEDS)
    def test_h_survives_two_percent(self, seed: int) -> None:
        link = Link(lambda *_: 0.02, seed=seed)
        link.run(120)
        assert not link.changes

    @pytest.mark.parametrize("seed", SEEDS)
    def test_loss_beyond_a_limit_by_less_shows_within_seconds(self, seed: int) -> None:
        link = Link(between(5, 99, 0.25), wanted=Layer.M, seed=seed)
        link.run(20)
        assert link.health.cap is Layer.L

    def test_one_bad_report_of_few_packets_is_no_loss(self) -> None:
        health = LinkHealth(0.0)
        for at, highest, lost in ((0.0, 0, 0), (0.4, 15, 0), (0.8, 20, 3), (1.2, 27, 3), (1.6, 60, 3)):
            health.report(highest, lost, Layer.M, at)
        assert health.cap is Layer.H

    def test_the_first_report_only_says_where_counting_begins(self) -> None:
        health = LinkHealth(0.0)
        health.report(70_000, 60_000, Layer.M, 0.3)
        health.report(70_100, 60_000, Layer.M, 0.7)
        assert health.cap is Layer.H

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_noisy_link_does_not_flap(self, seed: int) -> None:
        """Loss that wanders around what H can take: a change every 25 s at the most."""
        rng = random.Random(seed)
        levels = [rng.uniform(0.0, 0.09) for _ in range(302)]
        link = Link(lambda now, _: levels[int(now)], seed=seed)
        link.run(300)
        assert len(link.changes) <= 12
        assert link.health.cap is not Layer.L

    def test_a_link_that_carries_m_and_not_h_is_tried_later_and_later(self) -> None:
        """H fills a queue that M does not: the person sees the attempts less and less often."""
        link = Link(lambda _, layer: 0.3 if layer is Layer.H else 0.0)
        link.run(400)
        rises = [at for at, cap in link.changes if cap is Layer.H]
        waits = [b - a for a, b in itertools.pairwise(rises)]
        assert 3 <= len(rises) <= 8
        assert all(b > 1.5 * a for a, b in itertools.pairwise(waits[:3]))
        assert max(waits) <= limits.GOOD_FOR_MAX + 3


class TestUp:
    def test_a_step_up_needs_exactly_ten_good_seconds(self) -> None:
        health = LinkHealth(0.0)
        health.report(0, 0, Layer.M, 0.0)
        health.report(100, 60, Layer.M, 0.5)
        assert health.cap is Layer.L
        highest, at = 100, 0.5
        caps = {}
        while at < 21:
            at, highest = at + 0.25, highest + 20
            health.report(highest, 60, Layer.M, at)
            caps[at] = health.cap
        assert {at for at, cap in caps.items() if cap is Layer.L} == {at for at in caps if at < 10.5}
        assert {at for at, cap in caps.items() if cap is Layer.M} == {at for at in caps if 10.5 <= at < 20.5}
        assert health.cap is Layer.H
        assert health.capped_by == ""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_after_a_burst_m_is_back_soon_after_ten_seconds_and_h_after_twenty(self, seed: int) -> None:
        link = Link(between(5, 8, 0.5), seed=seed)
        link.run(8)
        assert link.health.cap is Layer.L
        link.run(17.5)
        assert link.health.cap is Layer.L
        link.run(20)
        assert link.health.cap is Layer.M
        link.run(35)
        assert link.health.cap is Layer.H

    @pytest.mark.parametrize("seed", SEEDS)
    def test_m_comes_back_at_ten_percent_of_random_loss(self, seed: int) -> None:
        link = Link(lambda now, _: 0.6 if 5 <= now < 8 else 0.1, wanted=Layer.M, seed=seed)
        link.run(8)
        assert link.health.cap is Layer.L
        link.run(45)
        assert link.health.cap is Layer.M

    def test_time_in_which_nothing_is_sent_is_not_good(self) -> None:
        link = Link(between(5, 8, 0.5))
        link.run(9)
        assert link.health.cap is Layer.L
        link.sending = False
        link.run(40)
        link.sending = True
        link.run(46)
        assert link.health.cap is Layer.L
        link.run(55)
        assert link.health.cap is not Layer.L

    def test_silence_of_the_receiver_is_not_good_either(self) -> None:
        health = LinkHealth(0.0)
        for highest, lost, at in ((0, 0, 0.0), (100, 60, 0.5), (120, 60, 1.0), (900, 60, 12.0)):
            health.report(highest, lost, Layer.M, at)
        assert health.cap is Layer.L


class TestOutage:
    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("both_ways", [False, True])
    def test_a_cable_that_was_out_for_a_second_costs_no_layer(self, seed: int, both_ways: bool) -> None:
        link = Link(between(5, 6.2, 1.0), seed=seed, both_ways=both_ways)
        link.run(60)
        assert not link.changes

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_second_one_soon_after_does(self, seed: int) -> None:
        link = Link(lambda now, _: 1.0 if 5 <= now < 6.2 or 12 <= now < 13.2 else 0.0, seed=seed)
        link.run(14)
        assert [cap for _, cap in link.changes] == [Layer.M]


class TestRoundTrip:
    def feed(self, health: LinkHealth, round_trips: list[float], begin: float = 0.0) -> float:
        now = begin
        for seconds in round_trips:
            now += limits.HEARTBEAT_EVERY
            health.round_trip(seconds, now)
        return now

    def second(self, health: LinkHealth, seconds: float, now: float) -> float:
        """A second with a heartbeat, and two reports that tell of nothing lost."""
        health.report(int(100 * now), 0, Layer.M, now + 0.5)
        health.report(int(100 * now) + 50, 0, Layer.M, now + 1.0)
        health.round_trip(seconds, now + 1.0)
        return now + 1.0

    @pytest.mark.parametrize(
        ("standing", "cap"),
        [(0.03, Layer.H), (0.14, Layer.H), (0.2, Layer.M), (0.39, Layer.M), (0.5, Layer.L)],
    )
    def test_a_slow_link_from_the_start(self, standing: float, cap: Layer) -> None:
        health = LinkHealth(0.0)
        self.feed(health, [standing] * 10)
        assert health.cap is cap
        assert health.capped_by == ("" if cap is Layer.H else RTT)

    def test_heartbeats_that_were_repaired_are_no_slow_link(self) -> None:
        health = LinkHealth(0.0)
        self.feed(health, [0.03, 0.5, 0.6, 0.03, 0.5, 0.03, 0.5, 0.5] * 20)
        assert health.cap is Layer.H

    def test_a_queue_that_fills_takes_h_and_then_m(self) -> None:
        health = LinkHealth(0.0)
        now = self.feed(health, [0.005] * 20)
        now = self.feed(health, [0.12] * 3, now)
        assert (health.cap, health.capped_by) == (Layer.M, RTT)
        self.feed(health, [0.3] * 3, now)
        assert health.cap is Layer.L

    def test_a_path_that_became_longer_is_the_new_measure(self) -> None:
        health = LinkHealth(0.0)
        now = self.feed(health, [0.005] * 10)
        caps = []
        for _ in range(200):
            now = self.second(health, 0.115, now)
            caps.append(health.cap)
        assert set(caps[3:50]) == {Layer.M}
        assert caps[-1] is Layer.H

    def test_it_comes_back_ten_seconds_after_the_round_trip_did(self) -> None:
        health = LinkHealth(0.0)
        now = self.feed(health, [0.01] * 5)
        now = self.feed(health, [0.3] * 10, now)
        caps = []
        for _ in range(30):
            now = self.second(health, 0.01, now)
            caps.append(health.cap)
        assert caps.index(Layer.M) in (9, 10)
        assert caps.index(Layer.H) in (19, 20)


class TestAnyTrace:
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["report", "rtt", "restart"]),
                st.floats(0.0, 30.0),
                st.integers(-10, 400),
                st.integers(-400, 400),
            ),
            max_size=60,
        )
    )
    def test_it_falls_anyhow_and_rises_one_step_at_a_time_after_ten_seconds(
        self, events: list[tuple[str, float, int, int]]
    ) -> None:
        health = LinkHealth(0.0)
        now, highest, lost = 0.0, 0, 0
        changed_at = 0.0
        for kind, wait, packets, losses in events:
            now += wait
            before = health.cap
            if kind == "report":
                highest, lost = highest + packets, lost + losses
                health.report(highest, lost, Layer.H if packets % 2 else Layer.M, now)
            elif kind == "rtt":
                health.round_trip(max(0, packets) / 400, now)
            else:
                health.restart(now)
                highest, lost = packets, losses
            if health.cap is not before:
                if before.fits(health.cap):
                    assert health.cap is before.above
                    assert now - changed_at >= limits.GOOD_FOR
                changed_at = now
            assert (health.capped_by == "") == (health.cap is Layer.H)
