"""A sound check through the box's own threads, with a cable where the room would be."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from appliance.core import limits
from appliance.core.sound_check import Outcome
from appliance.media.audio.capture import Capture, EncodedSound
from appliance.media.audio.devices import Spec
from appliance.media.audio.engine import AudioEngine
from appliance.media.audio.microphone import Microphone, NoMicrophone, PacedMicrophone
from appliance.media.audio.playout import Playout
from appliance.media.audio.processing import Processing, Wishes, plan
from appliance.media.audio.ring import Samples
from appliance.media.audio.sound_check import SoundCheck
from appliance.media.audio.speaker import PacedSpeaker, Speaker
from appliance.media.audio.watch import Side

SILENCE = np.zeros(limits.SOUND_FRAME, np.int16)


class Cable(PacedSpeaker):
    """What is played comes out of the microphone, some frames later and a little quieter, with noise."""

    def __init__(self, frames: int, gain: float) -> None:
        super().__init__("cable")
        self._way: deque[Samples] = deque([SILENCE] * frames, maxlen=frames + 4)
        self._gain = gain
        self._noise = np.random.default_rng(5)

    def play(self, frame: Samples) -> None:
        self._way.append(frame)

    def heard(self, _position: int) -> Samples:
        frame = self._way.popleft() if self._way else SILENCE
        noise = self._noise.standard_normal(len(frame)) * 10
        return np.rint(frame * self._gain + noise).astype(np.int16)


class Bench:
    def __init__(self, frames: int = 4, gain: float = 0.3) -> None:
        self.sent: list[EncodedSound] = []
        cable = Cable(frames, gain)
        self.microphone: Side[Microphone] = Side(
            "microphone",
            Spec("test"),
            open_plain=lambda spec: PacedMicrophone("cable", cable.heard),
            open_device=lambda portaudio, device: NoMicrophone(),
            stand_in=NoMicrophone,
        )
        self.speaker: Side[Speaker] = Side(
            "speaker",
            Spec("test"),
            open_plain=lambda spec: cable,
            open_device=lambda portaudio, device: PacedSpeaker(),
            stand_in=PacedSpeaker,
        )
        self.processing = Processing(plan(Wishes("off"), None, None))
        self.capture = Capture(self.microphone, self.processing, self.sent.append, lambda: None)
        self.playout = Playout(self.speaker, self.processing.played, lambda: None)
        self.check = SoundCheck(self.capture, self.playout, self.microphone, self.speaker)

    @contextmanager
    def running(self) -> Iterator[Bench]:
        from appliance.media.audio.devices import PortAudio

        self.microphone.open(PortAudio(), None)
        self.speaker.open(PortAudio(), None)
        self.capture.start()
        self.playout.start()
        try:
            yield self
        finally:
            self.capture.stop()
            self.playout.stop()
            self.processing.close()
            self.microphone.close()
            self.speaker.close()


def test_a_check_finds_its_own_chirps_and_nothing_leaves_the_box() -> None:
    with Bench().running() as bench:
        check = bench.check.begin()
        check.wait()
        bench.check.end()
        report = check.report()
        assert not check.interrupted
        frames = bench.playout.frames
        time.sleep(0.1)
        assert bench.playout.frames <= frames + 1, "it still plays"
    assert report.outcome is Outcome.GOOD
    assert report.level_dbfs == pytest.approx(-17.0 - 10.5, abs=2.0)
    assert report.delay_ms is not None
    assert 40.0 < report.delay_ms < 300.0
    assert report.cancelled_db is None  # nothing cancels here
    assert bench.sent == []


def test_a_meeting_that_is_just_over_does_not_cut_a_check_off() -> None:
    with Bench().running() as bench:
        bench.playout.set_active(True)
        check = bench.check.begin()
        bench.playout.set_peers(())  # the last peer's link is closed by now
        bench.playout.set_active(False)
        check.wait()
        bench.check.end()
        assert check.report().outcome is Outcome.GOOD


def test_a_check_that_is_ended_ends_at_once() -> None:
    with Bench().running() as bench:
        check = bench.check.begin()
        time.sleep(0.2)
        bench.check.end()
        check.wait()
        assert check.interrupted
        bench.check.end()


def test_the_level_is_known_while_somebody_listens() -> None:
    with Bench().running() as bench:
        assert bench.check.level_dbov() == 127
        bench.check.listen(True)
        deadline = time.monotonic() + 5
        while (level := bench.check.level_dbov()) == 127:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert 65 <= level <= 75  # the cable's noise
        bench.check.listen(False)
        time.sleep(0.1)
        bench.check.level_dbov()
        time.sleep(0.1)
        assert bench.check.level_dbov() == 127


@pytest.mark.parametrize(
    ("microphone", "speaker", "outcome"),
    [
        ("none", "test", Outcome.NO_MICROPHONE),
        ("test", "none", Outcome.NO_SPEAKER),
        ("device:Nowhere", "test", Outcome.NO_MICROPHONE),
    ],
)
def test_without_a_device_there_is_nothing_to_play(microphone: str, speaker: str, outcome: Outcome) -> None:
    engine = AudioEngine(microphone, speaker, on_sound=print, on_state=lambda view: None)
    engine.start()
    try:
        report = engine.check.obstacle
        assert report is not None
        assert report.outcome is outcome
    finally:
        engine.stop()
