"""The whole sound of a box: threads, devices that are files or sequences, and what leaves when."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from appliance.core import limits
from appliance.core.view import DeviceView
from appliance.errors import DeviceError
from appliance.media.audio.capture import EncodedSound, MediaClock
from appliance.media.audio.engine import AudioEngine
from appliance.media.audio.opus import Decoder
from appliance.media.audio.pace import FRAME_NS, Pace
from appliance.media.audio.sequence import Detector


@contextmanager
def running(
    microphone: str,
    speaker: str,
    on_sound: Callable[[EncodedSound], None] = lambda _sound: None,
    on_state: Callable[[DeviceView], None] = lambda _view: None,
) -> Iterator[AudioEngine]:
    engine = AudioEngine(microphone, speaker, on_sound=on_sound, on_state=on_state)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def until(true: Callable[[], object], seconds: float = 8.0) -> None:
    """Wait for something that other threads bring about."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def more(sounds: Sequence[object]) -> None:
    """Wait for three more."""
    enough = len(sounds) + 3
    until(lambda: len(sounds) >= enough)


def write_wav(path: Path, seconds: float, rate: int = 44_100, hz: float = 440.0) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        t = np.arange(int(seconds * rate)) / rate
        mono = (8000 * np.sin(2 * np.pi * hz * t)).astype("<i2")
        file.writeframes(np.repeat(mono, 2).tobytes())


# --- Between boxes ---------------------------------------------------------------------------------


def test_two_boxes_hear_each_other_in_full() -> None:
    with running("none", "test") as listener:
        sounds = [listener.add_peer("a"), listener.add_peer("b")]
        numbers = [0, 0]

        def to(which: int) -> Callable[[EncodedSound], None]:
            def push(sound: EncodedSound) -> None:
                now = time.monotonic()
                sounds[which].push(
                    numbers[which] & 0xFFFF, sound.timestamp, sound.data, now, sound.level_dbov
                )
                numbers[which] += 1

            return push

        listener.set_active(True)
        with running("test:2", "none", to(0)) as a, running("test:5", "none", to(1)) as b:
            a.set_active(True)
            b.set_active(True)
            until(lambda: min(numbers) >= 250)
            levels = [sound.level_dbov for sound in sounds]
        reports = [listener.sequence_report(band) for band in (2, 5)]
        stats = listener.stats()
    for report in reports:
        assert report is not None
        assert report.delivered >= 0.97
        assert report.expected >= 200
    assert all(10 <= level <= 40 for level in levels)
    assert stats["peers"]["a"]["received"] == numbers[0]
    assert stats["peers"]["a"]["lost"] == 0
    assert listener.sequence_report(0) is not None


def test_a_peer_that_left_is_no_longer_in_the_mix() -> None:
    with running("none", "test") as engine:
        engine.set_active(True)
        engine.add_peer("a")
        engine.remove_peer("a")
        engine.remove_peer("a")
        assert engine.stats()["peers"] == {}


# --- What leaves the box -----------------------------------------------------------------------------


def test_nothing_is_encoded_before_a_call_and_after_it() -> None:
    sounds: list[EncodedSound] = []
    with running("test", "none", sounds.append) as engine:
        time.sleep(0.2)
        assert sounds == []
        engine.set_active(True)
        until(lambda: len(sounds) >= 10)
        engine.set_active(False)
        count = len(sounds)
        time.sleep(0.2)
        assert len(sounds) == count
        engine.set_active(True)
        until(lambda: len(sounds) >= count + 10)


def test_muted_means_nothing_leaves_from_the_moment_the_call_returns() -> None:
    sounds: list[tuple[float, EncodedSound]] = []
    with running("test", "none", lambda sound: sounds.append((time.monotonic(), sound))) as engine:
        engine.set_active(True)
        spans = []
        for _ in range(8):
            more(sounds)
            engine.set_muted(True)
            muted_at = time.monotonic()
            time.sleep(0.07)
            opened_ns = time.monotonic_ns()
            engine.set_muted(False)
            spans.append((muted_at, opened_ns))
        more(sounds)
    for muted_at, opened_ns in spans:
        assert not [when for when, _ in sounds if muted_at < when < opened_ns / 1e9]
        captured = [s.captured_ns for _, s in sounds if not s.ends_spurt]
        assert not [at for at in captured if muted_at * 1e9 - FRAME_NS < at < opened_ns]


