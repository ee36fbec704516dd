"""Connections that break, are replaced, and are offered too fast."""

from __future__ import annotations

import pytest
from peer_pair import LINE_KEYS, Pair, Side, live_pair

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import peer_effects as peer
from appliance.core.channel import SealedChannel
from appliance.core.direct_line import LineState
from appliance.core.peer_effects import GoneReason
from appliance.core.peer_table import PeerState


@pytest.fixture
def live() -> Pair:
    return live_pair()


class TestFlood:
    def test_offers_faster_than_anybody_connects_are_refused(self, live: Pair) -> None:
        follower = live.follower
        before = len(follower.did(peer.MakeAnswer))
        for generation in range(2, 50):
            offer = m.encode_sealed(m.Offer(generation=generation, sdp="flood"))
            frame = live.leader.machine._path.line.seal(offer)
            follower.run(follower.machine.line_frame(frame, live.now))
        assert len(follower.did(peer.MakeAnswer)) - before <= limits.OFFERS_BURST
        assert peer.Refused("peer.too-many-offers") in follower.log

    def test_constraints_faster_than_a_box_says_them_are_obeyed_at_its_pace_and_the_last_one_holds(
        self, live: Pair
    ) -> None:
        start = live.now
        sizes = [720, 180] * 20
        for height in (*sizes, 0):
            message = m.Constraints(max_height=height, max_fps=30, visible=height > 0)
            live.b.run(live.b.machine.control_message(1, m.encode_control(message), live.now))
            live.pass_time(0.01)
        live.pass_time(limits.CONSTRAINTS_EVERY)
        obeyed = live.b.did(peer.Wants)
        assert obeyed[0] == peer.Wants(720, 30, True)
        assert obeyed[-1] == peer.Wants(0, 30, False)
        assert 2 <= len(obeyed) <= (live.now - start) / limits.CONSTRAINTS_EVERY + 1

    def test_a_peer_that_flips_within_one_moment_is_obeyed_twice(self, live: Pair) -> None:
        for height in [720, 180] * 100 + [360]:
            message = m.Constraints(max_height=height, max_fps=30, visible=True)
            live.b.run(live.b.machine.control_message(1, m.encode_control(message), live.now))
        assert live.b.did(peer.Wants) == [peer.Wants(720, 30, True)]
        deadline = live.b.machine.deadline()
        assert deadline is not None
        assert deadline <= live.now + limits.CONSTRAINTS_EVERY
        live.pass_time(2 * limits.CONSTRAINTS_EVERY)
        assert live.b.did(peer.Wants) == [peer.Wants(720, 30, True), peer.Wants(360, 30, True)]

    def test_a_connection_that_is_still_being_built_gives_way_to_the_next(self, live: Pair) -> None:
        live.media = False
        live.pass_time(limits.SILENT_AFTER + 1)
        for _ in range(5):
            live.leader.run(
                live.leader.machine.line_up(SealedChannel.of_pair(LINE_KEYS, "A", live.now), live.now)
            )
        assert len(live.leader.links) <= 2  # the old one, and one that is being built


