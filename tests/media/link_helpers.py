"""Real encoded streams and pairs of links for the tests of the media link."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from appliance.core.layers import Layer, Stream
from appliance.core.picture import Picture
from appliance.media.encoded import EncodedFrame, rtp_timestamp
from appliance.media.fanout import Fanout, SoundFanout
from appliance.media.link import MediaLink

GREYS = 12  # grey levels a number is shown with; far enough apart to survive the codec
FRAMES = 120


def encoder(layer: Layer, key_every: int = 10_000) -> VideoCodecContext:
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height = layer.spec.width, layer.spec.height
    codec.pix_fmt = "yuv420p"
    codec.framerate, codec.time_base = Fraction(layer.spec.fps), Fraction(1, layer.spec.fps)
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1", "qp": "26"}
    codec.gop_size = key_every
    codec.profile = "Baseline"
    return codec


@cache
def planes(layer: Layer, number: int) -> np.ndarray:
    """Frame ``number``: grey ``grey_of(number)``, with noise at its left edge that fills some packets."""
    width, height = layer.spec.width, layer.spec.height
    luma = np.full((height, width), grey_of(number), np.uint8)
    noise = np.random.default_rng(number).integers(16, 235, (height, width // 40))
    luma[:, : width // 40] = noise
    chroma = np.full(width * height // 2, 128, np.uint8)
    return np.concatenate([luma.ravel(), chroma]).reshape(height * 3 // 2, width)


def encode(codec: VideoCodecContext, layer: Layer, number: int, keyframe: bool) -> tuple[bool, bytes]:
    frame = av.VideoFrame.from_ndarray(planes(layer, number % GREYS), format="yuv420p")
    frame.pts = number
    frame.pict_type = PictureType.I if keyframe else PictureType.NONE
    (packet,) = codec.encode(frame)
    return bool(packet.is_keyframe), bytes(packet)


@cache
def encoded(layer: Layer, key_every: int = 10_000) -> tuple[tuple[bool, bytes], ...]:
    """FRAMES real x264 frames of a layer, made once: (is it a keyframe, annex-B data)."""
    codec = encoder(layer, key_every)
    return tuple(encode(codec, layer, number, False) for number in range(FRAMES))


def grey_of(number: int) -> int:
    return 30 + 16 * (number % GREYS)


def number_of(picture: Picture) -> int:
    """Which frame (modulo GREYS) a drawn picture shows."""
    rgb = np.frombuffer(picture.packed(), np.uint8).reshape(picture.height, picture.width, 3)
    grey = float(
        rgb[picture.height // 4 : -picture.height // 4, picture.width // 2 : -picture.width // 4].mean()
    )
    return round((grey / 255 * 219 + 16 - 30) / 16)


class Camera:
    """Encodes the layers that are wanted, as a camera process does; a keyframe when asked."""

    def __init__(self) -> None:
        self.wanted: list[frozenset[Stream]] = []
        self.asked: list[Stream] = []
        self.fanout = Fanout(on_wanted=self.wanted.append, on_keyframe=self._on_keyframe)
        self._keyframe: set[Layer] = set()
        self._encoders: dict[Layer, VideoCodecContext] = {}
        self._number: dict[Layer, int] = {}

    def _on_keyframe(self, stream: Stream) -> None:
        self.asked.append(stream)
        self._keyframe.add(stream.layer)

    def publish(self, layer: Layer) -> None:
        """The next frame of a layer, if somebody wants the layer."""
        if Stream(layer) not in self.fanout.wanted_streams():
            return
        if layer not in self._encoders:
            self._encoders[layer] = encoder(layer)
        number = self._number[layer] = self._number.get(layer, -1) + 1
        keyframe, data = encode(self._encoders[layer], layer, number, layer in self._keyframe)
        if keyframe:
            self._keyframe.discard(layer)
        now = time.monotonic_ns()
        spec = layer.spec
        self.fanout.publish(
            EncodedFrame(layer, keyframe, data, rtp_timestamp(now), now, spec.width, spec.height)
        )


@dataclass(frozen=True)
class Sound:
    data: bytes
    timestamp: int
    level_dbov: int
    captured_ns: int = 1


class Ear:
    """Keeps what a link pushes: (sequence number, timestamp, payload, level)."""

    heard = None  # nothing is played

    def __init__(self) -> None:
        self.pushed: list[tuple[int, int, bytes, int | None]] = []

    def push(
        self, sequence_number: int, timestamp: int, payload: bytes, now: float, level: int | None
    ) -> None:
        assert now <= time.monotonic()
        self.pushed.append((sequence_number, timestamp, payload, level))

    def wait_longer(self, seconds: float) -> None:
        raise AssertionError("nothing is played, so nothing is late")


class Box:
    """One end of a link, with everything it was told."""

    def __init__(self, name: str, **options: object) -> None:
        self.camera = Camera()
        self.sounds = SoundFanout()
        self.ear = Ear()
        self.pictures: list[Picture] = []
        self.control: list[bytes] = []
        self.states: list[str] = []
        self.link = MediaLink(
            hosts=["127.0.0.1"],
            video=self.camera.fanout,
            audio=self.sounds,
            sound_in=self.ear,
            on_picture=self.pictures.append,
            on_control=self.control.append,
            on_state=self.states.append,
            name=name,
            **options,  # type: ignore[arg-type]
        )

    @property
    def decoded(self) -> int:
        """Frames decoded, shown or overtaken by a later one: what a busy machine can't change."""
        return self.link._pictures.decoder.decoded


async def until(condition: Callable[[], object], timeout: float = 5.0) -> None:
    """Wait for a condition; fail after ``timeout`` seconds."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - conditions of any kind
            await asyncio.sleep(0.002)


async def connect(a: Box, b: Box) -> None:
    await a.link.accept(await b.link.answer(await a.link.offer()))
    await until(lambda: "connected" in a.states and "connected" in b.states)


@asynccontextmanager
async def linked(**options: object) -> AsyncIterator[tuple[Box, Box]]:
    """Two boxes with a connected link between them, closed in the end."""
    a, b = Box("a", **options), Box("b", **options)
    try:
        await connect(a, b)
        yield a, b
    finally:
        await asyncio.gather(a.link.close(), b.link.close())


async def play(boxes: list[tuple[Box, Layer]], seconds: float, fps: float = 30.0) -> None:
    """Publish frames of each box at a steady rate."""
    start = time.monotonic()
    for number in range(round(seconds * fps)):
        for box, layer in boxes:
            box.camera.publish(layer)
        await asyncio.sleep(max(0.0, start + (number + 1) / fps - time.monotonic()))


def on_the_way(path: Any, take: Callable[[bytes, Callable[[bytes], None]], None]) -> None:
    """Have ``take(datagram, write)`` decide on each datagram of a connection, between SRTP and the socket."""
    write = path._write

    def each(sealed: Sequence[bytes]) -> None:
        for datagram in sealed:
            take(datagram, lambda one: write((one,)))

    path._write = each


def lose_packets(box: Box, share: float, seed: int) -> list[int]:
    """Drop this share of the media packets that a box sends; return a list that counts [sent, dropped].

    The control channel's packets pass.
    """
    rng = random.Random(seed)
    counts = [0, 0]

    def lossy(datagram: bytes, write: Callable[[bytes], None]) -> None:
        counts[0] += 1
        if rng.random() < share:
            counts[1] += 1
        else:
            write(datagram)

    on_the_way(box.link._connection.path, lossy)
    return counts
