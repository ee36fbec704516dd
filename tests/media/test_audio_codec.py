"""Opus, the mix with its limiter, and one peer's sound from packets to frames."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from appliance.core import limits
from appliance.media.audio import opus
from appliance.media.audio.level import level_dbov
from appliance.media.audio.mixer import CEILING, Mixer
from appliance.media.audio.receive import PeerSound
from appliance.media.audio.ring import Doorbell, Ring, Samples

FRAME = limits.SOUND_FRAME
TICK = 0.02


def tone(n: int, amplitude: float = 8000.0, hz: float = 300.0) -> Samples:
    t = (np.arange(FRAME) + n * FRAME) / limits.SOUND_RATE
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def syllable(n: int) -> Samples:
    """Loud and soft as speech is, so that the encoder takes it for speech."""
    return tone(n, 8000.0 if n % 13 > 2 else 400.0, 200.0 + 40 * (n % 7))


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


# --- Opus ---------------------------------------------------------------------------------------


def test_a_packet_is_20_ms_at_about_32_kbit_per_second() -> None:
    encoder = opus.Encoder()
    packets = [encoder.encode(syllable(n)) for n in range(250)]
    assert all(opus.packet_samples(packet) == FRAME for packet in packets)
    assert 20_000 < sum(map(len, packets)) * 8 / 5 < 40_000


def test_speech_carries_fec_and_none_is_spent_when_no_loss_is_expected() -> None:
    expecting, calm = opus.Encoder(loss=10), opus.Encoder(loss=0)
    with_fec = sum(opus.has_fec(expecting.encode(syllable(n))) for n in range(250))
    without = sum(opus.has_fec(calm.encode(syllable(n))) for n in range(250))
    assert with_fec > 200
    assert without == 0


def test_a_lost_frame_recovered_from_its_successor_is_nearer_than_a_concealed_one() -> None:
    errors = {"fec": 0.0, "conceal": 0.0}
    for how in errors:
        encoder, decoder, whole = opus.Encoder(), opus.Decoder(), opus.Decoder()
        packets = [encoder.encode(syllable(n)) for n in range(250)]
        for n, packet in enumerate(packets):
            right = whole.decode(packet).astype(np.int32)
            if n % 10 == 5:
                heard = decoder.recover(packets[n + 1]) if how == "fec" else decoder.conceal()
                errors[how] += float(np.sum((heard - right) ** 2.0))
            else:
                decoder.decode(packet)
    assert errors["fec"] < 0.5 * errors["conceal"]


def test_with_dtx_silence_shrinks_to_next_to_nothing() -> None:
    def tail(dtx: bool) -> list[int]:
        encoder = opus.Encoder(dtx=dtx)
        frames = [syllable(n) for n in range(50)] + [np.zeros(FRAME, np.int16)] * 50
        return [len(encoder.encode(frame)) for frame in frames][-20:]

    assert min(tail(True)) <= 2
    assert min(tail(False)) > 2


def test_after_a_reset_nothing_of_the_sound_before_is_encoded() -> None:
    loudness = {}
    for reset in (True, False):
        encoder, listener = opus.Encoder(), opus.Decoder()
        for n in range(50):
            encoder.encode(syllable(n))
        if reset:
            encoder.reset()
        loudness[reset] = rms(listener.decode(encoder.encode(np.zeros(FRAME, np.int16))))
    assert loudness[True] < 2
    assert loudness[False] > 100  # the encoder looks ahead: 6.5 ms of what came before are still in it


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"", 0),
        (b"\x78", 960),  # hybrid, 20 ms, one frame
        (b"\x79ab", 1920),  # two frames
        (b"\x7b", 0),  # "some frames", and no word on how many
        (b"\x7b\x03abc", 2880),
        (b"\xf8abc", 960),  # CELT, 20 ms
        (b"\xe0abc", 120),
        (b"\x18abc", 2880),  # SILK, 60 ms
        (b"\x78" * 1276, 0),  # longer than any frame
    ],
)
def test_how_long_a_packet_lasts(packet: bytes, samples: int) -> None:
    assert opus.packet_samples(packet) == samples


def test_a_packet_that_libopus_refuses_is_concealed() -> None:
    decoder = opus.Decoder()
    assert len(decoder.decode(b"\x7b\x00")) == FRAME


# --- The mix -------------------------------------------------------------------------------------


def test_a_mix_below_the_ceiling_is_the_sum() -> None:
    a, b = tone(0), tone(3)
    assert np.array_equal(Mixer().mix([a, b]), a + b)
    assert not Mixer().mix([]).any()


def test_a_mix_of_fifteen_loud_peers_stays_below_the_ceiling_without_flat_tops() -> None:
    mixer = Mixer()
    mixes = [mixer.mix([tone(n, 20_000.0, 200.0 + 31 * k) for k in range(15)]) for n in range(100)]
    assert all(np.abs(mix).max() <= CEILING for mix in mixes)
    settled = np.concatenate(mixes[5:])
    assert np.count_nonzero(np.abs(settled) == CEILING) < 0.005 * len(settled)
    assert rms(settled) > 3000


def test_the_limiter_lets_go_slowly_and_completely() -> None:
    mixer = Mixer()
    mixer.mix([tone(0, 30_000.0)] * 3)
    after = [rms(mixer.mix([tone(n)])) / rms(tone(n)) for n in range(1, 60)]
    assert after[0] < 0.5
    assert all(b >= a - 0.01 for a, b in itertools.pairwise(after))
    assert after[-1] == 1.0


# --- Levels, ring and doorbell --------------------------------------------------------------------


def test_levels_are_those_of_rfc_6464() -> None:
    assert level_dbov(np.zeros(FRAME, np.int16)) == 127
    assert level_dbov(np.full(FRAME, -32768, np.int16)) == 0
    assert level_dbov(tone(0, 32767.0)) == 3
    assert level_dbov(tone(0, 3276.7)) == 23


def test_a_ring_gives_back_what_was_put_in_and_overwrites_the_oldest() -> None:
    ring = Ring(1000)
    out = np.zeros(300, np.int16)
    for first in range(0, 6000, 300):
        ring.put(np.arange(first, first + 300, dtype=np.int16))
        assert ring.take(out) == 300
        assert out[0] == first
        assert out[-1] == first + 299
    ring.put(np.arange(900, dtype=np.int16))
    ring.put(np.arange(900, 1500, dtype=np.int16))
    assert ring.fill == 1000
    assert ring.take(out) == 300
    assert out[0] == 500
    ring.clear()
    assert ring.take(out) == 0


def test_a_doorbell_that_rang_twice_opens_once() -> None:
    bell = Doorbell()
    bell.ring()
    bell.ring()
    assert bell.wait(0)
    assert not bell.wait(0)


# --- One peer -------------------------------------------------------------------------------------


def packets(count: int) -> list[bytes]:
    encoder = opus.Encoder()
    return [encoder.encode(syllable(n)) for n in range(count)]


def test_a_peer_is_heard_as_loud_as_it_spoke_and_its_level_is_what_its_header_says() -> None:
    peer = PeerSound("b")
    heard = []
    now = 0.0
    for n, packet in enumerate(packets(100)):
        now = n * TICK
        peer.push(n, n * FRAME, packet, now, 25)
        heard.append(peer.pull(now + 0.005))
    frames = [frame for frame in heard if frame is not None]
    assert len(frames) >= 95
    sent = np.concatenate([syllable(n) for n in range(len(frames))])
    assert rms(np.concatenate(frames)) == pytest.approx(rms(sent), rel=0.1)
    stats = peer.stats()
    assert (stats["received"], stats["lost"], stats["concealed"], stats["malformed"]) == (100, 0, 0, 0)


def test_a_peer_without_levels_in_its_headers_has_those_of_its_sound() -> None:
    peer = PeerSound("b")
    assert peer.level_dbov == 127
    for n, packet in enumerate(packets(30)):
        peer.push(n, n * FRAME, packet, n * TICK)
        peer.pull(n * TICK + 0.005)
    assert 10 <= peer.level_dbov <= 50


def test_a_peer_that_stopped_is_silent_after_a_fade() -> None:
    peer = PeerSound("b")
    heard = []
    for n, packet in enumerate(packets(50)):
        peer.push(n, n * FRAME, packet, n * TICK)
        heard.append(peer.pull(n * TICK + 0.005))
    heard += [peer.pull(n * TICK + 0.005) for n in range(50, 70)]
    assert heard[-1] is None
    assert peer.level_dbov == 127
    last = next(frame for frame in reversed(heard) if frame is not None)
    assert abs(int(last[-1])) <= 2


def test_after_a_frame_put_in_the_sound_goes_on_exactly_as_it_was_sent() -> None:
    peer, straight = PeerSound("b"), opus.Decoder()
    sent = packets(100)
    right = [straight.decode(packet) for packet in sent]
    heard = []
    for n in range(100):
        if n not in (60, 61):
            peer.push(n, n * FRAME, sent[n], n * TICK)
        heard.append(peer.pull(n * TICK + 0.008))
        if n == 61:  # number 60 is overdue by now
            peer.push(60, 60 * FRAME, sent[60], n * TICK + 0.01)
            peer.push(61, 61 * FRAME, sent[61], n * TICK + 0.01)
    assert peer.stats()["inserted"] == 1
    assert peer.stats()["late"] == 0
    frames = [frame for frame in heard if frame is not None]
    settled = frames[-20:]
    at = next(n for n in range(60, 100) if np.array_equal(right[n], settled[0]))
    assert all(np.array_equal(a, b) for a, b in zip(settled, right[at:], strict=False))


def test_frames_left_out_to_catch_up_leave_no_click() -> None:
    """After a pause of the network the backlog is worked off; no step is steeper than the tone is."""
    peer = PeerSound("b")
    encoder = opus.Encoder()
    heard: list[Samples] = []
    for n in range(400):
        late = 0.15 if n < 100 and n % 3 == 0 else 0.0
        peer.push(n, n * FRAME, encoder.encode(tone(n)), n * TICK + late)
        frame = peer.pull(n * TICK + 0.01 + late)
        if frame is not None:
            heard.append(frame)
    assert peer.stats()["dropped"] >= 1
    steps = np.abs(np.diff(np.concatenate(heard[20:]).astype(np.int32)))
    assert steps.max() < 3 * 8000 * 2 * np.pi * 300 / limits.SOUND_RATE


def test_anything_but_a_20_ms_packet_is_dropped_and_counted() -> None:
    peer = PeerSound("b")
    for payload in (b"", b"\x7b", b"\x79ab", b"\xe0abc", b"\x78" * 2000):
        peer.push(1, 1, payload, 0.0)
    assert peer.stats()["malformed"] == 5
    assert peer.stats()["received"] == 0


def test_what_is_heard_is_told_by_its_timestamp_and_with_what_is_behind_the_mix() -> None:
    peer, first = PeerSound("b"), 2**32 - 30 * FRAME
    assert peer.heard is None
    told = []
    for n, packet in enumerate(packets(100)):
        if n != 60:  # concealed or recovered: it is heard all the same
            peer.push(n, (first + n * FRAME) & 0xFFFFFFFF, packet, n * TICK)
        peer.pull(n * TICK + 0.008, 0.15)
        told.append(peer.heard)
    heard = [one for one in told if one is not None]
    assert len(heard) >= 95
    for (timestamp, at), (following, later) in itertools.pairwise(dict.fromkeys(heard)):
        assert (following - timestamp) & 0xFFFFFFFF == FRAME
        assert TICK - 1e-9 <= later - at <= 2 * TICK + 1e-9  # a frame put in makes two of one
    last = heard[-1]
    captured = ((last.timestamp - first) & 0xFFFFFFFF) / limits.SOUND_RATE
    delay = last.at - captured - 0.15 - limits.OPUS_DELAY
    assert delay == pytest.approx(peer.stats()["buffer_ms"] / 1000, abs=0.001)


def test_nothing_is_heard_in_silence_or_of_a_peer_that_is_muted_here() -> None:
    peer = PeerSound("b")
    for n, packet in enumerate(packets(50)):
        peer.push(n, n * FRAME, packet, n * TICK)
        peer.pull(n * TICK + 0.005)
        peer.silenced = n >= 30
    heard = peer.heard
    assert heard is not None
    assert heard.at < 0.7
    peer.silenced = False
    told = []
    for n in range(50, 70):
        peer.pull(n * TICK + 0.005)
        told.append(peer.heard)
    assert told[0] != heard  # the last sound is concealed, and then there is none
    assert len(set(told[10:])) == 1


def test_opus_looks_ahead_as_far_as_is_counted_on() -> None:
    encoder, decoder = opus.Encoder(), opus.Decoder()
    sent = [syllable(n) for n in range(100)]
    out = np.concatenate([decoder.decode(encoder.encode(frame)) for frame in sent]).astype(np.float64)
    part = np.concatenate(sent)[24_000:72_000].astype(np.float64)
    fit = [float(part @ out[24_000 + delay : 72_000 + delay]) for delay in range(960)]
    assert int(np.argmax(fit)) == pytest.approx(limits.OPUS_DELAY * limits.SOUND_RATE, abs=24)
