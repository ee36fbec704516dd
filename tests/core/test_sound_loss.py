"""What the encoder of sound is told to expect, from receiver reports."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.sound_loss import SoundLoss

CALM, FEC = limits.SOUND_EXPECTED_LOSS, limits.SOUND_FEC_LOSS
EVERY = 0.7  # seconds between reports
PACKETS = 35  # in that time, while somebody speaks


class Link:
    """A receiver that reports every 0.7 s on a link that loses packets by chance."""

    def __init__(self, seed: int = 1) -> None:
        self.loss = SoundLoss()
        self.now = 1000.0
        self._rng = random.Random(seed)
        self._highest, self._lost = 100, 0
        self.loss.report(self._highest, self._lost, self.now)

    def speak(self, seconds: float, share: float) -> list[int]:
        """Return what is expected after each report."""
        found = []
        for _ in range(round(seconds / EVERY)):
            lost = sum(self._rng.random() < share for _ in range(PACKETS))
            found.append(self.tell(PACKETS, lost))
        return found

    def tell(self, packets: int, lost: int) -> int:
        self.now += EVERY
        self._highest += packets
        self._lost += lost
        self.loss.report(self._highest, self._lost, self.now)
        return self.loss.expected


def test_nothing_lost_nothing_spent() -> None:
    assert set(Link().speak(600, 0.0)) == {CALM}


def test_a_lost_packet_now_and_then_is_not_worth_it() -> None:
    assert Link().speak(600, 0.001).count(FEC) == 0


@pytest.mark.parametrize(("share", "within"), [(0.05, 4.0), (0.1, 2.1), (0.3, 0.8)])
def test_real_loss_is_answered_soon_and_for_as_long_as_it_lasts(share: float, within: float) -> None:
    link = Link()
    link.speak(60, 0.0)
    found = link.speak(120, share)
    assert found.index(FEC) * EVERY <= within
    assert CALM not in found[found.index(FEC) :]


def test_one_burst_is_answered_and_forgotten_after_a_while() -> None:
    link = Link()
    link.speak(60, 0.0)
    assert link.tell(PACKETS, 6) == FEC
    found = link.speak(40, 0.0)
    assert limits.FEC_AFTER <= found.index(CALM) * EVERY <= limits.FEC_AFTER + 2 * limits.FEC_SPAN
    assert set(found[found.index(CALM) :]) == {CALM}


def test_two_packets_are_no_sign() -> None:
    link = Link()
    assert link.tell(4, 2) == CALM


def test_silence_is_neither_good_nor_bad() -> None:
    link = Link()
    link.speak(20, 0.2)
    assert {link.tell(0, 0) for _ in range(200)} == {FEC}
    # A word every ten seconds: it takes as much sound as ever.
    found = []
    for _ in range(40):
        for _ in range(13):
            link.tell(0, 0)
        found.append(link.tell(PACKETS, 0))
    assert found.index(CALM) * EVERY >= limits.FEC_AFTER


def test_about_one_percent_it_does_not_go_back_and_forth() -> None:
    found = Link().speak(3600, 0.012)
    changes = sum(a != b for a, b in itertools.pairwise(found))
    assert changes <= 60  # in an hour


def test_a_new_connection_counts_anew() -> None:
    link = Link()
    link.speak(20, 0.2)
    link.loss.restart()
    link.loss.report(7, 0, link.now)
    assert link.loss.expected == FEC
    link.loss.report(7 + PACKETS, 0, link.now + EVERY)
    assert link.loss.expected == FEC


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-100, 2**32), st.integers(-(2**23), 2**23), st.floats(0, 1e6))))
def test_whatever_is_reported_it_is_one_of_two(reports: list[tuple[int, int, float]]) -> None:
    loss = SoundLoss()
    for highest, lost, now in reports:
        loss.report(highest, lost, now)
        assert loss.expected in (CALM, FEC)
