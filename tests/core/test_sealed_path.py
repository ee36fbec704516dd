"""Where a pair's sealed frames go."""

from __future__ import annotations

import pytest
from peer_pair import KEYS, LINE_KEYS

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import peer_effects as peer
from appliance.core.channel import SealedChannel
from appliance.core.peer_table import PeerEvent, PeerState
from appliance.core.sealed_path import SealedPath
from appliance.core.standing import Standing

ROSTER = m.Roster(peers=["ab" * 16])


@pytest.fixture
def standing() -> Standing:
    return Standing(PeerState.PROVEN, resumed=False, now=0.0)


@pytest.fixture
def path(standing: Standing) -> SealedPath:
    return SealedPath(standing, SealedChannel.of_pair(KEYS, "A", 0.0))


def line() -> SealedChannel:
    return SealedChannel.of_pair(LINE_KEYS, "A", 0.0)


def kinds(effects: list[peer.Effect]) -> list[type]:
    return [type(effect) for effect in effects]


def test_the_line_goes_before_the_relay_and_the_relay_serves_without_it(path: SealedPath) -> None:
    assert kinds(path.say(ROSTER)) == [peer.ToRelay]
    path.line_up(line(), 0.0)
    assert kinds(path.say(ROSTER)) == [peer.ToLine]
    path.line = None
    assert kinds(path.say(ROSTER)) == [peer.ToRelay]


def test_the_other_side_opens_what_was_said(path: SealedPath) -> None:
    (said,) = path.say(ROSTER)
    assert isinstance(said, peer.ToRelay)
    assert m.decode_sealed(SealedChannel.of_pair(KEYS, "B", 0.0).open(said.frame)) == ROSTER


def test_who_is_away_hears_nothing_over_the_relay(path: SealedPath, standing: Standing) -> None:
    events = (PeerEvent.IDENTIFY, PeerEvent.NEGOTIATE, PeerEvent.BOUND, PeerEvent.SILENCE, PeerEvent.LOSE)
    for event in events:
        standing.step(event, 0.0)
    assert path.say(ROSTER) == []
    path.line_up(line(), 0.0)
    assert kinds(path.say(ROSTER)) == [peer.ToLine]


def test_who_is_gone_hears_nothing(path: SealedPath, standing: Standing) -> None:
    path.line_up(line(), 0.0)
    standing.end(peer.GoneReason.LEFT)
    assert path.say(ROSTER) == []


def test_a_pair_without_a_relay_waits_for_its_line(standing: Standing) -> None:
    assert SealedPath(standing, None).say(ROSTER) == []


def test_a_line_is_used_up_by_time(path: SealedPath) -> None:
    assert not path.is_used_up(2 * limits.LINE_RENEW_AFTER)
    path.line_up(line(), 10.0)
    assert not path.is_used_up(9.0 + limits.LINE_RENEW_AFTER)
    assert path.is_used_up(10.0 + limits.LINE_RENEW_AFTER)
