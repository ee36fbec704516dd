"""The link machine from the proven pair to its end: two of them, joined by a network of the test's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_pair import KEYS, Pair, live_pair

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import peer_effects as peer
from appliance.core.bind import Ends
from appliance.core.channel import SealedChannel
from appliance.core.direct_line import LineState
from appliance.core.identity import BoxIdentity
from appliance.core.introduction import Acquaintance
from appliance.core.peer import Peer
from appliance.core.peer_effects import GoneReason, HeardLinks, HeardSameRoom
from appliance.core.peer_table import TABLE, PeerState


@pytest.fixture
def live() -> Pair:
    return live_pair()


def test_every_state_is_reached_by_the_table() -> None:
    begins = {PeerState.PROVEN, PeerState.INTRODUCED}
    assert set(TABLE.values()) | begins == set(PeerState)


class TestToLive:
    def test_a_proven_pair_becomes_a_live_one_over_its_direct_line(self, live: Pair) -> None:
        for side in (live.a, live.b):
            assert side.machine.line_state is LineState.UP
            assert side.machine.name == f"box {side.other.role}"
            assert side.machine.bound == 1
            assert side.links == {1}

    def test_only_the_identity_goes_over_the_relay(self, live: Pair) -> None:
        assert len(live.a.did(peer.ToRelay)) == len(live.b.did(peer.ToRelay)) == 1

    def test_one_dials_and_one_offers_and_it_is_the_same_one(self, live: Pair) -> None:
        assert len(live.leader.did(peer.Dial)) == 1
        assert not live.follower.did(peer.Dial)
        assert len(live.leader.did(peer.MakeOffer)) == 1
        assert not live.follower.did(peer.MakeOffer)

    def test_media_opens_after_the_bind_and_not_before(self, live: Pair) -> None:
        for side in (live.a, live.b):
            opened = next(i for i, e in enumerate(side.log) if isinstance(e, peer.OpenMedia))
            sent = next(i for i, e in enumerate(side.log) if isinstance(e, peer.ToControl))
            assert sent < opened
            assert m.decode_control(side.log[sent].data).__class__ is m.Bind

    def test_without_a_line_the_relay_carries_the_offer(self) -> None:
        pair = Pair()
        pair.line = False
        pair.start()
        pair.pass_time(3 * limits.LINE_WITHIN)
        assert pair.states() == (PeerState.LIVE, PeerState.LIVE)
        assert len(pair.a.did(peer.Dial)) + len(pair.b.did(peer.Dial)) >= 2

    def test_the_other_one_dials_when_the_leader_can_not(self) -> None:
        pair = Pair()
        once = []

        def leader_fails(effect: peer.Effect) -> peer.Effect | None:
            if isinstance(effect, peer.Dial) and not once:
                once.append(effect)
                leader = pair.leader
                pair.queue.append(lambda: leader.run(leader.machine.line_failed(False, pair.now)))
                return None
            return effect

        pair.tamper = leader_fails
        pair.start()
        assert pair.states() == (PeerState.IDENTIFIED, PeerState.IDENTIFIED)
        pair.pass_time(2 * limits.LINE_WITHIN)
        assert pair.states() == (PeerState.LIVE, PeerState.LIVE)
        assert pair.a.machine.line_state is LineState.UP

    def test_no_identity_in_time_ends_the_pair(self) -> None:
        pair = Pair()
        pair.relay = False
        pair.start()
        pair.pass_time(limits.IDENTIFY_WITHIN)
        assert pair.a.did(peer.Ended) == [peer.Ended(GoneReason.UNPROVEN)]

    def test_no_connection_is_given_up_after_the_retries(self) -> None:
        pair = Pair()
        pair.media = False
        pair.start()
        pair.pass_time(limits.CONNECT_WITHIN * (limits.OFFER_RETRIES + 2))
        assert pair.states() == (PeerState.GONE, PeerState.GONE)
        assert pair.leader.did(peer.Ended) == [peer.Ended(GoneReason.UNREACHABLE)]
        assert len(pair.leader.did(peer.MakeOffer)) == limits.OFFER_RETRIES


class TestHostile:
    def test_a_connection_with_another_certificate_is_never_opened(self) -> None:
        pair = Pair()
        real = pair.ends
        # A man in the middle has his own DTLS certificate: each side sees his instead of the other's.
        pair.connect = lambda generation: [  # type: ignore[method-assign,assignment]
            side.run(
                side.machine.link_connected(
                    generation, real(side, generation), Ends(":".join(["EE"] * 32), "ufragM"), pair.now
                )
            )
            for side in (pair.a, pair.b)
        ]
        pair.start()
        for side in (pair.a, pair.b):
            assert not side.did(peer.OpenMedia)
        assert peer.Refused("peer.bind-wrong") in [*pair.a.log, *pair.b.log]

    def test_nothing_is_believed_before_the_bind(self) -> None:
        pair = Pair()
        pair.tamper = lambda effect: None if isinstance(effect, peer.ToControl) else effect
        pair.start()
        side = pair.a
        side.run(
            side.machine.control_message(1, m.encode_control(m.MediaState(muted=True, camera_on=True)), 0)
        )
        assert side.log[-1] == peer.Refused("peer.not-bound")
        assert not side.machine.muted

    def test_a_bind_reflected_at_its_sender_is_refused(self) -> None:
        pair = Pair()
        pair.tamper = lambda effect: None if isinstance(effect, peer.ToControl) else effect
        pair.start()
        own = pair.a.did(peer.ToControl)[0].data
        pair.a.run(pair.a.machine.control_message(1, own, 0.0))
        assert peer.Refused("peer.bind-wrong") in pair.a.log
        assert pair.a.machine.state is PeerState.GONE

    def test_a_frame_replayed_on_the_line_is_counted_and_changes_nothing(self, live: Pair) -> None:
        frame = live.leader.did(peer.ToLine)[0].frame
        live.follower.run(live.follower.machine.line_frame(frame, live.now))
        assert live.follower.log[-1] == peer.Refused("seal.replay")
        assert live.follower.machine.state is PeerState.LIVE

    def test_an_identity_signed_for_another_pair_ends_this_one(self) -> None:
        pair = Pair()
        identity = m.Identity.signed(BoxIdentity(bytes(32)), "rogue", "B", bytes(32), (), 1)
        frame = SealedChannel.of_pair(KEYS, "B", 0.0).seal(m.encode_sealed(identity))
        pair.a.run(pair.a.machine.relay_frame(frame, 0.0))
        assert pair.a.did(peer.Ended) == [peer.Ended(GoneReason.UNPROVEN)]

    @given(st.lists(st.binary(max_size=200), max_size=20))
    @settings(max_examples=50, deadline=None)
    def test_garbage_anywhere_is_dropped_and_counted(self, garbage: list[bytes]) -> None:
        pair = Pair()
        pair.start()
        for data in garbage:
            for side in (pair.a, pair.b):
                before = len(side.log)
                side.run(side.machine.relay_frame(data, pair.now))
                side.run(side.machine.line_frame(data, pair.now))
                side.run(side.machine.control_message(1, data, pair.now))
                assert all(isinstance(e, peer.Refused) for e in side.log[before:])
        assert pair.states() == (PeerState.LIVE, PeerState.LIVE)


class TestLive:
    def test_heartbeats_measure_the_round_trip(self, live: Pair) -> None:
        live.pass_time(2.5)
        assert live.a.machine.rtt_ms is not None
        assert live.a.machine.rtt_ms == pytest.approx(0.0, abs=1.0)

    def test_mute_and_camera_reach_the_other_side(self, live: Pair) -> None:
        live.a.run(live.a.machine.say_media(muted=True, camera_on=False))
        live.settle()
        assert live.b.machine.muted
        assert not live.b.machine.camera_on

    def test_one_room_is_told_to_the_other_side(self, live: Pair) -> None:
        live.a.run(live.a.machine.say_same_room())
        live.settle()
        assert live.b.did(HeardSameRoom) == [HeardSameRoom()]

    def test_one_room_is_not_told_before_the_bind(self) -> None:
        assert Pair().a.machine.say_same_room() == []

    def test_links_are_told_to_the_other_side(self, live: Pair) -> None:
        link = m.Link(peer="ab" * 16, name="C", state="live", quality=2, loss_pm=1, rtt_ms=3, layer="M")
        live.a.run(live.a.machine.say_links((link,)))
        live.settle()
        assert live.b.did(HeardLinks) == [HeardLinks((link,))]

    def test_links_are_not_told_before_the_bind(self) -> None:
        assert Pair().a.machine.say_links(()) == []

    def test_what_was_said_before_the_bind_is_told_after_it(self) -> None:
        pair = Pair()
        pair.a.run(pair.a.machine.say_media(muted=True, camera_on=True))
        pair.a.run(pair.a.machine.say_constraints(360, 30, True, 0.0))
        pair.start()
        assert pair.b.machine.muted
        assert pair.b.did(peer.Wants) == [peer.Wants(360, 30, True)]

    def test_the_same_constraint_is_not_said_twice(self, live: Pair) -> None:
        assert live.a.machine.say_constraints(180, 15, True, live.now)
        assert not live.a.machine.say_constraints(180, 15, True, live.now + 1)

    def test_sizes_that_change_fast_are_merged_and_the_last_one_arrives(self, live: Pair) -> None:
        for height in (360, 350, 340, 330):
            live.a.run(live.a.machine.say_constraints(height, 30, True, live.now))
        live.settle()
        assert live.b.did(peer.Wants) == [peer.Wants(360, 30, True)]
        live.pass_time(limits.CONSTRAINTS_EVERY - 0.01)
        assert len(live.b.did(peer.Wants)) == 1
        live.pass_time(0.02)
        assert live.b.did(peer.Wants)[1:] == [peer.Wants(330, 30, True)]
        live.pass_time(5)
        assert len(live.b.did(peer.Wants)) == 2

    def test_a_new_connection_is_told_the_newest_size(self, live: Pair) -> None:
        live.a.run(live.a.machine.say_constraints(360, 30, True, live.now))
        live.a.run(live.a.machine.say_constraints(0, 0, False, live.now))
        live.settle()
        live.dead.add(1)
        live.pass_time(limits.SILENT_AFTER + 1)
        assert live.a.machine.bound == 2
        assert live.b.did(peer.Wants)[-1] == peer.Wants(0, 0, False)

    def test_leaving_is_known_at_once(self, live: Pair) -> None:
        live.a.run(live.a.machine.leave())
        live.settle()
        assert live.b.did(peer.Ended) == [peer.Ended(GoneReason.LEFT)]
        assert live.a.did(peer.Ended) == [peer.Ended(GoneReason.LEAVING)]


class TestIntroduced:
    """Two that a common member introduced: no relay, and not there until the line is up."""

    @pytest.fixture
    def introduced(self) -> Pair:
        pair = Pair()
        sides = (pair.a, pair.b)
        before = [side.machine._where.me for side in sides]
        for side, me, other in zip(sides, before, reversed(before), strict=True):
            met = Acquaintance(
                other.peer_id,
                side.role,
                KEYS,
                bytes(32),
                other.identity.public_key,
                other.name,
                other.addresses,
                other.port,
                "f" * 32,
            )
            side.machine = Peer.introduced(me, met, 0.0)
        return pair

    def test_they_are_live_as_soon_as_the_line_is_up(self, introduced: Pair) -> None:
        introduced.start()
        assert introduced.states() == (PeerState.LIVE, PeerState.LIVE)
        for side in (introduced.a, introduced.b):
            assert side.did(peer.Identified) == [peer.Identified()]
            assert side.machine.name == f"box {side.other.role}"
            assert not side.did(peer.ToRelay)

    def test_nobody_hears_of_them_while_there_is_no_line(self, introduced: Pair) -> None:
        introduced.line = False
        introduced.start()
        introduced.pass_time(3 * limits.LINE_WITHIN)
        for side in (introduced.a, introduced.b):
            assert side.did(peer.Ended) == [peer.Ended(GoneReason.UNREACHABLE)]
            assert not side.did(peer.Identified)
            assert not side.machine.shown

    def test_a_frame_of_a_relay_is_none_of_theirs(self, introduced: Pair) -> None:
        side = introduced.a
        assert side.machine.relay_frame(b"frame", 0.0) == [peer.Refused("peer.no-relay")]

    def test_they_heal_as_others_do(self, introduced: Pair) -> None:
        introduced.start()
        introduced.cut()
        introduced.pass_time(60)
        assert introduced.states() == (PeerState.AWAY, PeerState.AWAY)
        introduced.mend()
        introduced.pass_time(limits.LINE_LOST_REDIAL)
        assert introduced.states() == (PeerState.LIVE, PeerState.LIVE)

    def test_introductions_are_carried_over_lines_only(self, introduced: Pair) -> None:
        message = m.IntroduceConfirm(sender="0" * 32, to="1" * 32, confirm=bytes(32))
        assert introduced.a.machine.say_introduction(message) == []
        introduced.start()
        introduced.a.run(introduced.a.machine.say_introduction(message))
        introduced.settle()
        assert introduced.b.did(peer.HeardIntroduction) == [peer.HeardIntroduction(message)]