def test_timestamps_go_on_with_real_time_while_muted() -> None:
    sounds: list[EncodedSound] = []
    with running("test", "none", sounds.append) as engine:
        engine.set_active(True)
        until(lambda: len(sounds) >= 5)
        engine.set_muted(True)
        before = sounds[-1]
        time.sleep(0.5)
        engine.set_muted(False)
        until(lambda: sounds[-1] is not before)
        after = sounds[sounds.index(before) + 1]
    passed = (after.captured_ns - before.captured_ns) * limits.SOUND_RATE / 1e9
    assert passed > 0.5 * limits.SOUND_RATE
    assert after.timestamp - before.timestamp == pytest.approx(passed, abs=2)


def test_packets_are_what_was_captured_20_ms_apart() -> None:
    sounds: list[EncodedSound] = []
    with running("test:4", "none", sounds.append) as engine:
        engine.set_active(True)
        until(lambda: len(sounds) >= 100)
    decoder, detector = Decoder(), Detector()
    for sound in sounds:
        detector.feed(decoder.decode(sound.data))
    # A machine that stops for a moment captures less; what was captured is all in the packets.
    assert detector.report(4).recovered >= 0.95 * len(sounds)
    steps = {b.timestamp - a.timestamp for a, b in itertools.pairwise(sounds)}
    assert min(steps) == limits.SOUND_FRAME
    assert all(10 <= sound.level_dbov <= 40 for sound in sounds)


def test_without_a_microphone_nothing_is_sent() -> None:
    sounds: list[EncodedSound] = []
    with running("none", "none", sounds.append) as engine:
        engine.set_active(True)
        until(lambda: engine.stats()["engine"]["played"] >= 10)
        assert engine.devices == (DeviceView("microphone", "none"), DeviceView("speaker", "none"))
    assert sounds == []


def test_a_microphone_or_speaker_that_means_nothing_is_refused() -> None:
    with pytest.raises(DeviceError):
        AudioEngine("telephone", "none", on_sound=print, on_state=print)
    with pytest.raises(DeviceError):
        AudioEngine("none", "test:3", on_sound=print, on_state=print)


# --- Files ---------------------------------------------------------------------------------------------


