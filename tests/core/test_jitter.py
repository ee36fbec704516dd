"""The jitter buffer, on a simulated network and a simulated clock."""

from __future__ import annotations

import itertools
import random
import statistics
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.jitter import Frame, JitterBuffer, Kind
from appliance.core.rtp import unwrap

FRAME = limits.SOUND_FRAME
TICK = 0.02


def payload(index: int) -> bytes:
    return b"opus" + index.to_bytes(4, "big")


def index_of(data: bytes) -> int:
    return int.from_bytes(data[4:], "big")


@dataclass
class Run:
    """What came out: (time, frame, delay) of every pull, and the buffer."""

    buffer: JitterBuffer
    pulls: list[tuple[float, Frame, float]] = field(default_factory=list)

    def kinds(self, first: float = 0.0, last: float = 1e9) -> list[Kind]:
        return [frame.kind for when, frame, _ in self.pulls if first <= when < last]

    def played(self) -> list[int]:
        """The packets that were decoded for playing, in order."""
        return [index_of(f.payload) for _, f, _ in self.pulls if f.kind is Kind.PACKET]

    def delays(self, first: float = 0.0, last: float = 1e9) -> list[float]:
        return [d for when, f, d in self.pulls if f.kind is Kind.PACKET and first <= when < last]


@dataclass(frozen=True)
class Packet:
    arrival: float
    seq: int
    ts: int
    index: int


def network(
    seconds: float,
    *,
    seed: int = 1,
    loss: float = 0.0,
    jitter: Callable[[float, random.Random], float] = lambda _when, _rng: 0.0,
    duplicate: float = 0.0,
    speaking: Callable[[float], bool] = lambda _when: True,
    first_seq: int = 0,
    first_ts: int = 0,
    drift_ppm: float = 0.0,
) -> list[Packet]:
    """The packets of a sender on the far side of a network, by arrival."""
    rng = random.Random(seed)
    packets = []
    seq = first_seq
    for n in range(int(seconds / TICK)):
        when = n * TICK * (1 + drift_ppm * 1e-6)
        if not speaking(when):
            continue
        this, seq = seq & 0xFFFF, seq + 1
        lost = rng.random() < loss
        arrival = when + 0.005 + jitter(when, rng)
        again = rng.random() < duplicate
        if lost:
            continue
        packet = Packet(arrival, this, (first_ts + n * FRAME) & 0xFFFFFFFF, n)
        packets.append(packet)
        if again:
            packets.append(Packet(arrival + rng.random() * 0.05, packet.seq, packet.ts, n))
    return sorted(packets, key=lambda p: p.arrival)


def play(
    packets: Iterable[Packet],
    seconds: float,
    *,
    phase: float = 0.011,
    paused: Callable[[float], float] = lambda when: when,
    before_pull: Callable[[float, JitterBuffer], None] = lambda _when, _buffer: None,
    quiet: Callable[[float], bool] = lambda _when: False,
) -> Run:
    """Push and pull in real time. ``paused(when)``: when what is due at ``when`` really happens.
    ``quiet(when)``: is what was captured then a pause in speech?
    """
    run = Run(JitterBuffer())
    events: list[tuple[float, int, Packet | None]] = [(paused(p.arrival), 0, p) for p in packets]
    ticks = (phase + n * TICK for n in range(int(seconds / TICK)))
    # A paused playout skips the frames that it missed.
    events += [(when, 1, None) for when in ticks if paused(when) == when]
    for when, _, packet in sorted(events, key=lambda event: event[:2]):
        if packet is not None:
            data, pause = payload(packet.index), quiet(packet.index * TICK)
            run.buffer.push(packet.seq, packet.ts, data, when, quiet=pause)
        else:
            before_pull(when, run.buffer)
            frame = run.buffer.pull(when)
            run.pulls.append((when, frame, run.buffer.delay))
    return run


def pause(first: float, last: float) -> Callable[[float], float]:
    return lambda when: last if first <= when < last else when


def uniform(most: float) -> Callable[[float, random.Random], float]:
    return lambda _when, rng: rng.random() * most


# --- A quiet network --------------------------------------------------------------------------


