"""Who is out of reach: off the screen, still a member, and no member any more."""

from __future__ import annotations

import pytest
from peer_pair import LINE_KEYS, Pair, live_pair

from appliance.core import limits
from appliance.core import peer_effects as peer
from appliance.core.absence import Absence
from appliance.core.channel import SealedChannel
from appliance.core.generations import Generations
from appliance.core.peer_effects import GoneReason
from appliance.core.peer_table import PeerEvent, PeerState
from appliance.core.pulse import Pulse
from appliance.core.sealed_path import SealedPath
from appliance.core.standing import Standing


@pytest.fixture
def live() -> Pair:
    return live_pair()


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


class TestByItself:
    """What silence and a refusing line say, without a network."""

    @pytest.fixture
    def standing(self) -> Standing:
        standing = Standing(PeerState.PROVEN, resumed=False, now=0.0)
        for event in (PeerEvent.IDENTIFY, PeerEvent.NEGOTIATE, PeerEvent.BOUND):
            standing.step(event, 0.0)
        standing.milestones["line"] = 0.0
        return standing

    @pytest.fixture
    def links(self) -> Generations:
        links = Generations(0.0)
        links.begin(1, 0.0)
        links.bind()
        return links

    @pytest.fixture
    def path(self, standing: Standing) -> SealedPath:
        return SealedPath(standing, None)

    @pytest.fixture
    def absence(self, standing: Standing, path: SealedPath, links: Generations) -> Absence:
        return Absence(standing, path, links, Pulse(0.0), 0.0)

    def test_while_its_heart_beats_a_line_that_refuses_says_nothing(self, absence: Absence) -> None:
        assert absence.line_refuses(1.0) == []
        assert absence.deadline() == limits.VANISHED_AFTER

    def test_when_the_heart_stops_too_it_is_away_at_once(self, absence: Absence, standing: Standing) -> None:
        absence.line_refuses(1.0)
        vanished = peer.Away(GoneReason.VANISHED)
        assert absence.tick(limits.VANISHED_AFTER) == [peer.DropLink(1), vanished, peer.Changed()]
        assert standing.state is PeerState.AWAY

    def test_who_answered_meanwhile_is_there(self, absence: Absence) -> None:
        absence.line_refuses(1.0)
        absence.answers()
        assert absence.tick(limits.VANISHED_AFTER) == []
        assert absence.deadline() is None

    def test_without_a_line_ever_there_is_nothing_to_come_back_with(
        self, absence: Absence, standing: Standing
    ) -> None:
        del standing.milestones["line"]
        standing.step(PeerEvent.SILENCE, 3.0)
        assert absence.deadline() == limits.GONE_AFTER
        assert absence.tick(limits.GONE_AFTER) == [peer.Ended(GoneReason.SILENT), peer.Changed()]

    def test_membership_is_counted_from_when_the_line_was_lost(
        self, absence: Absence, path: SealedPath, standing: Standing
    ) -> None:
        path.line_up(SealedChannel.of_pair(LINE_KEYS, "A", 0.0), 0.0)
        standing.step(PeerEvent.SILENCE, 3.0)
        absence.tick(limits.GONE_AFTER)
        assert absence.deadline() is None  # a line that is up keeps it
        path.line = None
        absence.line_lost(100.0)
        assert absence.deadline() == 100.0 + limits.MEMBERSHIP_KEPT
        assert absence.tick(100.0 + limits.MEMBERSHIP_KEPT)[0] == peer.Ended(GoneReason.SILENT)
