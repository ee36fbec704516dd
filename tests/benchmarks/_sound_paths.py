"""From microphone to mix on a simulated network and clock: our parts, and those of plain aiortc.

Both get the same `Trace`, both play to a sound card that takes 20 ms every 20 ms, and both give back what it
played. Real are the encoders, the packets, the jitter buffers, the decoders and our mix; simulated are the
network and time, so that a run is exact and repeatable.

Plain aiortc: its sender's `OpusEncoder`, the jitter buffer of a real `RTCRtpReceiver` and its `OpusDecoder`;
frames that it hands to a track are played as they come, silence when there is none. A player with a buffer
of its own would have fewer holes and more delay.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
from _speech import FRAME, RATE, Samples
from aiortc import RTCRtpReceiver
from aiortc.codecs.opus import OpusDecoder, OpusEncoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

from appliance.media.audio.level import level_dbov
from appliance.media.audio.mixer import Mixer
from appliance.media.audio.opus import Decoder, Encoder
from appliance.media.audio.receive import PeerSound

TICK = FRAME / RATE
SHORTEST_S = 0.002  # of a packet's ways through the network
PHASE_S = 0.0073  # of the sound card's clock against the microphone's
AFTER_S = 1.0  # played after the last packet was sent
_P95_OF_HALF_NORMAL = 1.96


@dataclass(frozen=True)
class Trace:
    """When each packet arrives, in seconds; None: never. Packet n is sent at (n + 1) * 20 ms."""

    arrivals: tuple[float | None, ...]

    def in_order(self) -> list[tuple[float, int]]:
        """(arrival, number) of the packets that arrive, as they do."""
        return sorted((at, n) for n, at in enumerate(self.arrivals) if at is not None)


def trace(count: int, loss: float, jitter_s: float, seed: int) -> Trace:
    """Independent random loss; delays above the shortest are half-normal with a p95 of ``jitter_s``.

    The longest are twice that and overtake each other: packets are reordered.
    """
    rng = random.Random(seed)
    arrivals: list[float | None] = []
    for n in range(count):
        lost = rng.random() < loss
        delay = SHORTEST_S + abs(rng.gauss(0.0, jitter_s / _P95_OF_HALF_NORMAL))
        arrivals.append(None if lost else (n + 1) * TICK + delay)
    return Trace(tuple(arrivals))


def shortest_delay(block: int, frame: int) -> float:
    """Seconds between the earliest possible arrival of a frame and the block in which it was played."""
    return block * TICK + PHASE_S - (frame + 1) * TICK - SHORTEST_S


@dataclass(frozen=True)
class Path:
    """``heard``: what the sound card played; ``whole``: what it plays of the same packets on a perfect
    network; both one frame of 20 ms a row. ``kbps``: of payload.
    """

    heard: Samples
    whole: Samples
    kbps: float


def ours(frames: Samples, network: Trace, expected_loss: int) -> Path:
    """Encoder, packets, PeerSound and Mixer. ``expected_loss``: percent, as receivers would report it."""
    encoder, perfect = Encoder(loss=expected_loss), Decoder()
    packets = [encoder.encode(frame) for frame in frames]
    levels = [level_dbov(frame) for frame in frames]
    peer, mixer = PeerSound("bench"), Mixer()
    coming = deque(network.in_order())
    heard = []
    for block in range(len(frames) + int(AFTER_S / TICK)):
        now = block * TICK + PHASE_S
        while coming and coming[0][0] <= now:
            at, n = coming.popleft()
            peer.push(n & 0xFFFF, n * FRAME & 0xFFFFFFFF, packets[n], at, levels[n])
        frame = peer.pull(now)
        heard.append(mixer.mix([] if frame is None else [frame]))
    whole = [perfect.decode(packet) for packet in packets]
    return Path(np.array(heard), np.array(whole), _kbps(packets))


def plain(frames: Samples, network: Trace) -> Path:
    """aiortc's encoder, jitter buffer and decoder."""
    packets = _encoded(frames)
    buffer = _jitter_buffer()
    decoder, perfect = OpusDecoder(), OpusDecoder()
    coming = deque(network.in_order())
    waiting: deque[Samples] = deque()
    heard = []
    for block in range(len(frames) + int(AFTER_S / TICK)):
        now = block * TICK + PHASE_S
        while coming and coming[0][0] <= now:
            _, n = coming.popleft()
            packet = RtpPacket(sequence_number=n & 0xFFFF, timestamp=n * FRAME & 0xFFFFFFFF)
            packet._data = packets[n]  # type: ignore[attr-defined]
            _, ready = buffer.add(packet)
            if ready is not None:
                waiting += _decoded(decoder, ready)
        heard.append(waiting.popleft() if waiting else np.zeros(FRAME, np.int16))
    whole = [
        part
        for n, packet in enumerate(packets)
        for part in _decoded(perfect, JitterFrame(data=packet, timestamp=n * FRAME))
    ]
    return Path(np.array(heard), np.array(whole), _kbps(packets))


def _jitter_buffer() -> Any:
    receiver = RTCRtpReceiver("audio", SimpleNamespace(state="new"))  # type: ignore[arg-type]
    return receiver._RTCRtpReceiver__jitter_buffer  # type: ignore[attr-defined]


def _encoded(frames: Samples) -> list[bytes]:
    encoder = OpusEncoder()
    packets: list[bytes] = []
    for n, samples in enumerate(frames):
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, n * FRAME, encoder.codec.time_base
        packets += encoder.encode(frame)[0]
    assert len(packets) == len(frames)
    return packets


def _decoded(decoder: OpusDecoder, frame: JitterFrame) -> list[Samples]:
    found = []
    for part in decoder.decode(frame):
        stereo = part.to_ndarray().reshape(-1, 2)  # type: ignore[attr-defined]
        found.append(np.ascontiguousarray(stereo[:, 0]))
    assert all(len(samples) == FRAME for samples in found)
    return found


def _kbps(packets: Sequence[bytes]) -> float:
    return sum(map(len, packets)) * 8 / (len(packets) * TICK) / 1000