def test_every_packet_of_a_clean_stream_is_played_once_and_in_order() -> None:
    run = play(network(20), 20)
    played = run.played()
    assert played == list(range(played[0], played[0] + len(played)))
    assert played[0] == 0
    assert run.buffer.counters.concealed == run.buffer.counters.late == run.buffer.lost == 0


def test_a_clean_stream_is_played_within_55_ms_of_its_shortest_transit() -> None:
    for phase in (0.0001, 0.005, 0.011, 0.019):
        run = play(network(20), 20, phase=phase)
        assert max(run.delays(5)) <= 0.055
        assert min(run.delays(5)) >= limits.JITTER_TARGET_MIN - 0.005


def test_sequence_numbers_and_timestamps_wrap() -> None:
    run = play(network(4, first_seq=0xFFFF - 60, first_ts=0xFFFFFFFF - 90 * FRAME), 4)
    assert run.played() == list(range(len(run.played())))
    assert len(run.played()) > 190
    assert run.buffer.counters.resets == run.buffer.counters.concealed == 0


@given(st.integers(0, 2**40), st.integers(-30_000, 30_000))
def test_unwrap_finds_the_nearest(near: int, step: int) -> None:
    assert unwrap((near + step) & 0xFFFF, near, 16) == near + step


# --- Loss, reordering, duplicates ------------------------------------------------------------------


def test_a_single_lost_packet_is_recovered_from_its_successor() -> None:
    packets = [p for p in network(4) if p.index % 10 != 7]
    run = play(packets, 4)
    recovered = [index_of(f.payload) for _, f, _ in run.pulls if f.kind is Kind.FEC]
    assert recovered
    assert all(index % 10 == 8 for index in recovered)
    assert run.buffer.counters.concealed == 0
    assert run.buffer.lost == run.buffer.counters.fec == len(recovered)


def test_the_packet_that_carried_the_fec_is_played_after_it() -> None:
    packets = [p for p in network(2) if p.index != 50]
    run = play(packets, 2)
    around = [(f.kind, index_of(f.payload)) for _, f, _ in run.pulls if f.payload]
    at = around.index((Kind.FEC, 51))
    assert around[at - 1 : at + 3] == [
        (Kind.PACKET, 49),
        (Kind.FEC, 51),
        (Kind.PACKET, 51),
        (Kind.PACKET, 52),
    ]


def test_of_two_lost_in_a_row_the_first_is_concealed() -> None:
    packets = [p for p in network(2) if p.index not in (50, 51)]
    run = play(packets, 2)
    counters = run.buffer.counters
    assert (counters.concealed - counters.inserted, counters.fec) == (1, 1)


def test_concealment_ends_in_silence_after_120_ms_and_sound_comes_back() -> None:
    packets = [p for p in network(4) if not 50 <= p.index < 75]
    run = play(packets, 4)
    runs = [frame.run for _, frame, _ in run.pulls if frame.kind is Kind.CONCEAL]
    assert runs == list(range(1, limits.CONCEAL_MAX + 1))
    assert Kind.SILENCE in run.kinds(1.2, 1.4)
    assert set(run.kinds(2.0)) == {Kind.PACKET}
    assert run.buffer.lost == 25


def test_reordered_packets_are_used() -> None:
    packets = network(10, jitter=lambda when, _rng: 0.03 if int(when / TICK + 0.5) % 5 == 0 else 0.0)
    run = play(packets, 10)
    assert [p.index for p in packets] != sorted(p.index for p in packets)
    settled = [index for index in run.played() if index > 50]
    assert settled == list(range(settled[0], settled[0] + len(settled)))


def test_duplicates_are_counted_and_never_played_twice() -> None:
    run = play(network(10, duplicate=0.3), 10)
    assert run.buffer.counters.duplicates > 100
    assert len(set(run.played())) == len(run.played())
    assert run.buffer.lost == 0


def test_a_late_packet_is_counted_and_not_played() -> None:
    packets = network(6, jitter=lambda when, _rng: 0.15 if abs(when - 3) < 0.001 else 0.0)
    run = play(packets, 6)
    assert run.buffer.counters.late == 1
    assert 150 not in run.played()
    assert run.buffer.lost == 0


