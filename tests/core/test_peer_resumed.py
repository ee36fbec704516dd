"""The link machine of a pair that was there before its box restarted."""

from __future__ import annotations

import pytest

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import peer_effects as peer
from appliance.core.channel import SealedChannel
from appliance.core.identity import BoxIdentity
from appliance.core.keys import PairKeys
from appliance.core.peer import Peer
from appliance.core.peer_effects import GoneReason
from appliance.core.peer_table import PeerState
from appliance.core.rejoin import Member
from appliance.core.whereabouts import Me

LINE_KEYS = PairKeys(*(bytes([n]) * 32 for n in range(11, 16)))
ONE, TWO = sorted((BoxIdentity(bytes([n]) * 32) for n in (1, 2)), key=lambda i: i.box_id_hex)


def resumed(ours: BoxIdentity, theirs: BoxIdentity, port: int = 8787) -> Peer:
    me = Me(ours, "Bridge", "a1" * 16, ("10.0.0.1",), port)
    member = Member("b2" * 16, "A", "Galley", theirs.public_key, ("10.0.0.2",), 8787, bytes(32), 7)
    return Peer.resumed(me, member, 100.0)


@pytest.fixture
def leader() -> Peer:
    return resumed(ONE, TWO)


@pytest.fixture
def follower() -> Peer:
    return resumed(TWO, ONE)


def line() -> SealedChannel:
    return SealedChannel.of_pair(LINE_KEYS, "A", 100.0)


def said(effects: list[peer.Effect]) -> list[m.Sealed]:
    other = SealedChannel.of_pair(LINE_KEYS, "B", 100.0)
    return [m.decode_sealed(other.open(e.frame)) for e in effects if isinstance(e, peer.ToLine)]


@pytest.mark.parametrize("both", [ONE, TWO])
def test_either_side_dials_at_once_where_the_other_was(both: BoxIdentity) -> None:
    machine = resumed(both, TWO if both is ONE else ONE)
    assert machine.start() == [peer.Dial(("10.0.0.2",), 8787)]


def test_its_offers_are_newer_than_any_that_the_other_side_saw(leader: Peer, follower: Peer) -> None:
    leader.start()
    offers = [e for e in leader.line_up(line(), 100.5) if isinstance(e, peer.MakeOffer)]
    assert [offer.generation > 7 + limits.LINE_SECRET_LIFETIME / limits.OFFER_EVERY for offer in offers] == [
        True
    ]
    follower.start()
    assert not [e for e in follower.line_up(line(), 100.5) if isinstance(e, peer.MakeOffer)]
    assert follower.generation == 0  # and the other side's may have any


def test_it_says_where_its_server_is_now_before_anything_else(leader: Peer) -> None:
    leader.start()
    effects = leader.line_up(line(), 100.5)
    (addresses,) = said(effects)
    assert addresses == m.Addresses(addresses=("10.0.0.1",), port=8787)
    kinds = [type(effect) for effect in effects]
    assert kinds.index(peer.ToLine) < kinds.index(peer.Identified)


def test_a_box_that_refuses_is_dialed_again_until_time_is_over(leader: Peer) -> None:
    """It may be restarting, too."""
    leader.start()
    now, dials = 100.0, 0
    ended: list[peer.Effect] = []
    while not ended:
        effects = leader.line_failed(True, now)
        now = leader.deadline() or now
        effects += leader.tick(now)
        dials += sum(isinstance(e, peer.Dial) for e in effects)
        ended = [e for e in effects if isinstance(e, peer.Ended)]
    assert ended == [peer.Ended(GoneReason.VANISHED)]
    assert now - 100.0 == pytest.approx(limits.REJOIN_WITHIN)
    assert dials > limits.REJOIN_WITHIN / (2 * limits.LINE_LOST_REDIAL)


def test_a_box_that_has_forgotten_us_ends_it_at_once(follower: Peer) -> None:
    follower.start()
    assert peer.Ended(GoneReason.VANISHED) in follower.line_failed(False, 100.1, unknown=True)
    assert follower.state is PeerState.GONE


def test_what_is_kept_of_it_is_what_it_was_made_of_with_the_newest_generation(leader: Peer) -> None:
    kept = leader.kept()
    assert kept.generation == 7 + limits.REJOIN_GENERATIONS
    assert (
        Peer.resumed(Me(ONE, "Bridge", "a1" * 16, ("10.0.0.1",), 8787), kept, 200.0).kept().bind == kept.bind
    )
