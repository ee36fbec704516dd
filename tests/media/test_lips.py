"""Lip sync of real sound and real pictures over a real link.

What is heard and what is seen both tell when they were captured: the pictures by their time code, the sound
by the known sequence. So the skew is measured where it counts, at the ear and at the eye, and by nothing that
the box itself goes by. Sender and receiver share the one clock of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from link_helpers import connect, on_the_way, until

from appliance.core import limits, timecode
from appliance.core.layers import Layer
from appliance.core.picture import Picture
from appliance.core.rtp import is_rtcp
from appliance.media.audio import sequence
from appliance.media.audio.engine import AudioEngine
from appliance.media.audio.microphone import Captured, PacedMicrophone
from appliance.media.audio.receive import PeerSound
from appliance.media.audio.ring import Samples
from appliance.media.audio.speaker import PacedSpeaker
from appliance.media.camera_process import CameraProcess
from appliance.media.fanout import Fanout, SoundFanout
from appliance.media.link import MediaLink
from appliance.media.link_stats import LinkStats

BAND = 3
EARLY_MS, LATE_MS = -40, 60  # EBU R37
TILE = (640, 360)
LOOKS_PER_SYMBOL = sequence._WINDOW // sequence._HOP


class KnownMicrophone(PacedMicrophone):
    """Speaks the sequence, and knows when it said what."""

    def __init__(self) -> None:
        super().__init__("sequence", self._say)
        self.said: dict[int, float] = {}  # place in the sequence, counted on: when, monotonic seconds
        self._at = 0

    def _say(self, position: int) -> Samples:
        self._at = position
        return sequence.generate(BAND, position, limits.SOUND_FRAME)

    def read(self, timeout: float) -> Captured | None:
        captured = super().read(timeout)
        if captured is not None:
            self.said[self._at // limits.SOUND_FRAME] = captured.captured_ns / 1e9
        return captured


class SlowSpeaker(PacedSpeaker):
    """Is heard ``delay`` seconds after it was given a frame, and keeps what was heard when."""

    def __init__(self, delay: float) -> None:
        super().__init__("slow")
        self.delay = delay
        self.heard: list[tuple[float, Samples]] = []

    def play(self, frame: Samples) -> None:
        self.heard.append((time.monotonic() + self.delay, frame))


class End:
    """One end of the link."""

    def __init__(self, fanout: Fanout, sounds: SoundFanout, sound: PeerSound) -> None:
        self.states: list[str] = []
        self.seen: list[tuple[float, int]] = []  # when, and the picture's time code
        self.link = MediaLink(
            hosts=["127.0.0.1"],
            video=fanout,
            audio=sounds,
            sound_in=sound,
            on_picture=self._picture,
            on_control=lambda _: None,
            on_state=self.states.append,
        )

    def _picture(self, picture: Picture) -> None:
        now = time.monotonic()
        code = timecode.read_rgb(picture.rgb, picture.width, picture.height, picture.pitch)
        if code is not None:
            self.seen.append((now, code))


def delay_packets(end: End, *, sound: Callable[[], float], picture: Callable[[], float]) -> None:
    """Hold back the media packets that an end sends for so many seconds each, in order; reports pass."""
    loop, audio = asyncio.get_running_loop(), end.link._audio_out
    last = {True: 0.0, False: 0.0}

    def slow(sealed: bytes, write: Callable[[bytes], None]) -> None:
        if is_rtcp(sealed):
            write(sealed)
            return
        is_sound = sealed[1] & 0x7F == audio._payload_type
        at = loop.time() + (sound if is_sound else picture)()
        last[is_sound] = at = max(at, last[is_sound] + 1e-6)
        loop.call_at(at, deliver, sealed, write)

    def deliver(sealed: bytes, write: Callable[[bytes], None]) -> None:
        with contextlib.suppress(ConnectionError):  # the link was closed meanwhile
            write(sealed)

    on_the_way(end.link._connection.path, slow)


@dataclass
class Truth:
    """``skews``: (when, milliseconds), one for each picture that was seen. ``stats``: what the box says."""

    skews: list[tuple[float, float]]
    stats: LinkStats

    def after(self, settled: float) -> list[float]:
        """Those from so many seconds after the first one on."""
        return [skew for at, skew in self.skews if at >= self.skews[0][0] + settled]


def heard_symbols(heard: list[tuple[float, Samples]]) -> list[tuple[float, int]]:
    """(when it was heard, its place in the sequence) of every symbol that was recognised."""
    detector = sequence.Detector([BAND])
    for _, frame in heard:
        detector.feed(frame)
    hits = sequence._hits(sequence._decide(detector._kept[: detector._count], BAND))
    symbols = []
    for place in np.unique(hits[:, 1]):
        looks = hits[hits[:, 1] == place, 0]
        # A symbol is recognised at several looks around its own. Fewer are chance; more: it was heard twice.
        if len(looks) < 3 or np.ptp(looks) > LOOKS_PER_SYMBOL:
            continue
        sample = float(looks.mean()) * sequence._HOP * 4
        at, _ = heard[int(sample // limits.SOUND_FRAME)]
        symbols.append((at + sample % limits.SOUND_FRAME / limits.SOUND_RATE, int(place)))
    return sorted(symbols)


def skews(
    microphone: KnownMicrophone, speaker: SlowSpeaker, seen: list[tuple[float, int]]
) -> list[tuple[float, float]]:
    """(when it was seen, milliseconds that what was heard then is older than the picture)."""
    sound = [
        (at, at - said)
        for at, place in heard_symbols(speaker.heard)
        for number, said in microphone.said.items()
        if number % sequence._PERIOD == place and 0 < at - said < 1
    ]
    times = [at for at, _ in sound]
    found = []
    for at, code in seen:
        drawn = at + limits.PICTURE_DRAWN_AFTER
        nearest = bisect_left(times, drawn)
        if 0 < nearest < len(times) and times[nearest] - times[nearest - 1] < 0.2:
            picture_ms = timecode.age_ms(code, int(drawn * 1000))
            found.append((at, sound[nearest][1] * 1000 - picture_ms))
    return found


def measure(
    seconds: float,
    *,
    speaker_delay: float = 0.0,
    sound: Callable[[], float] = lambda: 0.0,
    picture: Callable[[], float] = lambda: 0.0,
) -> Truth:
    """Have one box speak and show itself for so long, and return what the other one's people perceive."""

    async def main() -> Truth:
        loop = asyncio.get_running_loop()
        camera = CameraProcess(
            "test",
            "Room",
            on_frame=lambda frame: fanout.publish(frame),
            on_self_view=lambda _: None,
            on_state=lambda _: None,
        )
        fanout = Fanout(on_wanted=camera.want, on_keyframe=camera.request_keyframe)
        sounds, microphone, speaker = SoundFanout(), KnownMicrophone(), SlowSpeaker(speaker_delay)
        mouth = AudioEngine(
            f"test:{BAND}",
            "none",
            on_sound=lambda encoded: loop.call_soon_threadsafe(sounds.publish, encoded) and None,
            on_state=lambda _: None,
        )
        ear = AudioEngine("none", "none", on_sound=lambda _: None, on_state=lambda _: None)
        peer = ear.add_peer("talker")
        talker = End(fanout, sounds, PeerSound("listener"))
        listener = End(Fanout(on_wanted=lambda _: None, on_keyframe=lambda _: None), SoundFanout(), peer)
        await camera.start()
        mouth.start()
        ear.start()
        mouth._microphone._use(microphone)
        ear._speaker._use(speaker)
        try:
            await connect(talker, listener)  # type: ignore[arg-type]
            delay_packets(talker, sound=sound, picture=picture)
            talker.link.set_layer(Layer.M)
            listener.link.set_tile(TILE)
            for end in (talker, listener):
                end.link.open_media()
            mouth.set_active(True)
            ear.set_active(True)
            await until(lambda: listener.seen, 20)
            await asyncio.sleep(seconds)
            stats = listener.link.stats()
        finally:
            await asyncio.to_thread(mouth.stop)
            await asyncio.to_thread(ear.stop)
            await asyncio.gather(talker.link.close(), listener.link.close())
            await camera.stop()
        return Truth(skews(microphone, speaker, listener.seen), stats)

    return asyncio.run(main())