def test_a_sender_that_is_a_little_late_is_waited_for() -> None:
    packets = network(4, jitter=lambda when, _rng: max(0.0, 3.045 - when) if when > 2.999 else 0.0)
    run = play(packets, 4)
    assert run.buffer.counters.late == 0
    assert run.buffer.counters.inserted == 1
    assert run.played() == list(range(len(run.played())))


# --- Delay follows jitter, and comes back --------------------------------------------------------


def test_the_target_is_the_p95_of_jitter_plus_the_margin() -> None:
    run = play(network(20, jitter=uniform(0.05)), 20)
    assert 0.05 * 0.9 + 0.02 <= run.buffer.target <= 0.05 + 0.02


def test_with_20_ms_of_jitter_everything_is_played_within_80_ms() -> None:
    run = play(network(60, jitter=uniform(0.02)), 60)
    delays = sorted(run.delays(5))
    assert delays[int(0.95 * len(delays))] <= 0.08
    assert run.buffer.counters.concealed + run.buffer.counters.dropped <= 0.01 * 60 / TICK


def test_jitter_beyond_the_target_loses_little() -> None:
    run = play(network(60, jitter=lambda _w, rng: abs(rng.gauss(0, 0.02))), 60)
    assert run.buffer.counters.late / run.buffer.counters.received < 0.01


def test_delay_falls_again_when_jitter_does() -> None:
    packets = network(40, jitter=lambda when, rng: rng.random() * (0.09 if when < 15 else 0.001))
    run = play(packets, 40)
    assert min(run.delays(10, 15)) > 0.08
    assert max(run.delays(35)) <= 0.055


def test_delay_falls_by_frames_that_the_next_one_is_faded_into() -> None:
    packets = network(40, jitter=lambda when, rng: rng.random() * (0.09 if when < 15 else 0.001))
    run = play(packets, 40)
    times = [when for when, frame, _ in run.pulls if frame.skipped is not None]
    assert times
    assert all(b - a >= 0.099 for a, b in itertools.pairwise(times))
    for _, frame, _ in run.pulls:
        if frame.skipped is not None:
            assert index_of(frame.skipped) < index_of(frame.payload)


def test_what_a_pause_of_this_process_left_is_made_good_by_one_cut() -> None:
    run = play(network(10), 10, paused=pause(5.0, 5.12))
    cuts = [when for when, frame, _ in run.pulls if frame.skipped is not None]
    assert len(cuts) == 1
    assert 5.1 < cuts[0] < 5.3
    assert max(run.delays(cuts[0] + TICK, 10)) <= run.buffer.target + 0.035
    assert run.buffer.counters.dropped <= 6


def test_a_route_that_became_longer_is_followed() -> None:
    packets = network(40, jitter=lambda when, _rng: 0.0 if when < 10 else 0.15)
    run = play(packets, 40)
    assert set(run.kinds(35)) == {Kind.PACKET}
    assert max(run.delays(35)) <= 0.055


def test_one_late_packet_leaves_no_delay_behind() -> None:
    packets = network(30, jitter=lambda when, _rng: 0.19 if abs(when - 5) < 0.001 else 0.0)
    run = play(packets, 30)
    assert max(run.delays(6)) <= 0.055


@pytest.mark.parametrize("extra", [0.02, 0.04, 0.08])
@pytest.mark.parametrize("most", [0.0, 0.02])
def test_delay_grows_by_what_is_asked_for_and_goes_back(extra: float, most: float) -> None:
    def asked(when: float, buffer: JitterBuffer) -> None:
        buffer.extra = extra if 20 <= when < 40 else 0.0

    run = play(network(60, jitter=uniform(most)), 60, before_pull=asked)
    plain, longer, back = (statistics.mean(run.delays(t, t + 15)) for t in (5, 25, 45))
    assert longer - plain == pytest.approx(extra, abs=0.016)  # in whole frames
    assert back <= plain + TICK + 0.001  # within the band, until the next talk spurt
    assert run.buffer.lost == run.buffer.counters.fec == 0


def test_what_is_asked_for_keeps_within_the_bounds_of_delay() -> None:
    def asked(_when: float, buffer: JitterBuffer) -> None:
        buffer.extra = 10.0

    run = play(network(20, jitter=uniform(0.06)), 20, before_pull=asked)
    assert run.buffer.target == limits.JITTER_TARGET_MAX
    assert max(run.delays(2)) <= limits.JITTER_CAP


