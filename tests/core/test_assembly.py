"""Frame assembly: completion at the marker bit, repair, giving up, and hostile payloads."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.assembly import AssembledFrame, FrameAssembler
from appliance.core.h264 import START_CODE, depacketize, starts_keyframe
from appliance.core.layers import Codec
from appliance.core.rtp import Packet

SPS, PPS = b"\x67sps", b"\x68pps"


@dataclass(frozen=True)
class Rtp:
    seq: int
    timestamp: int
    marker: bool
    payload: bytes
    codec: Codec = Codec.H264


@pytest.fixture(params=list(Codec), ids=lambda codec: codec.value)
def codec(request) -> Codec:
    return request.param


def stap_a(*units: bytes) -> bytes:
    return b"\x78" + b"".join(len(u).to_bytes(2, "big") + u for u in units)


def fu_a(unit: bytes, parts: int) -> list[bytes]:
    body, header = unit[1:], unit[0]
    step = -(-len(body) // parts)
    pieces = [body[i : i + step] for i in range(0, len(body), step)]
    last = len(pieces) - 1
    return [
        bytes((header & 0xE0 | 28, header & 0x1F | (i == 0) << 7 | (i == last) << 6)) + piece
        for i, piece in enumerate(pieces)
    ]


def units_of(number: int, keyframe: bool) -> list[bytes]:
    body = number.to_bytes(4, "big") * 20
    return [SPS, PPS, b"\x65" + body] if keyframe else [b"\x41" + body]


def annex_b(number: int, keyframe: bool) -> bytes:
    return b"".join(START_CODE + unit for unit in units_of(number, keyframe))


def vp8_frame(number: int, keyframe: bool) -> bytes:
    head = b"\x10\x00\x00\x9d\x01\x2a" if keyframe else b"\x11\x00\x00"
    return head + number.to_bytes(4, "big") * 20


def vp8_pieces(frame: bytes, parts: int) -> list[bytes]:
    step = -(-len(frame) // parts)
    return [
        (b"\x00" if start else b"\x10") + frame[start : start + step] for start in range(0, len(frame), step)
    ]


def frame_of(codec: Codec, number: int, keyframe: bool = False) -> bytes:
    return annex_b(number, keyframe) if codec is Codec.H264 else vp8_frame(number, keyframe)


def payloads_of(codec: Codec, number: int, keyframe: bool, parts: int) -> list[bytes]:
    """``parts`` of a picture, and one more in front of a keyframe."""
    if codec is Codec.VP8:
        return vp8_pieces(vp8_frame(number, keyframe), parts + keyframe)
    units = units_of(number, keyframe)
    if keyframe:
        return [stap_a(SPS, PPS), *fu_a(units[2], parts)]
    return fu_a(units[0], parts) if parts > 1 else [units[0]]


def stream(
    frames: int, key_every: int = 0, first_seq: int = 65530, codec: Codec = Codec.H264
) -> list[list[Rtp]]:
    """Frames of 1 to 4 packets; frame 0 and each ``key_every``-th is a keyframe; sequence numbers wrap."""
    out: list[list[Rtp]] = []
    seq = first_seq
    for number in range(frames):
        keyframe = number == 0 or bool(key_every and number % key_every == 0)
        payloads = payloads_of(codec, number, keyframe, 3 if keyframe or number % 3 else 1)
        packets = []
        for i, payload in enumerate(payloads):
            timestamp = (0xFFFFF000 + number * 3000) & 0xFFFFFFFF
            packets.append(Rtp(seq & 0xFFFF, timestamp, i == len(payloads) - 1, payload, codec))
            seq += 1
        out.append(packets)
    return out


def push(
    assembler: FrameAssembler, packet: Rtp, now: float = 0.0, *, repair: bool = False
) -> list[AssembledFrame]:
    arrived = Packet(96, packet.marker, packet.seq, packet.timestamp, 1, packet.payload, repair=repair)
    return assembler.push(arrived, now, packet.codec)


def test_a_frame_is_complete_at_its_marker_bit(codec):
    assembler = FrameAssembler()
    for number, packets in enumerate(stream(8, codec=codec)):
        for packet in packets[:-1]:
            assert push(assembler, packet) == []
        (frame,) = push(assembler, packets[-1])
        assert frame.data == frame_of(codec, number, number == 0)
        assert frame.codec is codec


def test_only_a_frame_that_needs_no_other_is_a_keyframe(codec):
    assembler = FrameAssembler()
    packets = [p for frame in stream(5, key_every=3, codec=codec) for p in frame]
    frames = [f for p in packets for f in push(assembler, p)]
    assert [f.keyframe for f in frames] == [True, False, False, True, False]


def test_reordered_packets_make_the_same_frames_in_order(codec):
    packets = [p for frame in stream(30, codec=codec) for p in frame]
    order = random.Random(1)
    head, tail = packets[:4], packets[4:]
    for i in range(0, len(tail) - 4, 4):
        block = tail[i : i + 4]
        order.shuffle(block)
        tail[i : i + 4] = block
    assembler = FrameAssembler()
    data = [f.data for p in head + tail for f in push(assembler, p)]
    assert data == [frame_of(codec, n, n == 0) for n in range(30)]
    assert assembler.nacks(0.0) == []  # nothing is missing in the end


def test_duplicates_change_nothing(codec):
    assembler = FrameAssembler()
    packets = [p for frame in stream(10, codec=codec) for p in frame]
    data = [f.data for p in packets for _ in range(2) for f in push(assembler, p)]
    assert data == [frame_of(codec, n, n == 0) for n in range(10)]
    assert assembler.counts.duplicates > 0


def test_nothing_comes_out_before_a_keyframe_and_one_is_asked_for_once():
    frames = stream(6)
    assembler = FrameAssembler()
    assert not assembler.keyframe_due(0.0)  # a sender that is silent is not asked
    assert push(assembler, frames[1][0], 1.0) == []
    assert assembler.wants_keyframe
    assert assembler.deadline() is not None
    assert assembler.keyframe_due(1.0)
    assert not assembler.keyframe_due(1.0)
    push(assembler, frames[1][1], 1.1)
    assert not assembler.keyframe_due(1.1)
    assert assembler.keyframe_due(1.0 + limits.PLI_EVERY)


def test_a_hole_is_nacked_after_a_while_then_on_a_timer_up_to_a_limit():
    frames = stream(3)
    assembler = FrameAssembler()
    for packet in (*frames[0], *frames[1][1:]):
        push(assembler, packet, 0.0)
    lost = frames[1][0].seq
    assert assembler.nacks(0.0) == []
    assert assembler.deadline() == limits.NACK_AFTER
    asked, now = 0, 0.0
    while now < limits.GAP_MAX and (due := assembler.deadline()) is not None and due < limits.GAP_MAX:
        now = due
        assert assembler.nacks(now) == [lost]
        assert assembler.nacks(now) == []
        asked += 1
    assert asked == limits.NACK_TRIES_MAX
    assert assembler.deadline() == limits.GAP_MAX


def test_nacks_are_repeated_no_faster_than_a_repair_can_come():
    frames = stream(3)
    assembler = FrameAssembler()
    assembler.rtt = 0.08
    for packet in (*frames[0], *frames[1][1:]):
        push(assembler, packet, 0.0)
    assert assembler.nacks(0.01)
    assert assembler.nacks(0.10) == []
    assert assembler.nacks(0.12)


@pytest.mark.parametrize("repair", [True, False])
def test_only_a_repair_tells_how_quick_repairs_are(repair):
    """A packet that was overtaken comes right after it was asked for, on a path of any length."""
    frames = stream(30)
    assembler = FrameAssembler()
    assembler.rtt = 0.2
    for packet in (*frames[0], *frames[1][1:]):
        push(assembler, packet, 0.0)
    assert assembler.nacks(0.01)
    push(assembler, frames[1][0], 0.011, repair=repair)
    for packet in frames[2][1:]:
        push(assembler, packet, 0.02)
    assert assembler.nacks(0.03)
    assert bool(assembler.nacks(0.1)) is repair


def test_a_repaired_hole_gives_all_frames_behind_it_at_once(codec):
    frames = stream(5, codec=codec)
    assembler = FrameAssembler()
    late = frames[1][1]
    for packet in [p for f in frames for p in f if p is not late]:
        push(assembler, packet)
    assert [f.data for f in push(assembler, late, 0.1)] == [frame_of(codec, n) for n in range(1, 5)]
    assert assembler.deadline() is None
    assert assembler.counts.recovered == 1


def test_a_hole_is_given_up_by_age_and_a_keyframe_wanted(codec):
    frames = stream(12, key_every=10, codec=codec)
    assembler = FrameAssembler()
    for packet in [p for f in frames[:6] for p in f if p is not frames[2][0]]:
        push(assembler, packet, 0.0)
    assert assembler.expire(limits.GAP_MAX - 0.001) == []
    assert not assembler.wants_keyframe
    assert assembler.expire(limits.GAP_MAX) == []
    assert assembler.wants_keyframe
    assert assembler.keyframe_due(limits.GAP_MAX)
    out = [f for frame in frames[6:] for p in frame for f in push(assembler, p, 0.2)]
    assert [f.data for f in out] == [frame_of(codec, 10, True), frame_of(codec, 11)]


def test_giving_up_goes_on_at_a_keyframe_that_came_already(codec):
    frames = stream(12, key_every=5, codec=codec)
    assembler = FrameAssembler()
    for packet in [p for f in frames[:8] for p in f if p is not frames[2][1]]:
        push(assembler, packet, 0.0)
    out = assembler.expire(limits.GAP_MAX)
    assert [f.data for f in out] == [frame_of(codec, n, n == 5) for n in (5, 6, 7)]
    assert not assembler.keyframe_due(1.0)


def test_the_lost_end_of_a_frame_is_asked_for_without_the_next_frame():
    frames = stream(3)
    assembler = FrameAssembler()
    for packet in (*frames[0], frames[1][0]):
        push(assembler, packet, 0.0)
    first, second = frames[1][1:]
    assert assembler.deadline() == limits.NACK_AFTER
    assert assembler.nacks(limits.NACK_AFTER) == [first.seq]
    assert push(assembler, first, 0.01) == []
    assert assembler.nacks(0.01 + limits.NACK_AFTER) == [second.seq]
    assert [f.data for f in push(assembler, second, 0.02)] == [annex_b(1, False)]
    assert assembler.deadline() is None


def test_an_end_that_was_only_late_does_no_harm():
    frames = stream(3)
    assembler = FrameAssembler()
    out = []
    for packet in [p for f in frames for p in f]:
        out += push(assembler, packet, 0.0)
        assembler.nacks(1.0)
        assembler.nacks(1.0)
    assert len(out) == 3
    assert assembler.counts.duplicates == 0


def test_an_outage_is_not_nacked_packet_by_packet():
    frames = stream(400)
    assembler = FrameAssembler()
    for packet in [p for f in frames[:5] for p in f]:
        push(assembler, packet, 0.0)
    push(assembler, frames[300][0], 1.0)
    assert assembler.nacks(2.0) == []
    assert assembler.keyframe_due(1.0)


def test_a_restarted_stream_is_followed():
    assembler = FrameAssembler()
    for packet in [p for f in stream(3, first_seq=100) for p in f]:
        push(assembler, packet)
    out = [f for frame in stream(4, key_every=2, first_seq=40_000) for p in frame for f in push(assembler, p)]
    assert out[-1].data == annex_b(3, False)


def test_a_stray_packet_far_away_changes_nothing():
    frames = stream(4, first_seq=100)
    assembler = FrameAssembler()
    out = [f for p in frames[0] for f in push(assembler, p)]
    assert push(assembler, Rtp(50_000, 0, True, b"\x41x")) == []
    out += [f for frame in frames[1:] for p in frame for f in push(assembler, p)]
    assert len(out) == 4


def test_after_lose_the_next_keyframe_is_waited_for():
    frames = stream(8, key_every=6)
    assembler = FrameAssembler()
    for packet in [p for f in frames[:3] for p in f]:
        push(assembler, packet)
    assembler.lose(1.0)
    assert assembler.keyframe_due(1.0)
    out = [f for frame in frames[3:] for p in frame for f in push(assembler, p, 1.0)]
    assert [f.data for f in out] == [annex_b(6, True), annex_b(7, False)]


def test_a_broken_payload_is_counted_and_decoding_goes_on_at_the_next_keyframe(codec):
    frames = stream(8, key_every=5, codec=codec)
    broken = b"\x78\x00\xff" if codec is Codec.H264 else b"\x90\x80\xff"
    frames[2] = [Rtp(p.seq, p.timestamp, p.marker, broken, codec) for p in frames[2]]
    assembler = FrameAssembler()
    out = [f for frame in frames for p in frame for f in push(assembler, p)]
    assert [f.data for f in out] == [frame_of(codec, n, n in (0, 5)) for n in (0, 1, 5, 6, 7)]
    assert assembler.counts.malformed >= 1


def test_a_sender_may_change_the_codec_at_a_keyframe():
    frames = [*stream(4), *stream(4, codec=Codec.VP8)]
    packets = [Rtp(seq, p.timestamp, p.marker, p.payload, p.codec) for seq, p in enumerate(chain(*frames))]
    assembler = FrameAssembler()
    out = [f for p in packets for f in push(assembler, p)]
    assert [f.codec for f in out] == [Codec.H264] * 4 + [Codec.VP8] * 4
    assert [f.keyframe for f in out] == [True, False, False, False] * 2


def test_two_codecs_in_one_frame_are_malformed():
    packets = [p for frame in stream(2) for p in frame]
    packets[1] = Rtp(packets[1].seq, packets[1].timestamp, False, b"\x00abc", Codec.VP8)
    assembler = FrameAssembler()
    assert [f for p in packets for f in push(assembler, p)] == []
    assert assembler.counts.malformed == 1
    assert assembler.keyframe_due(1.0)


def test_padding_between_frames_is_no_frame_and_no_loss():
    frames = stream(3, first_seq=10)
    packets = list(frames[0])
    packets.append(Rtp(packets[-1].seq + 1, packets[-1].timestamp, False, b""))
    packets += [Rtp(p.seq + 1, p.timestamp, p.marker, p.payload) for p in frames[1]]
    assembler = FrameAssembler()
    out = [f for p in packets for f in push(assembler, p)]
    assert [f.data for f in out] == [annex_b(0, True), annex_b(1, False)]


@pytest.mark.parametrize(
    "payloads",
    [
        [b"\x7c\x05"],  # FU-A without data
        [b"\x7c\x05x"],  # FU-A continues nothing
        [b"\x7c\x85x"],  # FU-A never ends
        [b"\x7c\xc5x"],  # FU-A starts and ends at once
        [b"\x7c\x85x", b"\x41x"],  # FU-A interrupted
        [b"\x7c\x85x", b"\x7c\x41x"],  # FU-A changes its unit type
        [b"\x78"],  # empty STAP-A
        [b"\x78\x00\x00x"],  # STAP-A with an empty unit
        [b"\x78\x00\x09x"],  # STAP-A truncated
        [b"\x79\x00\x01x"],  # STAP-B
        [b"\x7dxx"],  # FU-B
        [b"\x60"],  # unit type 0
    ],
)
def test_depacketize_refuses(payloads):
    with pytest.raises(ValueError, match=r".+"):
        depacketize(payloads)


def test_only_a_parameter_set_starts_a_keyframe():
    assert starts_keyframe(SPS)
    assert starts_keyframe(stap_a(b"\x06sei", SPS, PPS))
    assert starts_keyframe(fu_a(SPS + b"x" * 20, 2)[0])
    assert not any(starts_keyframe(p) for p in (b"", b"\x65x", stap_a(PPS), fu_a(SPS * 9, 2)[1], b"\x7c"))


def decodable(numbers: list[int], keyframes: set[int]) -> bool:
    """Every frame follows its predecessor or is a keyframe."""
    return all(
        b > a and (b == a + 1 or b in keyframes) for a, b in zip([-1, *numbers], numbers, strict=False)
    )


@pytest.mark.parametrize("loss", [0.02, 0.05, 0.10, 0.30])
@pytest.mark.parametrize("rtt", [0.002, 0.030])
@pytest.mark.parametrize("told_rtt", ["true", "far too long"])
def test_random_loss_never_gives_an_undecodable_frame_and_is_mostly_repaired(loss, rtt, told_rtt, codec):
    """A sender at 30/s that answers NACKs and keyframe requests after a round trip, both lossy."""
    rng = random.Random(f"{loss} {rtt}")
    assembler = FrameAssembler()
    assembler.rtt = rtt if told_rtt == "true" else 0.6
    sent: dict[int, Rtp] = {}
    keyframes: set[int] = set()
    events: list[tuple[float, int, str, object]] = []
    shown: list[int] = []
    ids = iter(range(10**9))
    seq, pli = 65_000, True
    frames = 600

    def at(when: float, what: str, value: object) -> None:
        events.append((when, next(ids), what, value))

    for number in range(frames):
        at(number / 30, "frame", number)
    while events:
        events.sort(reverse=True)
        now, _, what, value = events.pop()
        before = assembler.deadline()
        if what == "frame":
            keyframe, pli = pli, False
            if keyframe:
                keyframes.add(value)
            payloads = payloads_of(codec, value, keyframe, 5 if keyframe else 2)
            for i, payload in enumerate(payloads):
                packet = Rtp(seq & 0xFFFF, value * 3000, i == len(payloads) - 1, payload, codec)
                sent[packet.seq] = packet
                seq += 1
                if rng.random() >= loss:
                    at(now + rtt / 2 + rng.random() * 0.002, "packet", packet)
        elif what == "resend":
            for number in value:
                if rng.random() >= loss:
                    at(now + rtt / 2, "repair", sent[number])
        elif what == "pli":
            pli = True
        elif what in ("packet", "repair"):
            shown += [f.timestamp // 3000 for f in push(assembler, value, now, repair=what == "repair")]
        shown += [f.timestamp // 3000 for f in assembler.expire(now)]
        if (lost := assembler.nacks(now)) and rng.random() >= loss:
            at(now + rtt / 2, "resend", lost)
        if assembler.keyframe_due(now) and rng.random() >= loss:
            at(now + rtt / 2, "pli", None)
        due = assembler.deadline()
        if due is not None and due != before:
            at(max(due, now), "timer", None)
    assert decodable(shown, keyframes)
    assert len(shown) >= frames * (0.97 if loss <= 0.1 else 0.5)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 65535),
            st.integers(0, 2**32 - 1),
            st.booleans(),
            st.binary(max_size=40),
            st.floats(0, 0.3),
            st.sampled_from(Codec),
        ),
        max_size=60,
    )
)
def test_nothing_raises_whatever_comes(packets):
    assembler = FrameAssembler()
    now = 0.0
    for seq, timestamp, marker, payload, step, codec in packets:
        now += step
        assembler.push(Packet(96, marker, seq, timestamp, 1, payload), now, codec)
        assembler.expire(now)
        assembler.nacks(now)
        assembler.keyframe_due(now)
        assembler.deadline()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-300, 300), st.sampled_from([b"\x41x", SPS, b"\x7c\x85x"])), max_size=400)
)
def test_what_is_kept_is_bounded(steps):
    assembler = FrameAssembler()
    seq = 0
    for step, payload in steps:
        seq += step
        assembler.push(Packet(96, False, seq & 0xFFFF, 0, 1, payload), 0.0)
        assert len(assembler._packets) <= limits.ASSEMBLY_PACKETS_MAX
        assert len(assembler._missing) <= limits.MISSING_MAX