def test_a_file_is_played_again_and_again_in_real_time(tmp_path: Path) -> None:
    write_wav(tmp_path / "short.wav", 0.31)
    sounds: list[EncodedSound] = []
    with running(f"file:{tmp_path / 'short.wav'}", "none", sounds.append) as engine:
        engine.set_active(True)
        until(lambda: len(sounds) >= 75)
        took = (sounds[74].captured_ns - sounds[0].captured_ns) / 1e9
        assert engine.devices[0] == DeviceView("microphone", "short.wav")
    assert 74 * 0.02 - 0.001 <= took <= 74 * 0.02 + 1.0
    decoder = Decoder()
    heard = np.concatenate([decoder.decode(sound.data) for sound in sounds[5:75]]).astype(float)
    spectrum = np.abs(np.fft.rfft(heard))
    assert spectrum.argmax() * limits.SOUND_RATE / len(heard) == pytest.approx(440, abs=5)
    quietest = np.abs(heard[: len(heard) // 480 * 480].reshape(-1, 480)).max(axis=1).min()
    assert quietest > 1000  # the seam is no hole


def test_a_recording_can_be_read_at_any_moment_and_holds_the_mix(tmp_path: Path) -> None:
    path, copy = tmp_path / "mix.wav", tmp_path / "copy.wav"
    with running("none", f"file:{path}") as engine:
        peer = engine.add_peer("a")
        engine.set_active(True)
        numbers = iter(range(10_000))

        def push(sound: EncodedSound) -> None:
            peer.push(next(numbers), sound.timestamp, sound.data, time.monotonic(), sound.level_dbov)

        with running("test:1", "none", push) as other:
            other.set_active(True)
            until(lambda: path.stat().st_size > 44 + 150_000)
        shutil.copy(path, copy)  # as if the box had been killed here
    for file, least in ((copy, 0.9), (path, 1.5)):
        with wave.open(str(file)) as recording:
            assert recording.getparams()[:3] == (1, 2, limits.SOUND_RATE)
            assert recording.getnframes() >= least * limits.SOUND_RATE
            samples = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
        detector = Detector()
        for at in range(0, len(samples), limits.SOUND_FRAME):
            detector.feed(samples[at : at + limits.SOUND_FRAME])
        assert detector.report(1).recovered >= 0.6 * len(samples) / limits.SOUND_FRAME


def test_a_file_that_is_not_there_is_a_sentence_and_is_used_when_it_appears(tmp_path: Path) -> None:
    path = tmp_path / "later.wav"
    views: list[DeviceView] = []
    sounds: list[EncodedSound] = []
    with running(f"file:{path}", "none", sounds.append, views.append) as engine:
        engine.set_active(True)
        assert "can't be opened" in str(engine.devices[0].problem)
        write_wav(path, 0.5)
        until(lambda: sounds)
        assert engine.devices[0].problem == ""
    assert [bool(view.problem) for view in views if view.kind == "microphone"] == [True, False]


def test_a_file_without_sound_in_it_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"no sound at all" * 100)
    write_wav(tmp_path / "empty.wav", 0)
    for name in ("noise.wav", "empty.wav"):
        with running(f"file:{tmp_path / name}", "none") as engine:
            engine.set_active(True)
            until(lambda engine=engine: engine.devices[0].problem)
            assert name in str(engine.devices[0].problem)


def test_a_recording_that_can_not_be_written_leaves_the_box_running(tmp_path: Path) -> None:
    with running("none", f"file:{tmp_path / 'no' / 'such' / 'folder.wav'}") as engine:
        engine.set_active(True)
        assert "can't be written" in str(engine.devices[1].problem)
        until(lambda: engine.stats()["engine"]["played"] >= 10)


def test_a_full_disk_leaves_the_box_running() -> None:
    with running("none", "file:/dev/full") as engine:
        engine.set_active(True)
        until(lambda: engine.devices[1].problem)
        before = engine.stats()["engine"]["played"]
        until(lambda: engine.stats()["engine"]["played"] >= before + 10)


# --- Time ------------------------------------------------------------------------------------------------


def test_a_pace_does_not_drift_and_skips_what_it_slept_through() -> None:
    pace = Pace()
    assert pace.tick(1.0)
    first = pace.due_ns
    for _ in range(10):
        assert pace.tick(1.0)
    assert pace.due_ns - first == 10 * FRAME_NS
    time.sleep(0.3)
    assert pace.tick(1.0)
    assert pace.skipped >= 12
    assert (pace.due_ns - first) % FRAME_NS == 0
    assert 0 <= time.monotonic_ns() - pace.due_ns < 2 * FRAME_NS


def test_a_pace_gives_up_after_its_timeout() -> None:
    pace = Pace()
    assert not pace.tick(0.001)
    assert pace.index == 0


def test_the_media_clock_is_steady_under_jitter_and_leaps_over_gaps() -> None:
    clock = MediaClock()
    jittered = [n * FRAME_NS + (3_000_000 if n % 3 else 0) for n in range(20)]
    assert [clock.timestamp(ns) for ns in jittered] == [n * limits.SOUND_FRAME for n in range(20)]
    leapt = clock.timestamp(jittered[-1] + FRAME_NS + 1_000_000_000)
    assert leapt == pytest.approx(20 * limits.SOUND_FRAME + 48_000, abs=150)  # 3 ms of jitter
    back = clock.timestamp(jittered[-1])  # another sound card, whose clock begins elsewhere
    assert back == leapt + limits.SOUND_FRAME
    assert clock.timestamp(jittered[-1] + FRAME_NS) == back + limits.SOUND_FRAME


def test_many_small_holes_in_the_capture_are_a_leap_together() -> None:
    clock, missing = MediaClock(), 0
    behind = []
    for n in range(2000):
        missing += 1 if n % 40 == 39 else 0  # a frame that a driver lost, every 0.8 s
        timestamp = clock.timestamp((n + missing) * FRAME_NS)
        behind.append((n + missing) * limits.SOUND_FRAME - timestamp)
    assert min(behind) >= 0
    assert max(behind) < limits.SOUND_GAP * limits.SOUND_RATE + 0.04 * missing * limits.SOUND_FRAME


@pytest.mark.parametrize("ppm", [-300, 300])
def test_the_clock_of_a_sound_card_is_followed_for_hours_without_a_leap(ppm: int) -> None:
    clock = MediaClock()
    frame = FRAME_NS + FRAME_NS * ppm // 1_000_000
    jitter = [(n * 7919 % 11) * 1_000_000 for n in range(11)]
    times = [clock.timestamp(n * frame + jitter[n % 11]) for n in range(200_000)]
    assert times == [n * limits.SOUND_FRAME for n in range(200_000)]


def test_stop_ends_every_thread_even_while_inactive() -> None:
    before = threading.active_count()
    with running("test", "test"):
        assert threading.active_count() == before + 3
    assert threading.active_count() == before