def test_the_position_is_that_of_the_frame_that_was_given_out() -> None:
    positions: list[tuple[int | None, Frame]] = []
    buffer, first = JitterBuffer(), 0xFFFFFFFF - 40 * FRAME
    assert buffer.position is None
    for packet in network(4, first_ts=first, loss=0.05, speaking=lambda when: not 2 < when < 2.5):
        buffer.push(packet.seq, packet.ts, payload(packet.index), packet.arrival)
        frame = buffer.pull(packet.arrival + 0.011)
        positions.append((buffer.position, frame))
    for position, frame in positions:
        if frame.kind is Kind.PACKET:
            assert position == (first + index_of(frame.payload) * FRAME) & 0xFFFFFFFF
        elif frame.kind is Kind.FEC:
            assert position == (first + (index_of(frame.payload) - 1) * FRAME) & 0xFFFFFFFF
    while buffer.pull(packet.arrival + 1).kind is not Kind.SILENCE:
        assert buffer.position is not None
    assert buffer.position is None


# --- Pauses ------------------------------------------------------------------------------------------


def test_a_paused_receiver_is_back_at_its_target_within_2_s() -> None:
    for length in (0.1, 0.3, 1.0, 5.0):
        run = play(network(20), 20, paused=pause(10, 10 + length))
        assert max(run.delays(12 + length)) <= 0.055, length
        assert set(run.kinds(12 + length)) == {Kind.PACKET}


def test_a_network_that_stalls_and_delivers_at_once_leaves_no_delay_behind() -> None:
    packets = network(30, jitter=lambda when, _rng: max(0.0, 11.5 - when) if when > 10 else 0.0)
    run = play(packets, 30)
    assert max(run.delays(12)) <= limits.JITTER_TARGET_MAX + 0.035
    assert max(run.delays(22)) <= 0.055
    assert set(run.kinds(13)) == {Kind.PACKET}


def test_a_sender_that_paused_is_heard_again_at_once() -> None:
    run = play(network(20, speaking=lambda when: not 10 <= when < 13), 20)
    assert set(run.kinds(13.1)) == {Kind.PACKET}
    assert run.buffer.lost == 0


def test_while_nobody_pulls_the_oldest_are_dropped() -> None:
    buffer = JitterBuffer()
    for n in range(200):
        buffer.push(n, n * FRAME, payload(n), n * TICK)
        assert buffer.held <= limits.JITTER_PACKETS_MAX
    assert buffer.counters.dropped == 200 - limits.JITTER_PACKETS_MAX
    frame = buffer.pull(200 * TICK)
    assert index_of(frame.payload) >= 200 - limits.JITTER_PACKETS_MAX


# --- Silence -----------------------------------------------------------------------------------------


def spurts(when: float) -> bool:
    return when % 2.0 < 0.7


def test_talk_spurts_are_played_whole_and_silence_is_no_loss() -> None:
    run = play(network(20, speaking=spurts, jitter=uniform(0.01)), 20.2)
    sent = {p.index for p in network(20, speaking=spurts)}
    assert set(run.played()) == sent
    assert run.buffer.lost == run.buffer.counters.fec == run.buffer.counters.dropped == 0


def test_an_announced_silence_is_not_concealed() -> None:
    buffer = JitterBuffer()
    kinds = []
    for n in range(100):
        now = n * TICK
        if n < 50:
            buffer.push(n, n * FRAME, payload(n) if n < 49 else b"\x08", now)
        kinds.append(buffer.pull(now + 0.001).kind)
    assert kinds.count(Kind.CONCEAL) == 0
    assert kinds[-20:] == [Kind.SILENCE] * 20


def test_a_talk_spurt_starts_at_the_target() -> None:
    run = play(network(60, speaking=spurts, jitter=uniform(0.04)), 60)
    starts = [
        b[2]
        for a, b in itertools.pairwise(run.pulls)
        if a[1].kind is Kind.SILENCE and b[1].kind is Kind.PACKET and b[0] > 20
    ]
    assert len(starts) >= 15
    assert all(0.05 < delay < 0.085 for delay in starts)


