"""The direct line of a pair: boxes that move, and lines whose keys are used up."""

from __future__ import annotations

import pytest
from peer_pair import LINE_KEYS, Pair, Side, live_pair

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import peer_effects as peer
from appliance.core.channel import SealedChannel
from appliance.core.direct_line import LineState
from appliance.core.peer_table import PeerState
from appliance.core.whereabouts import Me


@pytest.fixture
def live() -> Pair:
    return live_pair()


class TestMoves:
    """A box whose addresses change."""

    @staticmethod
    def moved(side: Side, *addresses: str) -> Me:
        old = side.machine._where.me
        return Me(old.identity, old.name, old.peer_id, addresses, old.port)

    @pytest.mark.parametrize("who", ["leader", "follower"])
    def test_a_new_address_in_the_place_of_the_old_one_makes_a_new_connection(
        self, live: Pair, who: str
    ) -> None:
        side = live.leader if who == "leader" else live.follower
        live.dead.add(1)
        side.run(side.machine.line_lost(False, live.now))
        side.run(side.machine.follow_addresses(self.moved(side, "10.0.0.9"), live.now))
        live.settle()
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)
        assert live.a.machine.bound == live.b.machine.bound == 2
        assert side.other.machine.addresses == ("10.0.0.9",)
        assert not [e for e in (*live.a.log, *live.b.log) if isinstance(e, peer.Refused)]

    def test_the_old_connection_serves_until_the_new_one_is_bound(self, live: Pair) -> None:
        live.connect = lambda generation: None  # type: ignore[method-assign,assignment]
        side = live.leader
        side.run(side.machine.follow_addresses(self.moved(side, "10.0.0.9"), live.now))
        live.settle()
        assert side.machine.generation == 2
        assert side.machine.bound == 1
        assert live.a.links == live.b.links == {1, 2}

    def test_an_address_more_is_told_and_disturbs_nothing(self, live: Pair) -> None:
        side = live.follower
        side.run(side.machine.follow_addresses(self.moved(side, "127.0.0.1", "10.0.0.9"), live.now))
        live.settle()
        assert side.other.machine.addresses == ("127.0.0.1", "10.0.0.9")
        assert live.a.machine.generation == 1

    def test_no_address_for_a_while_changes_nothing_that_the_same_one_does_not_mend(self, live: Pair) -> None:
        side = live.leader
        for addresses in ((), ("127.0.0.1",)):
            side.run(side.machine.follow_addresses(self.moved(side, *addresses), live.now))
            live.settle()
        assert live.a.machine.generation == 1

    @pytest.mark.parametrize("kind", [m.Addresses, m.Offer, m.Answer])
    def test_what_went_down_with_one_of_two_crossing_lines_is_said_on_the_other(
        self, live: Pair, kind: type
    ) -> None:
        side = live.follower
        lost: list[type] = []
        carry = live.carry

        def lossy(of: Side, effect: peer.Effect) -> None:
            if isinstance(effect, peer.ToLine) and not lost:
                said = of.machine._path.line
                assert said is not None
                # The test's lines have known keys: what was sealed last can be looked at.
                spy = SealedChannel.of_pair(LINE_KEYS, of.other.role, live.now)
                spy.received = said.sent - 1
                if isinstance(m.decode_sealed(spy.open(effect.frame)), kind):
                    lost.append(kind)
                    return
            carry(of, effect)

        live.carry = lossy  # type: ignore[method-assign]
        live.dead.add(1)
        side.run(side.machine.line_lost(False, live.now))
        side.run(side.machine.follow_addresses(self.moved(side, "10.0.0.9"), live.now))
        live.settle()
        assert lost == [kind]
        live.dialed(side)  # the other of the two
        live.settle()
        assert side.other.machine.addresses == ("10.0.0.9",)
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)
        assert live.a.machine.bound == live.b.machine.bound
        assert live.a.machine.bound != 1

    def test_where_discovery_sees_a_box_its_line_is_dialed_at_once(self, live: Pair) -> None:
        live.cut()
        live.pass_time(10)
        side = live.leader
        side.run(side.machine.found_at(("10.0.0.9",), live.now))
        assert side.did(peer.Dial)[-1].addresses == ("10.0.0.9", "127.0.0.1")

    def test_addresses_that_change_all_the_time_are_refused(self, live: Pair) -> None:
        side = live.follower
        for number in range(50):
            frame = m.Addresses(addresses=(f"10.0.0.{number}",), port=1)
            side.other.run(
                side.other.machine.line_frame(side.machine._path.line.seal(m.encode_sealed(frame)), live.now)
            )
        assert len(live.leader.did(peer.MakeOffer)) <= 1 + limits.MOVES_BURST
        assert peer.Refused("peer.too-many-moves") in live.leader.log


class TestLongMeetings:
    def test_a_line_whose_keys_are_used_up_is_replaced_by_another(self, live: Pair) -> None:
        live.pass_time(limits.LINE_RENEW_AFTER - live.now - 1)
        assert len(live.leader.did(peer.Dial)) == 1
        live.pass_time(limits.LINE_REDIAL_EVERY + 1)
        assert len(live.leader.did(peer.Dial)) == 2
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)
        live.pass_time(60)
        assert len(live.leader.did(peer.Dial)) == 2

    def test_while_that_fails_it_is_tried_now_and_then_and_the_old_line_serves(self, live: Pair) -> None:
        live.line = False
        live.pass_time(limits.LINE_RENEW_AFTER + 10 * limits.LINE_REDIAL_EVERY - live.now)
        assert 5 <= len(live.leader.did(peer.Dial)) - 1 <= 11
        assert live.leader.machine.line_state is LineState.UP
