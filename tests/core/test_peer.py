"""The link machine: two of them, joined by a network that the test holds in its hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import peer_effects as peer
from appliance.core.bind import Ends
from appliance.core.channel import SealedChannel
from appliance.core.direct_line import LineState
from appliance.core.identity import BoxIdentity
from appliance.core.introduction import Acquaintance
from appliance.core.keys import PairKeys
from appliance.core.peer import Peer
from appliance.core.peer_effects import GoneReason, HeardLinks, HeardSameRoom
from appliance.core.peer_table import TABLE, PeerState
from appliance.core.whereabouts import Me

KEYS = PairKeys(*(bytes([n]) * 32 for n in range(1, 6)))
LINE_KEYS = PairKeys(*(bytes([n]) * 32 for n in range(11, 16)))


class Side:
    """One machine and a shell that keeps what it was told to do."""

    def __init__(self, pair: Pair, role: str, seed: int) -> None:
        self.pair = pair
        self.role = role
        identity = BoxIdentity(bytes([seed]) * 32)
        me = Me(identity, f"box {role}", f"{seed:032x}", ("127.0.0.1",), 4000 + seed)
        other = f"{3 - seed:032x}"
        self.machine = Peer(
            me, other, role, SealedChannel.of_pair(KEYS, role, 0.0), KEYS.transcript, KEYS.bind, 0.0
        )
        self.log: list[peer.Effect] = []
        self.dialing = False
        self.links: set[int] = set()

    @property
    def other(self) -> Side:
        return self.pair.b if self is self.pair.a else self.pair.a

    def run(self, effects: list[peer.Effect]) -> None:
        for effect in effects:
            self.log.append(effect)
            self.pair.carry(self, effect)

    def did(self, kind: type) -> list:
        return [effect for effect in self.log if isinstance(effect, kind)]


class Pair:
    """Two sides and the frames between them. ``relay``, ``line``, ``media``: does it carry anything?"""

    def __init__(self) -> None:
        self.now = 0.0
        self.relay = self.line = self.media = True
        self.refusing = self.unknown = False
        self.stopped: Side | None = None
        self.dead: set[int] = set()  # connections that carry nothing any more
        self.queue: deque[Callable[[], None]] = deque()
        self.a = Side(self, "A", 1)
        self.b = Side(self, "B", 2)
        self.tamper: Callable[[peer.Effect], peer.Effect | None] = lambda effect: effect

    @property
    def leader(self) -> Side:
        return self.a if self.a.machine.leads else self.b

    @property
    def follower(self) -> Side:
        return self.leader.other

    def cut(self) -> None:
        """No packet gets through any more, and both lines notice."""
        self.media = self.line = self.relay = False
        for side in (self.a, self.b):
            side.run(side.machine.line_lost(False, self.now))

    def mend(self) -> None:
        self.media = self.line = self.relay = True
        self.dead.clear()

    def die(self, side: Side) -> None:
        """The process of one side ends: its system closes the line and refuses new ones."""
        self.media = self.line = False
        self.refusing = True
        self.stopped = side
        side.other.run(side.other.machine.line_lost(True, self.now))

    def carry(self, side: Side, effect: peer.Effect) -> None:
        changed = self.tamper(effect)
        if changed is None:
            return
        other = side.other.machine
        match changed:
            case peer.ToRelay(frame):
                if self.relay:
                    self.queue.append(lambda: side.other.run(other.relay_frame(frame, self.now)))
            case peer.ToLine(frame):
                if self.line:
                    self.queue.append(lambda: side.other.run(other.line_frame(frame, self.now)))
            case peer.Dial():
                self.queue.append(lambda: self.dialed(side))
            case peer.MakeOffer(generation):
                side.links.add(generation)
                self.queue.append(
                    lambda: side.run(side.machine.offer_made(generation, f"offer {generation}"))
                )
            case peer.MakeAnswer(generation, _):
                side.links.add(generation)
                self.queue.append(
                    lambda: side.run(side.machine.answer_made(generation, f"answer {generation}"))
                )
            case peer.TakeAnswer(generation, _):
                self.queue.append(lambda: self.connect(generation))
            case peer.ToControl(generation, data):
                if self.media and generation not in self.dead and generation in side.other.links:
                    self.queue.append(
                        lambda: side.other.run(other.control_message(generation, data, self.now))
                    )
            case peer.OpenMedia(generation):
                side.links = {link for link in side.links if link >= generation}
            case peer.DropLink(generation):
                side.links.discard(generation)

    def dialed(self, side: Side) -> None:
        if not self.line:
            side.run(side.machine.line_failed(self.refusing, self.now, self.unknown))
            return
        for end in (side, side.other):
            channel = SealedChannel.of_pair(LINE_KEYS, end.role, self.now)
            end.run(end.machine.line_up(channel, self.now))

    def connect(self, generation: int) -> None:
        if not self.media:
            return
        for side in (self.a, self.b):
            ours, theirs = self.ends(side, generation), self.ends(side.other, generation)
            self.queue.append(
                lambda side=side, ours=ours, theirs=theirs: side.run(
                    side.machine.link_connected(generation, ours, theirs, self.now)
                )
            )

    @staticmethod
    def ends(side: Side, generation: int) -> Ends:
        byte = f"{generation:X}{side.role}"
        return Ends(":".join([byte.zfill(2)[-2:]] * 32), f"ufrag{side.role}{generation}")

    def settle(self) -> None:
        for _ in range(10_000):
            if not self.queue:
                return
            self.queue.popleft()()
        raise AssertionError("the two never come to rest")

    def start(self) -> None:
        self.a.run(self.a.machine.start())
        self.b.run(self.b.machine.start())
        self.settle()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, waking each machine at its own deadlines."""
        end = self.now + seconds
        alive = [side for side in (self.a, self.b) if side is not self.stopped]
        while True:
            due = [s.machine.deadline() for s in alive]
            at = min((d for d in due if d is not None), default=end)
            self.now = min(max(at, self.now), end)
            for side in alive:
                deadline = side.machine.deadline()
                if deadline is not None and deadline <= self.now:
                    side.run(side.machine.tick(self.now))
            self.settle()
            due = [s.machine.deadline() for s in alive]
            if self.now >= end and all(d is None or d > end for d in due):
                return

    def states(self) -> tuple[PeerState, PeerState]:
        return self.a.machine.state, self.b.machine.state