# --- New timelines ------------------------------------------------------------------------------------


def test_a_stream_that_starts_anew_is_played_on() -> None:
    old = network(5)
    new = [Packet(p.arrival + 5, p.seq + 9000, p.ts + 12345678, p.index + 1000) for p in network(5)]
    run = play([*old, *new], 10)
    assert run.buffer.counters.resets == 1
    assert len([i for i in run.played() if i >= 1000]) > 240
    assert max(run.delays(7)) <= 0.055


def test_a_stream_whose_timestamps_go_back_is_played_on_after_a_second() -> None:
    old = network(5, first_ts=10_000_000)
    new = [Packet(p.arrival + 5, p.seq + 250, p.ts + 100, p.index + 1000) for p in network(5)]
    run = play([*old, *new], 10)
    assert run.buffer.counters.resets == 1
    assert len([i for i in run.played() if i >= 1000]) >= 195


def test_a_forged_packet_moves_nothing() -> None:
    packets = network(6)
    packets.append(Packet(3.001, 40_000, 0x80000000, 9999))
    run = play(sorted(packets, key=lambda p: p.arrival), 6)
    assert run.buffer.counters.resets == 0
    assert 9999 not in run.played()
    assert set(run.kinds(1)) == {Kind.PACKET}


# --- Where delay is changed -------------------------------------------------------------------------


def quiet_at(when: float) -> bool:
    """A pause of 0.2 s after each 0.7 s of speech."""
    return when % 0.9 >= 0.7


def calming(when: float, rng: random.Random) -> float:
    """Jitter that comes and goes every 20 s."""
    return rng.random() * (0.06 if int(when / 20) % 2 else 0.01)


def test_with_pauses_nothing_is_cut_out_of_speech() -> None:
    packets = network(200, jitter=calming)
    without, run = play(packets, 200), play(packets, 200, quiet=quiet_at)
    cut = [index_of(frame.skipped) for _, frame, _ in run.pulls if frame.skipped is not None]
    assert len(cut) >= 4
    assert all(quiet_at(index * TICK) for index in cut)
    assert not all(
        quiet_at(index_of(frame.skipped) * TICK) for _, frame, _ in without.pulls if frame.skipped is not None
    )


def test_delay_shrinks_sooner_and_further_in_pauses() -> None:
    packets = network(200, jitter=calming)
    without, run = play(packets, 200), play(packets, 200, quiet=quiet_at)
    assert statistics.mean(run.delays()) <= statistics.mean(without.delays())
    for calm in range(40, 200, 40):  # jitter was forgotten in the first half of it
        assert max(run.delays(calm + 12, calm + 20)) <= run.buffer.target + 0.03
        assert max(run.delays(calm + 12, calm + 20)) <= max(without.delays(calm + 12, calm + 20))


def test_on_a_network_that_loses_a_lost_frame_costs_no_time() -> None:
    run = play(network(120, loss=0.1, jitter=uniform(0.02)), 120)
    assert run.buffer.counters.inserted <= 6  # before loss was known
    assert max(run.delays(30)) - min(run.delays(30)) < 2 * TICK


def test_delay_never_ratchets_whatever_happens_in_between() -> None:
    """Ten times everything that makes delay grow, one after the other; each time it comes back."""

    def jitter(when: float, rng: random.Random) -> float:
        into = when % 60
        if into < 5:
            return rng.random() * 0.15
        if 10 <= into < 11:
            return max(0.0, 11 - into)  # a stall, and everything at once
        if 20 <= into < 20.3:
            return 0.19
        return rng.random() * 0.01

    def paused(when: float) -> float:
        into = when % 60
        return when - into + 30.7 if 30 <= into < 30.7 else when

    packets = network(600, loss=0.02, jitter=jitter, speaking=lambda when: not 35 <= when % 60 < 38)
    run = play(packets, 600, paused=paused)
    ends = [statistics.mean(run.delays(minute * 60 + 50, minute * 60 + 60)) for minute in range(10)]
    assert max(ends) - min(ends) <= TICK
    assert max(ends) <= 0.06
    assert max(run.delays()) <= limits.JITTER_CAP + 1e-9


