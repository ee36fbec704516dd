"""The loudspeaker's test sound: pleasant enough to be played in a meeting room."""

from __future__ import annotations

import itertools
import time
import wave

import numpy as np

from appliance.core import limits
from appliance.media.audio import chime
from appliance.media.audio.chime import Chime
from appliance.media.audio.engine import AudioEngine


def test_it_is_as_long_and_as_loud_as_it_is_to_be_and_ends_without_a_click() -> None:
    played = chime.wave()
    assert len(played) % limits.SOUND_FRAME == 0
    assert abs(len(played) / limits.SOUND_RATE - limits.TEST_SOUND_SECONDS) < 0.02
    assert abs(int(np.abs(played).max()) / 32767 - limits.TEST_SOUND_PEAK) < 0.01
    assert np.abs(np.diff(played.astype(int))).max() < 3000  # a click is a jump
    assert abs(int(played[0])) < 10
    assert abs(int(played[-1])) < 10


def test_the_three_notes_are_in_it() -> None:
    played = chime.wave().astype(float)
    power = np.abs(np.fft.rfft(played))
    hertz = np.fft.rfftfreq(len(played), 1 / limits.SOUND_RATE)
    for note in chime.NOTES:
        near = power[(hertz > note - 5) & (hertz < note + 5)].max()
        assert near > 0.2 * power.max()


def test_a_voice_plays_it_once() -> None:
    voice = Chime()
    frames = list(itertools.takewhile(lambda frame: frame is not None, (voice.pull(0.0) for _ in range(999))))
    assert np.array_equal(np.concatenate(frames), chime.wave())
    assert voice.pull(0.0) is None


def test_it_is_heard_beside_the_others_in_a_call(tmp_path) -> None:
    path = tmp_path / "heard.wav"
    engine = AudioEngine("none", f"file:{path}", on_sound=lambda _: None, on_state=lambda _: None)
    engine.start()
    try:
        engine.set_active(True)
        engine.chime(True)
        deadline = time.monotonic() + 10
        while engine.stats()["engine"]["played"] < limits.TEST_SOUND_SECONDS * 50 + 10:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        engine.chime(False)
    finally:
        engine.stop()
    with wave.open(str(path)) as file:
        heard = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert np.abs(heard).max() > 0.9 * limits.TEST_SOUND_PEAK * 32767
