"""One peer's sound where talk spurts begin and end, and what its levels are good for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from appliance.core import limits
from appliance.media.audio import opus
from appliance.media.audio.receive import PeerSound
from appliance.media.audio.ring import Samples

FRAME = limits.SOUND_FRAME
TICK = 0.02
END = b"\x78"  # a frame of no octets: silence from here, RFC 6716 section 3.2.1


def tone(n: int, amplitude: float = 8000.0, hz: float = 300.0) -> Samples:
    t = (np.arange(FRAME) + n * FRAME) / limits.SOUND_RATE
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def spurts(
    peer: PeerSound, lengths: list[int], pause: int, *, ends: bool
) -> tuple[list[Samples | None], list[Samples]]:
    """Have a peer speak so many frames at a time; return what is pulled 8 ms after each frame was sent, and
    what a decoder makes of the spurts as if there were nothing between them.
    """
    encoder, straight, seq, at, heard, right = opus.Encoder(), opus.Decoder(), 0, 0, [], []
    for length in lengths:
        for n in range(length + pause):
            now = (at + n) * TICK
            if n < length:
                packet = encoder.encode(tone(at + n))
                peer.push(seq, (at + n) * FRAME, packet, now, 15)
                right.append(straight.decode(packet))
                seq += 1
            elif n == length:
                if ends:
                    peer.push(seq, (at + n) * FRAME, END, now, 127)
                seq += 1
            heard.append(peer.pull(now + 0.008))
        at += length + pause
    return heard, right


def loudness(frame: Samples | None) -> float:
    return 0.0 if frame is None else float(np.sqrt(np.mean(frame.astype(np.float64) ** 2)))


@pytest.mark.parametrize("ends", [True, False], ids=["announced", "lost end"])
def test_a_spurt_ends_in_a_fade_and_the_next_one_begins_whole(ends: bool) -> None:
    peer = PeerSound("b")
    heard, right = spurts(peer, [40, 40, 40], 50, ends=ends)
    for start, first in ((90, 40), (180, 80)):
        spurt = [frame for frame in heard[start : start + 90] if frame is not None]
        made_up = 1 if ends else limits.CONCEAL_MAX + 2  # up to two of them make time for what may come
        assert 40 <= len(spurt) <= 40 + made_up
        for n in range(1, 40):  # the first one is faded in
            assert np.array_equal(spurt[n], right[first + n])
        assert np.abs(spurt[-1][-10:]).max() < 300
    stats = peer.stats()
    assert stats["lost"] == (0 if ends else 2)  # the last one's end is not known to be missing
    assert (stats["dropped"], stats["late"], stats["resets"]) == (0, 0, 0)
    assert ends == (stats["concealed"] == 0)


def test_between_spurts_there_is_silence_that_costs_nothing() -> None:
    heard, _ = spurts(PeerSound("b"), [40, 40], 50, ends=True)
    assert all(frame is None for frame in heard[45:90])


def test_the_end_of_a_spurt_that_overtook_its_last_packet_cuts_nothing_off() -> None:
    peer, encoder = PeerSound("b"), opus.Encoder()
    arrivals = [(n * TICK, n, encoder.encode(tone(n))) for n in range(40)]
    arrivals[39] = (40 * TICK + 0.005, 39, arrivals[39][2])
    arrivals.append((40 * TICK, 40, END))
    heard = []
    for k in range(60):
        now = k * TICK + 0.008
        for at, n, data in sorted(arrivals):
            if now - TICK < at <= now:
                peer.push(n, n * FRAME, data, at)
        heard.append(peer.pull(now))
    assert peer.stats()["late"] == peer.stats()["concealed"] == peer.stats()["lost"] == 0
    assert sum(loudness(frame) > 3000 for frame in heard) >= 39


def cuts(levels: list[int]) -> list[int]:
    """Have jitter end in a talk with such levels; return the frames that were left out."""
    peer, encoder, out = PeerSound("b"), opus.Encoder(), []
    packets = [encoder.encode(tone(n)) for n in range(1200)]
    late = [0.06 if n < 300 and n % 4 == 0 else 0.0 for n in range(len(packets))]
    arrivals = sorted((n * TICK + late[n], n) for n in range(len(packets)))
    coming = iter(arrivals)
    following = next(coming, None)
    for k in range(len(packets)):
        now = k * TICK + 0.008
        while following is not None and following[0] <= now:
            at, n = following
            peer.push(n, n * FRAME, packets[n], at, levels[n % len(levels)])
            following = next(coming, None)
        before, waiting = peer.stats()["dropped"], sorted(peer._buffer._packets)
        peer.pull(now)
        if peer.stats()["dropped"] > before:
            out.append(waiting[0] // FRAME)
    return out


def test_delay_is_taken_out_where_the_levels_say_that_nobody_speaks() -> None:
    talk = [20] * 30 + [60] * 10
    found = cuts(talk)
    assert found
    assert all(talk[n % len(talk)] == 60 for n in found)
    assert cuts([20])  # who never pauses is not spared


def test_quiet_is_what_is_quiet_for_this_voice() -> None:
    """A soft voice is no pause, and a noisy room's pauses are some."""
    for speech, pause in ((50, 85), (12, 45)):
        talk = [speech] * 30 + [pause] * 10
        assert all(talk[n % len(talk)] == pause for n in cuts(talk))


def test_a_spurts_end_has_no_click() -> None:
    heard, _ = spurts(PeerSound("b"), [40, 40], 50, ends=True)
    whole = np.concatenate([np.zeros(FRAME, np.int16) if frame is None else frame for frame in heard[5:]])
    steps = np.abs(np.diff(whole.astype(np.int32)))
    assert steps.max() < 3 * 8000 * 2 * np.pi * 300 / limits.SOUND_RATE
    assert any(frame is None for frame in heard[40:])
    assert all(a is None or b is None or len(a) == len(b) for a, b in itertools.pairwise(heard))