# --- Packets that don't belong ----------------------------------------------------------------------


def heard(run: Run, first: float, last: float) -> float:
    """Share of the frames in a span of time that were played from their packets."""
    kinds = run.kinds(first, last)
    return kinds.count(Kind.PACKET) / len(kinds)


@pytest.mark.parametrize("longer", [0.25, 0.5, 0.9, 1.5])
def test_a_route_that_became_longer_by_more_than_the_cap_is_followed_within_half_a_second(
    longer: float,
) -> None:
    packets = network(20, jitter=lambda when, _rng: 0.0 if when < 10 else longer)
    run = play(packets, 20)
    assert heard(run, 10 + longer + 0.5, 20) == 1.0
    assert max(run.delays(12.5)) <= 0.055
    assert run.buffer.counters.resets == 1


@pytest.mark.parametrize("leap", [0.25, 0.5, 0.9, -0.25, -0.5, -0.9, 3600.0])
def test_timestamps_that_leap_are_followed_within_a_second_and_a_half(leap: float) -> None:
    """A sender whose clock was set, or that slept: sequence numbers go on."""
    samples = round(leap * limits.SOUND_RATE)
    packets = [
        Packet(p.arrival, p.seq, (p.ts + samples) & 0xFFFFFFFF if p.arrival > 10 else p.ts, p.index)
        for p in network(20, first_ts=50_000_000)
    ]
    run = play(packets, 20)
    assert heard(run, 11.6, 20) == 1.0
    assert max(run.delays(12)) <= 0.055
    assert run.buffer.lost <= limits.JITTER_STRAYS_BACK


@pytest.mark.parametrize("ahead", [0.3, 0.9, 5.0])
def test_one_packet_from_the_future_silences_nothing(ahead: float) -> None:
    packets = network(6)
    forged = Packet(3.001, 151, 150 * FRAME + round(ahead * limits.SOUND_RATE), 9999)
    run = play(sorted([*packets, forged], key=lambda p: p.arrival), 6)
    assert run.buffer.counters.resets == 0
    assert heard(run, 1, 6) == 1.0


@pytest.mark.parametrize("ahead", [300, 20_000, 40_000])
def test_one_wild_sequence_number_neither_silences_nor_counts_as_loss(ahead: int) -> None:
    packets = network(6)
    forged = Packet(3.001, (150 + ahead) & 0xFFFF, 151 * FRAME + 5, 9999)
    run = play(sorted([*packets, forged], key=lambda p: p.arrival), 6)
    assert heard(run, 1, 6) == 1.0
    assert run.buffer.lost == 0
    assert 9999 not in run.played()


@pytest.mark.parametrize("seq", [0, 30_000, 40_000, 65_000])
def test_sequence_numbers_that_start_anew_are_followed_at_once(seq: int) -> None:
    """Another connection of the same box: its timestamps go on."""
    packets = [
        Packet(p.arrival, (p.seq + seq) & 0xFFFF if p.index >= 250 else p.seq, p.ts, p.index)
        for p in network(10, first_seq=1000)
    ]
    run = play(packets, 10)
    assert heard(run, 5.3, 10) == 1.0
    assert run.buffer.lost <= limits.JITTER_STRAYS


def test_an_outage_of_a_minute_is_no_new_timeline_and_counts_as_loss() -> None:
    packets = [p for p in network(80) if not 500 <= p.index < 3500]
    run = play(packets, 80)
    assert run.buffer.counters.resets == 0
    assert run.buffer.lost == 3000
    assert heard(run, 70.1, 80) == 1.0


def test_what_a_hostile_sender_sends_is_bounded() -> None:
    """Timestamps one sample apart, a thousand a second: little is kept, and the next honest ones play."""
    buffer = JitterBuffer()
    for n in range(2000):
        buffer.push(n, n, payload(n), n * 0.001)
        if n % 20 == 0:
            buffer.pull(n * 0.001)
        assert buffer.held <= limits.JITTER_PACKETS_MAX
    packets = [Packet(2 + p.arrival, (p.seq + 2000) & 0xFFFF, 96_000 + p.ts, p.index) for p in network(5)]
    kinds = []
    for packet in packets:
        buffer.push(packet.seq, packet.ts, payload(packet.index), packet.arrival)
        kinds.append(buffer.pull(packet.arrival + 0.009).kind)
    assert set(kinds[75:]) == {Kind.PACKET}