def assert_in_sync(truth: Truth, settled: float) -> None:
    """Nearly all of it is within R37, and the box knows how much it is."""
    skews = truth.after(settled)
    within = sum(EARLY_MS <= skew <= LATE_MS for skew in skews) / len(skews)
    assert within > 0.8, statistics.quantiles(skews, n=10)
    assert truth.stats.skew_ms == pytest.approx(statistics.median(skews[-30:]), abs=20)


def test_on_a_quiet_network_no_picture_waits_longer_than_its_sound_makes_it() -> None:
    truth = measure(5)
    assert_in_sync(truth, 2)
    assert truth.stats.picture_wait_ms == 0 or truth.stats.skew_ms > 10


def test_pictures_wait_for_a_speaker_that_is_late() -> None:
    truth = measure(7, speaker_delay=0.15)
    assert_in_sync(truth, 2.5)
    assert truth.stats.picture_wait_ms > 60


def test_pictures_wait_for_sound_that_a_bad_network_delays() -> None:
    rng = random.Random(4)
    truth = measure(8, speaker_delay=0.03, sound=lambda: rng.random() ** 2 * 0.12)
    assert_in_sync(truth, 3)
    assert truth.stats.picture_wait_ms > 20


def test_sound_waits_for_pictures_that_are_late() -> None:
    truth = measure(11, picture=lambda: 0.13)
    assert_in_sync(truth, 7)
    assert truth.stats.sound_wait_ms > 20