@pytest.fixture
def live() -> Pair:
    pair = Pair()
    pair.start()
    assert pair.states() == (PeerState.LIVE, PeerState.LIVE)
    return pair


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


class TestAway:
    """Off the screen after 30 s, and a member for ten minutes."""

    @pytest.mark.parametrize("out", [40, 60, 110, 300, 590])
    def test_a_cable_that_comes_back_within_ten_minutes_heals_without_a_password(
        self, live: Pair, out: float
    ) -> None:
        live.cut()
        live.pass_time(out)
        assert live.states() == (PeerState.AWAY, PeerState.AWAY)
        live.mend()
        quick = limits.LINE_LOST_REDIAL if out < limits.LINE_LOST_QUICK_FOR else limits.LINE_LOST_REDIAL_MAX
        live.pass_time(quick)
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)
        assert live.a.did(peer.Returned) == live.b.did(peer.Returned) == [peer.Returned()]
        assert live.a.machine.bound == live.b.machine.bound
        assert live.a.machine.bound is not None
        assert live.a.machine.bound > 1

    def test_after_ten_minutes_it_is_over(self, live: Pair) -> None:
        live.cut()
        live.pass_time(limits.MEMBERSHIP_KEPT - 1)
        assert live.states() == (PeerState.AWAY, PeerState.AWAY)
        live.pass_time(limits.GONE_AFTER + 2)
        assert live.a.did(peer.Ended) == live.b.did(peer.Ended) == [peer.Ended(GoneReason.SILENT)]

    def test_the_ten_minutes_begin_anew_with_every_absence(self, live: Pair) -> None:
        for _ in range(3):
            live.cut()
            live.pass_time(400)
            live.mend()
            live.pass_time(30)
            assert live.states() == (PeerState.LIVE, PeerState.LIVE)

    def test_without_a_line_nothing_is_kept(self) -> None:
        pair = Pair()
        pair.line = False
        pair.start()
        pair.pass_time(3 * limits.LINE_WITHIN)
        pair.media = pair.relay = False
        pair.pass_time(limits.GONE_AFTER + 1)
        assert pair.a.did(peer.Ended) == [peer.Ended(GoneReason.SILENT)]

    def test_a_box_that_vanished_may_come_back_to_its_line(self, live: Pair) -> None:
        other = live.leader
        live.die(other.other)
        live.pass_time(5)
        assert other.machine.state is PeerState.AWAY
        live.stopped, live.refusing = None, False
        other.other.run(other.other.machine.line_lost(False, live.now))
        live.mend()
        live.pass_time(limits.LINE_LOST_REDIAL_MAX)
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)

    def test_a_box_that_has_forgotten_us_for_seconds_is_over(self, live: Pair) -> None:
        live.cut()
        live.pass_time(40)
        live.unknown = True
        live.pass_time(limits.LINE_LOST_REDIAL + limits.LINE_REFUSED_SILENT / 2)
        assert not live.a.did(peer.Ended)
        live.pass_time(2 * limits.LINE_REDIAL_EVERY)
        assert live.leader.did(peer.Ended) == [peer.Ended(GoneReason.VANISHED)]

    def test_what_is_said_meanwhile_is_not_said_into_the_void(self, live: Pair) -> None:
        live.cut()
        live.pass_time(40)
        assert live.a.machine.say_roster(("0" * 32,)) == []
        live.mend()
        live.pass_time(1)
        assert live.a.did(peer.Reached)
        assert live.a.machine.say_roster(("0" * 32,))

    def test_who_leaves_meanwhile_is_over_here(self, live: Pair) -> None:
        live.cut()
        live.pass_time(40)
        live.a.run(live.a.machine.leave())
        assert live.a.machine.state is PeerState.GONE

    def test_a_line_that_is_up_keeps_a_member_whose_udp_is_blocked(self, live: Pair) -> None:
        live.media = False
        live.pass_time(limits.MEMBERSHIP_KEPT + 60)
        assert live.states() == (PeerState.AWAY, PeerState.AWAY)
        live.mend()
        live.pass_time(2 * limits.CONNECT_WITHIN)
        assert live.states() == (PeerState.LIVE, PeerState.LIVE)


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