class TestBroken:
    def test_a_live_connection_outlives_a_successor_that_never_comes_up(self, live: Pair) -> None:
        carry = live.carry

        def no_answer(side: Side, effect: peer.Effect) -> None:
            if not isinstance(effect, peer.TakeAnswer):
                carry(side, effect)

        live.carry = no_answer  # type: ignore[method-assign]
        live.media = False
        live.pass_time(limits.SILENT_AFTER + 0.5)
        live.media = True
        live.pass_time(5 * limits.CONNECT_WITHIN)
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)
        assert live.a.machine.bound == live.b.machine.bound == 1
        assert live.a.links == live.b.links == {1}

    def test_silence_is_shown_after_three_seconds_and_the_tile_goes_after_thirty(self, live: Pair) -> None:
        live.cut()
        live.pass_time(limits.SILENT_AFTER + limits.HEARTBEAT_EVERY)
        assert live.states() == (PeerState.SILENT, PeerState.SILENT)
        live.pass_time(limits.GONE_AFTER)
        assert live.states() == (PeerState.AWAY, PeerState.AWAY)
        assert live.a.did(peer.Away) == [peer.Away(GoneReason.SILENT)]
        assert not live.a.did(peer.Ended)
        assert live.a.links == live.b.links == set()

    def test_a_cable_that_comes_back_heals_by_itself(self, live: Pair) -> None:
        live.cut()
        live.pass_time(10)
        assert live.states() == (PeerState.SILENT, PeerState.SILENT)
        live.media = live.line = live.relay = True
        live.pass_time(limits.LINE_LOST_REDIAL + 0.1)
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)
        assert live.a.machine.bound == live.b.machine.bound

    def test_a_broken_connection_is_replaced_beside_the_old_one(self, live: Pair) -> None:
        live.dead = {1}
        live.pass_time(limits.SILENT_AFTER + limits.HEARTBEAT_EVERY)
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)
        assert live.a.machine.bound is not None
        assert live.a.machine.bound > 1
        assert live.a.links == live.b.links == {live.a.machine.bound}

    def test_a_line_that_was_reset_and_refuses_means_gone_at_once(self, live: Pair) -> None:
        live.die(live.follower)
        live.pass_time(limits.VANISHED_AFTER)
        assert live.leader.did(peer.Away) == [peer.Away(GoneReason.VANISHED)]
        assert live.leader.machine.bound is None

    def test_the_follower_notices_too_a_second_later(self, live: Pair) -> None:
        live.die(live.leader)
        live.pass_time(limits.VANISHED_AFTER + limits.LINE_WITHIN)
        assert live.follower.did(peer.Away) == [peer.Away(GoneReason.VANISHED)]

    def test_a_server_that_began_anew_is_no_box_that_is_gone(self, live: Pair) -> None:
        live.line, live.refusing = False, True
        for side in (live.a, live.b):
            side.run(side.machine.line_lost(True, live.now))
        live.pass_time(60)
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)
        assert live.a.machine.bound == live.b.machine.bound == 1
        live.line, live.refusing = True, False
        live.pass_time(limits.LINE_LOST_REDIAL)
        assert live.a.machine.line_state is LineState.UP
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)

    def test_a_line_that_was_reset_and_is_dialed_again_disturbs_nobody(self, live: Pair) -> None:
        live.leader.run(live.leader.machine.line_lost(True, live.now))
        live.settle()
        live.pass_time(5)
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)
        assert live.a.machine.bound == 1

    def test_a_connection_that_fails_is_offered_again(self, live: Pair) -> None:
        for side in (live.a, live.b):
            side.run(side.machine.link_failed(1, live.now))
        live.settle()
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)
        assert live.a.machine.bound == 2


class TestBlocked:
    """UDP between two boxes is blocked; their line, over TCP, is not."""

    @pytest.mark.parametrize("blocked", [3.5, 5.0, 7.3, 12.0, 20.0, 28.0, 45.0])
    def test_it_is_shown_and_heals_soon_after(self, live: Pair, blocked: float) -> None:
        live.media = False
        live.dead.add(1)
        live.pass_time(limits.SILENT_AFTER)
        assert live.states() == (PeerState.SILENT, PeerState.SILENT)
        live.pass_time(blocked - limits.SILENT_AFTER)
        live.media = True
        live.pass_time(limits.CHECK_WITHIN + 0.1)
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)

    def test_offers_are_never_faster_than_the_other_side_takes_them(self, live: Pair) -> None:
        live.media = False
        live.dead.add(1)
        live.pass_time(100)
        assert len(live.leader.did(peer.MakeOffer)) > 30
        assert peer.Refused("peer.too-many-offers") not in live.follower.log

    def test_one_whose_checks_came_through_is_not_given_up_for_the_next(self, live: Pair) -> None:
        live.media = False
        live.dead.add(1)
        live.pass_time(limits.SILENT_AFTER + 1)
        generation = live.leader.machine.generation
        live.leader.run(live.leader.machine.link_checked(generation, live.now))
        live.pass_time(limits.CONNECT_WITHIN - 0.1)
        assert live.leader.machine.generation == generation
