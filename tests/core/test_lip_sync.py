"""Sound and picture of one peer on simulated clocks: what is heard and seen together belongs together."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.lip_sync import Heard, LipSync, Shown
from appliance.core.sender_clock import SenderClock

TURN = 1 << 32
FRAME = 0.02
DECODE = 0.004
EARLY, LATE = -0.040, 0.060  # EBU R37
IN_BAND = (limits.SYNC_LEAD_MIN - 0.002, limits.SYNC_LEAD_MAX + 0.002)
Delay = Callable[[float], float]


def constant(seconds: float) -> Delay:
    return lambda _now: seconds


@dataclass
class Seen:
    """One picture. ``skew``: the true one, to what is or would be heard at the moment it is seen."""

    arrived: float
    ready: float
    at: float
    skew: float


@dataclass
class Peer:
    """A peer whose clocks are not ours, and what becomes of its sound and its pictures here.

    ``sound``: seconds from the capture to the ear of what is heard at a moment. ``picture``: seconds from the
    capture at a moment to the arrival. ``apart``: its clock less ours; ``drift``: of that clock, and
    ``card``: of its sound card against it, in ppm. ``patience``: seconds until a jitter buffer does as asked.
    """

    sound: Delay = lambda _now: 0.09
    picture: Delay = lambda _now: 0.04
    speaking: Callable[[float], bool] = lambda _now: True
    looking: Callable[[float], bool] = lambda _now: True
    apart: float = 1e6
    drift: float = 0.0
    card: float = 0.0
    fps: float = 30.0
    first_timestamp: int = 0
    sync: LipSync = field(init=False)
    seen: list[Seen] = field(default_factory=list)
    patience: float = 0.0

    def __post_init__(self) -> None:
        self.video_clock, self.sound_clock = SenderClock(90_000), SenderClock(48_000)
        self.sync = LipSync(self.video_clock, self.sound_clock)
        self.shown: deque[Shown] = deque(maxlen=limits.SYNC_PICTURES)
        self.heard: Heard | None = None
        self._waits = 0.0  # of the sound, in whole frames as a jitter buffer's
        self._arrived = self._now = self._off_since = 0.0

    def theirs(self, local: float) -> float:
        return self.apart + local * (1 + self.drift * 1e-6)

    def video_timestamp(self, local: float) -> int:
        return (round(self.theirs(local) * 90_000) + self.first_timestamp) % TURN

    def sound_timestamp(self, local: float) -> int:
        return (round(self.theirs(local) * 48_000 * (1 + self.card * 1e-6)) + self.first_timestamp) % TURN

    def report(self, now: float) -> None:
        told = int(self.theirs(now) * TURN) % (1 << 64)
        self.video_clock.report(told, self.video_timestamp(now))
        self.sound_clock.report(told, self.sound_timestamp(now))

    @property
    def told(self) -> float | None:
        """The skew that `LipSync` makes of reports, at the end of the last run."""
        return self.sync.skew(self.shown, self.heard, self._now)

    def run(self, first: float, last: float) -> list[Seen]:
        """Live from ``first`` to ``last``; return what was seen meanwhile."""
        before = len(self.seen)
        events = [(number * FRAME, 0, 0.0) for number in range(int(first / FRAME), int(last / FRAME))]
        events += [(number * 0.7, 2, 0.0) for number in range(int(first / 0.7), int(last / 0.7))]
        for number in range(int(first * self.fps), int(last * self.fps)):
            captured = number / self.fps
            self._arrived = max(self._arrived, captured + self.picture(captured))
            events.append((self._arrived, 1, captured))
        for now, what, captured in sorted(events):
            if what == 0 and self.speaking(now):
                at = now + 0.03  # a ring and a sound card are behind the pull
                self.heard = Heard(self.sound_timestamp(at - self.sound(at) - self._waits), at)
            elif what == 1 and self.looking(captured):
                ready = max(now, self.sync.not_before(self.video_timestamp(captured), now, self.heard))
                at = max([ready + DECODE, *[s.at for s in self.seen[-1:]]])
                self.shown.append(Shown(self.video_timestamp(captured), ready, at))
                drawn = at + limits.PICTURE_DRAWN_AFTER
                skew = self.sound(drawn) + self._waits - (drawn - captured)
                self.seen.append(Seen(now, ready, at, skew))
            elif what == 2:
                self.report(now)
                self.sync.look(self.shown, self.heard, now)
                wanted = self.sync.sound_wait
                if self._waits - 0.005 <= wanted <= self._waits + 0.015:
                    self._off_since = now
                elif now - self._off_since > self.patience:
                    self._waits = round(wanted / FRAME) * FRAME
        self._now = last
        return self.seen[before:]


def steady(seen: list[Seen]) -> bool:
    """Does the time between two pictures change only as slowly as it is meant to?"""
    return all(
        abs((b.ready - a.ready) - (b.arrived - a.arrived)) <= limits.SYNC_STEP * limits.SYNC_MOVED_FOR + 1e-6
        for a, b in pairwise(seen)
    )


def waits(seen: list[Seen]) -> list[float]:
    return [picture.ready - picture.arrived for picture in seen]


# --- Nothing waits needlessly --------------------------------------------------------------------------


@pytest.mark.parametrize("late", [0.055, 0.08, 0.1, 0.104])
def test_sound_that_is_late_within_the_limits_holds_no_picture(late) -> None:
    peer = Peer(sound=constant(late))
    seen = peer.run(0, 20)
    assert max(waits(seen)) == 0
    assert peer.sync.picture_wait == peer.sync.sound_wait == 0
    assert peer.told == pytest.approx(late - 0.04 - DECODE - limits.PICTURE_DRAWN_AFTER, abs=0.001)
    assert peer.told == pytest.approx(seen[-1].skew, abs=0.001)


def test_without_a_report_or_without_sound_nothing_waits() -> None:
    peer = Peer(sound=constant(0.3))
    peer.report = lambda _now: None  # type: ignore[method-assign]
    assert max(waits(peer.run(0, 5))) == 0
    assert peer.told is None
    peer = Peer(sound=constant(0.3), speaking=lambda _now: False)
    assert max(waits(peer.run(0, 5))) == 0
    assert peer.told is None


def test_a_stream_of_one_kind_alone_has_no_skew() -> None:
    peer = Peer()
    peer.sound_clock.report = lambda *_: None  # type: ignore[method-assign]
    assert max(waits(peer.run(0, 5))) == 0
    assert peer.sync.skew(peer.shown, peer.heard, 5.0) is None
    assert peer.sync.skew((), peer.heard, 5.0) is None


# --- Sound is late: pictures wait ----------------------------------------------------------------------


@pytest.mark.parametrize("late", [0.12, 0.16, 0.2, 0.28])
@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
def test_pictures_wait_for_late_sound_and_only_as_long_as_they_must(late, fps) -> None:
    peer = Peer(sound=constant(late), fps=fps)
    start, seen = peer.run(0, 3), peer.run(3, 20)
    assert steady(start)
    assert all(IN_BAND[0] <= picture.skew <= IN_BAND[1] for picture in seen)
    assert peer.told == pytest.approx(seen[-1].skew, abs=0.001)
    needed = late - 0.04 - DECODE - limits.PICTURE_DRAWN_AFTER - limits.SYNC_LEAD_MAX
    assert max(waits(seen)) < needed + DECODE + 0.002  # that is not known at the start
    assert peer.sync.picture_wait == pytest.approx(needed, abs=DECODE + 0.002)
    assert peer.sync.sound_wait == 0


def test_what_waits_is_bounded() -> None:
    peer = Peer(sound=constant(0.9))
    seen = peer.run(0, 10)
    assert max(waits(seen)) == pytest.approx(limits.SYNC_WAIT_MAX)
    assert steady(seen)


def test_a_jitter_buffer_that_moves_by_a_frame_hardly_moves_pictures() -> None:
    def sound(now: float) -> float:
        return 0.16 + (FRAME if int(now / 1.3) % 2 else 0.0)

    peer = Peer(sound=sound)
    peer.run(0, 6)
    seen = peer.run(6, 30)
    assert max(waits(seen)) - min(waits(seen)) < 0.008
    assert all(IN_BAND[0] <= picture.skew <= LATE for picture in seen)


def test_a_wait_that_is_longer_than_necessary_creeps_back() -> None:
    peer = Peer(sound=lambda now: 0.18 if now < 5 else 0.16)
    longer, shorter = peer.run(0, 6)[-1], peer.run(6, 12)[-1]
    assert longer.skew < limits.SYNC_LEAD_MAX - 0.01
    assert shorter.skew == pytest.approx(limits.SYNC_LEAD_MAX, abs=0.002)


@pytest.mark.parametrize("seed", range(8))
def test_while_a_jitter_buffer_grows_and_shrinks_nearly_all_is_within_r37(seed) -> None:
    """It inserts a frame every 0.1 s, and takes out two, as fast as it ever does, and once in 3 s."""
    rng, moves, delay = random.Random(seed), {}, 0.09
    goal = delay
    for tick in range(600):
        if tick % 30 == 0:
            goal = rng.uniform(0.08, 0.22)
        if delay < goal - FRAME:
            delay += FRAME
        elif delay > goal + FRAME:
            delay -= min(2 * FRAME, (delay - goal) // FRAME * FRAME)
        moves[tick] = delay
    peer = Peer(sound=lambda now: moves[min(599, int(now * 10))])
    peer.run(0, 2)
    seen = peer.run(2, 59)
    assert steady(seen)
    outside = [picture for picture in seen if not EARLY <= picture.skew <= LATE]
    assert len(outside) < 0.03 * len(seen)
    assert all(EARLY - FRAME <= picture.skew <= LATE + FRAME for picture in outside)


@pytest.mark.parametrize("seed", range(4))
def test_pictures_that_jitter_are_shown_in_order_and_evened_out(seed) -> None:
    rng = random.Random(seed)
    late = {round(n): rng.random() * 0.05 for n in range(3000)}
    peer = Peer(sound=constant(0.2), picture=lambda now: 0.04 + late[round(now * 30)])
    peer.run(0, 3)
    seen = peer.run(3, 60)
    assert all(b.ready >= a.ready for a, b in pairwise(seen))
    assert all(IN_BAND[0] <= picture.skew <= IN_BAND[1] for picture in seen)


def test_a_picture_later_than_its_turn_is_shown_at_once() -> None:
    peer = Peer(sound=constant(0.16), picture=lambda now: 0.14 if 9.99 < now < 10.01 else 0.04)
    seen = peer.run(0, 12)
    assert min(waits(seen[60:])) == 0
    assert max(waits(seen[60:])) > 0.04


# --- Pauses --------------------------------------------------------------------------------------------


def test_in_a_pause_the_wait_stays_and_in_a_long_one_it_goes_slowly() -> None:
    peer = Peer(sound=constant(0.2), speaking=lambda now: now < 10 or 18 < now < 20)
    peer.run(0, 5)
    pause = peer.run(5, 18)
    assert peer.told is None
    talk = peer.run(18.2, 20)
    assert max(waits(pause)) - min(waits(pause)) < 0.002
    assert all(LATE > picture.skew > 0 for picture in talk)  # the first word is right
    held = peer.run(20, 29)
    assert min(waits(held)) > 0.08
    gone = peer.run(29, 40)
    assert steady(gone)
    steps = [a - b for a, b in pairwise(waits(gone))]
    assert max(steps) < limits.SYNC_RETURN / 30 + 0.0005
    assert max(waits(gone[-30:])) == 0
    assert peer.sync.picture_wait == 0


def test_after_a_long_pause_the_wait_comes_back() -> None:
    peer = Peer(sound=constant(0.2), speaking=lambda now: not 5 < now < 40)
    peer.run(0, 40)
    back, seen = peer.run(40, 42), peer.run(42, 50)
    assert steady(back)
    assert all(IN_BAND[0] <= picture.skew <= IN_BAND[1] for picture in seen)


# --- Pictures are late: sound waits --------------------------------------------------------------------


@pytest.mark.parametrize("patience", [0.0, 1.5])
@pytest.mark.parametrize(("late", "waits_for"), [(0.10, 0.0), (0.12, 0.02), (0.16, 0.06)])
def test_sound_waits_for_late_pictures_until_it_is_within_the_limits(late, waits_for, patience) -> None:
    peer = Peer(sound=constant(0.08), picture=constant(late), patience=patience)
    start, seen = peer.run(0, 20), peer.run(20, 120)
    assert max(waits(start + seen)) == 0
    assert all(EARLY <= picture.skew <= LATE for picture in seen)
    assert peer.sync.sound_wait == pytest.approx(waits_for, abs=0.021)
    assert len({picture.skew > -0.03 for picture in seen}) == 1  # it settles


def test_how_long_sound_waits_is_bounded_and_it_ends_with_the_reason() -> None:
    peer = Peer(sound=constant(0.08), picture=lambda now: 0.4 if now < 20 else 0.04)
    peer.run(0, 20)
    assert peer.sync.sound_wait == limits.SYNC_SOUND_MAX
    seen = peer.run(20, 60)
    assert peer.sync.sound_wait < 0.02
    assert all(EARLY <= picture.skew <= LATE for picture in seen[60:])


def test_sound_stops_waiting_when_nobody_looks_and_not_when_nobody_speaks() -> None:
    peer = Peer(sound=constant(0.08), picture=constant(0.16), speaking=lambda now: now < 20)
    peer.run(0, 30)
    assert peer.sync.sound_wait > 0.03
    peer = Peer(sound=constant(0.08), picture=constant(0.16), looking=lambda now: now < 20)
    peer.run(0, 20)
    assert peer.sync.sound_wait > 0.03
    peer.run(20, 30)
    assert peer.sync.sound_wait == 0


def test_a_flood_of_reports_is_looked_at_as_one() -> None:
    peer = Peer(sound=constant(0.08), picture=constant(0.3))
    peer.run(0, 2)
    before = peer.sync.sound_wait
    for number in range(100):
        peer.report(2 + number / 1000)
        peer.sync.look(peer.shown, peer.heard, 2 + number / 1000)
    assert peer.sync.sound_wait <= before + limits.SYNC_SOUND_STEP + 1e-9


def test_late_and_early_do_not_chase_each_other() -> None:
    """Whatever the two are apart, one of them waits and the other does not."""
    for late in range(40, 240, 10):
        peer = Peer(sound=constant(0.14), picture=constant(late / 1000))
        peer.run(0, 15)
        seen = peer.run(15, 40)
        assert min(max(waits(seen)), peer.sync.sound_wait) == 0, late
        if late <= 200:
            assert all(EARLY <= picture.skew <= LATE for picture in seen), late


# --- Clocks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("drift", "card"), [(-100.0, 100.0), (100.0, 0.0), (0.0, -100.0)])
def test_clocks_that_drift_by_100_ppm_change_nothing_in_ten_minutes(drift, card) -> None:
    peer = Peer(sound=constant(0.2), drift=drift, card=card)
    peer.run(0, 3)
    last = peer.run(3, 600)[-3000:]
    assert all(IN_BAND[0] <= picture.skew <= IN_BAND[1] for picture in last)
    assert peer.told == pytest.approx(last[-1].skew, abs=0.002)


@pytest.mark.parametrize(
    ("apart", "first"),
    [
        (0.0, TURN - 90_000 * 6),  # the timestamps wrap after 6 and 11 s
        (TURN - 7.0, 12345),  # the NTP timestamps wrap
        (TURN - 6.0, TURN - 48_000 * 6),
    ],
)
def test_timestamps_that_wrap_move_nothing(apart, first) -> None:
    peer = Peer(sound=constant(0.2), apart=apart, first_timestamp=first)
    peer.run(0, 3)
    seen = peer.run(3, 20)
    assert all(IN_BAND[0] <= picture.skew <= IN_BAND[1] for picture in seen)
    assert peer.told == pytest.approx(seen[-1].skew, abs=0.002)


# --- Reports that lie -----------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-1e6, -30.0, -2.0, 2.0, 30.0, 1e6])
@pytest.mark.parametrize("only", ["both", "sound", "picture"])
def test_a_clock_that_jumps_jerks_no_picture(jump, only) -> None:
    peer = Peer(sound=constant(0.2), apart=2e6)
    honest = peer.report

    def report(now: float) -> None:
        if now < 10:
            honest(now)
            return
        right, wrong = (int((peer.theirs(now) + more) * TURN) for more in (0.0, jump))
        peer.video_clock.report(right if only == "sound" else wrong, peer.video_timestamp(now))
        peer.sound_clock.report(right if only == "picture" else wrong, peer.sound_timestamp(now))

    peer.report = report  # type: ignore[method-assign]
    peer.run(0, 3)
    seen = peer.run(3, 19)
    assert steady(seen)
    assert all(IN_BAND[0] <= picture.skew <= IN_BAND[1] for picture in seen)  # kept, as in a pause
    if only != "both":
        assert peer.told is None
        assert max(waits(peer.run(19, 40)[-30:])) == 0  # not believed, and in the end forgotten


def test_a_report_that_claims_a_moderate_lie_is_obeyed_within_bounds() -> None:
    peer = Peer()
    peer.sound_clock.report = lambda *_: None  # type: ignore[method-assign]
    peer.sound_clock._pair = (peer.sound_timestamp(0), peer.theirs(0) - 0.8)
    seen = peer.run(0, 20)
    assert max(waits(seen)) <= limits.SYNC_WAIT_MAX + 1e-9
    assert steady(seen)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_nothing_that_is_sent_can_do_more_than_delay_pictures_within_bounds(data) -> None:
    """Any reports, any timestamps, any arrivals: order is kept, and every wait ends."""
    video, sound = SenderClock(90_000), SenderClock(48_000)
    sync = LipSync(video, sound)
    now, last, heard = 100.0, 0.0, None
    shown: list[Shown] = []
    u32, u64 = st.integers(0, TURN - 1), st.integers(0, 2**64 - 1)
    near = st.integers(0, 40).map(lambda n: n * 3000)
    for what in data.draw(st.lists(st.sampled_from("vsrphl"), max_size=60)):
        now += data.draw(st.floats(0, 2.0))
        if what == "v":
            video.report(data.draw(u64), data.draw(u32 | near))
        elif what == "s":
            sound.report(data.draw(u64), data.draw(u32 | near))
        elif what == "r":  # a pair of reports that agree
            told = data.draw(st.integers(1, 100)) << 32
            video.report(told, data.draw(near))
            sound.report(told, data.draw(near))
        elif what == "h":
            heard = Heard(data.draw(u32 | near), now + data.draw(st.floats(-0.1, 0.6)))
        elif what == "l":
            sync.look(shown[-limits.SYNC_PICTURES :], heard, now)
            assert 0 <= sync.sound_wait <= limits.SYNC_SOUND_MAX
        else:
            timestamp = data.draw(u32 | near)
            ready = sync.not_before(timestamp, now, heard)
            assert ready <= now + limits.SYNC_WAIT_MAX + 1e-9
            ready = max(ready, now)
            assert ready >= last or last <= now
            last = max(last, ready)
            shown.append(Shown(timestamp, ready, ready + 0.003))
        assert 0 <= sync.picture_wait <= limits.SYNC_WAIT_MAX + 1e-9
        skew = sync.skew(shown[-limits.SYNC_PICTURES :], heard, now)
        assert skew is None or abs(skew) <= limits.SYNC_SPAN