# --- Silence that is not sent -----------------------------------------------------------------------


def dtx(seconds: float, *, lose_ends: bool = False, **options: Any) -> list[tuple[Packet, bytes]]:
    """Talk spurts as our sender sends them: a packet of one octet after each, then nothing."""
    made = []
    seq = 0
    packets = network(seconds, speaking=spurts, **options)
    for packet, following in itertools.pairwise([*sorted(packets, key=lambda p: p.index), None]):
        assert packet is not None
        made.append((Packet(packet.arrival, seq & 0xFFFF, packet.ts, packet.index), payload(packet.index)))
        seq += 1
        if following is None or following.index != packet.index + 1:
            if not lose_ends:
                ts = packet.ts + FRAME & 0xFFFFFFFF
                made.append((Packet(packet.arrival + TICK, seq & 0xFFFF, ts, packet.index), b"\x78"))
            seq += 1
    return sorted(made, key=lambda pair: pair[0].arrival)


def play_dtx(
    sent: list[tuple[Packet, bytes]], seconds: float
) -> tuple[JitterBuffer, list[tuple[float, Frame]]]:
    buffer, pulls, coming = JitterBuffer(), [], deque(sent)
    for n in range(int(seconds / TICK)):
        now = 0.011 + n * TICK
        while coming and coming[0][0].arrival <= now:
            packet, data = coming.popleft()
            buffer.push(packet.seq, packet.ts, data, packet.arrival)
        pulls.append((now, buffer.pull(now)))
    return buffer, pulls


@pytest.mark.parametrize("most", [0.0, 0.01, 0.03])
def test_spurts_with_ends_are_whole_and_nothing_is_made_up_after_them(most: float) -> None:
    sent = dtx(60, jitter=uniform(most))
    buffer, pulls = play_dtx(sent, 61)
    played = [index_of(f.payload) for _, f in pulls if f.kind is Kind.PACKET and len(f.payload) > 1]
    settled = [index for index in played if index > 500]
    assert settled == sorted(p.index for p, data in sent if len(data) > 1 and p.index > 500)
    assert buffer.lost == buffer.counters.fec == 0
    assert [f for when, f in pulls if when > 10 and f.kind is Kind.CONCEAL] == []
    assert {f.kind for when, f in pulls if not spurts(when - 0.15) and not spurts(when)} == {Kind.SILENCE}


def test_an_end_that_is_lost_costs_120_ms_of_concealment_and_clips_nothing() -> None:
    sent = dtx(60, lose_ends=True)
    buffer, pulls = play_dtx(sent, 61)
    played = [index_of(f.payload) for _, f in pulls if f.kind is Kind.PACKET]
    assert played == [p.index for p, _ in sent]
    assert max(frame.run for _, frame in pulls) <= limits.CONCEAL_MAX
    assert buffer.lost == len({int(p.index * TICK / 2) for p, _ in sent}) - 1  # the ends, and no more


def test_after_a_long_silence_a_clock_that_drifted_is_met_where_it_is() -> None:
    """Twenty minutes in which nobody spoke, at 50 ppm: 60 ms."""
    for ppm in (50, -50):
        packets = network(1230, speaking=lambda when: when < 10 or when >= 1215, drift_ppm=ppm)
        run = play(packets, 1230)
        assert set(run.kinds(1215.2, 1229)) == {Kind.PACKET}
        delays = run.delays(1215.2, 1229)
        assert 0.02 <= min(delays) <= max(delays) <= 0.055


@pytest.mark.parametrize("silence", [4, 9, 15])
def test_a_few_late_packets_before_a_silence_cut_nothing_out_of_the_next_words(silence: int) -> None:
    """Everybody joins at once: for a fifth of a second every packet is late, and then nobody speaks."""

    def joining(when: float, rng: random.Random) -> float:
        return rng.random() * 0.1 if when < 0.3 else 0.0

    resumed = 0.3 + silence
    packets = network(30, speaking=lambda when: when < 0.26 or when >= resumed, jitter=joining)
    for phase in (0.001, 0.006, 0.011, 0.019):
        run = play(packets, 31, phase=phase)
        spoken = [index for index in run.played() if index * TICK >= resumed]
        assert spoken == [p.index for p in packets if p.index * TICK >= resumed]
        assert max(run.delays(resumed)) <= 0.06


def test_jitter_that_is_known_well_is_expected_of_the_next_words_too() -> None:
    """On a network that is always bad no spurt begins with holes."""
    packets = network(60, speaking=lambda when: when % 6 < 3, jitter=uniform(0.08))
    run = play(packets, 60)
    begins = [n for n, p in enumerate(packets[:-1]) if p.index % 300 < 10]
    played = set(run.played())
    missed = [n for n in begins if packets[n].index >= 300 and packets[n].index not in played]
    assert len(missed) <= len(begins) // 20


# --- For ever ------------------------------------------------------------------------------------------


def test_in_30_minutes_of_drift_loss_and_pauses_delay_does_not_grow() -> None:
    rng = random.Random(5)
    pauses = [(when, when + rng.uniform(0.05, 0.6)) for when in range(60, 1700, 97)]

    def paused(when: float) -> float:
        for first, last in pauses:
            if first <= when < last:
                return last
        return when

    for ppm in (50, -50):
        packets = network(1800, loss=0.01, jitter=uniform(0.005), drift_ppm=ppm)
        run = play(packets, 1800, paused=paused)
        start, end = run.delays(10, 60), run.delays(1740)
        assert abs(sum(end) / len(end) - sum(start) / len(start)) <= 0.02
        assert max(end) <= 0.06


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.01, 0.1, 0.4]),
    most=st.sampled_from([0.0, 0.01, 0.05, 0.15, 0.5]),
    duplicate=st.sampled_from([0.0, 0.1]),
    phase=st.floats(0, 0.0199),
    pauses=st.lists(st.tuples(st.floats(0, 9), st.floats(0.02, 2)), max_size=3),
    first_seq=st.integers(0, 0xFFFF),
    first_ts=st.integers(0, 0xFFFFFFFF),
)
def test_whatever_happened_a_calm_network_is_played_completely_and_soon(
    seed: int,
    loss: float,
    most: float,
    duplicate: float,
    phase: float,
    pauses: list[tuple[float, float]],
    first_seq: int,
    first_ts: int,
) -> None:
    """Ten bad seconds, twenty good ones: the last six are whole, in order, and soon."""

    def paused(when: float) -> float:
        for first, length in sorted(pauses):
            if first <= when < first + length:
                when = first + length
        return when

    packets = network(
        30,
        seed=seed,
        jitter=lambda when, rng: rng.random() * most if when < 10 else 0.0,
        duplicate=duplicate,
        first_seq=first_seq,
        first_ts=first_ts,
    )
    rng = random.Random(seed)
    packets = [p for p in packets if p.arrival > 10 or rng.random() >= loss]
    run = play(packets, 30, phase=phase, paused=paused)
    assert set(run.kinds(24)) == {Kind.PACKET}
    assert max(run.delays(24)) <= 0.0575
    played = run.played()
    assert played == sorted(set(played))
    assert max(run.delays()) <= limits.JITTER_CAP + 1e-9
    assert run.buffer.held <= limits.JITTER_PACKETS_MAX


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.integers(0, 0xFFFF),
            st.integers(0, 0xFFFFFFFF),
            st.binary(max_size=4),
            st.floats(0, 0.5),
        ),
        max_size=80,
    )
)
def test_no_input_breaks_it(steps: list[tuple[bool, int, int, bytes, float]]) -> None:
    buffer = JitterBuffer()
    now = 0.0
    for push, seq, ts, data, later in steps:
        now += later
        if push:
            buffer.push(seq, ts, data, now)
        else:
            frame = buffer.pull(now)
            assert frame.run <= limits.CONCEAL_MAX
        assert buffer.held <= limits.JITTER_PACKETS_MAX
        assert limits.JITTER_TARGET_MIN <= buffer.target <= limits.JITTER_TARGET_MAX
        assert buffer.lost >= 0
