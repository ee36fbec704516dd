"""Echo control in simulated time: synthetic rooms, synthesised voices, the real filter and module."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
import _rooms as rooms
from _rooms import RATE, Sound

from appliance.core import limits
from appliance.errors import DeviceError
from appliance.media.audio import processing as processing_module
from appliance.media.audio import webrtc_apm
from appliance.media.audio.echo_filter import EchoFilter
from appliance.media.audio.microphone import Captured
from appliance.media.audio.processing import Plan, Processing, Wishes, plan
from appliance.media.audio.webrtc_apm import AudioProcessing

FRAME = limits.SOUND_FRAME
ALL = Plan(True, True, False, "test")
Samples = npt.NDArray[np.int16]


@pytest.fixture
def processing() -> Iterator[Processing]:
    made = Processing(ALL)
    yield made
    made.close()


def frames(sound: Sound) -> list[Samples]:
    whole = rooms.samples(sound)
    return [whole[start : start + FRAME] for start in range(0, len(whole) - FRAME + 1, FRAME)]


def run(processing: Processing, played: Sound, captured: Sound, late: int = 0) -> Sound:
    """In step; ``late``: from the second second on, every fifth played frame comes so many frames later."""
    out: list[Samples] = []
    held: list[tuple[int, Samples]] = []
    for number, (far, near) in enumerate(zip(frames(played), frames(captured), strict=True)):
        held.append((number + (late if number > 50 and number % 5 == 0 else 0), far))
        while held and held[0][0] <= number:
            processing.played(held.pop(0)[1])
        out.append(processing.clean(Captured(near, number * 20_000_000)).samples)
    return np.concatenate(out) / 32768


def removed_db(captured: Sound, left: Sound, first: float, last: float) -> float:
    part = slice(round(first * RATE), round(last * RATE))
    return float(20 * np.log10(rooms.rms(captured[part]) / max(rooms.rms(left[part]), 1e-7)))


def echo_of(played: Sound, seed: int = 1, delay_ms: float = 40.0) -> Sound:
    return rooms.heard(played, rooms.response(seed, delay_ms=delay_ms), -10.0)


def hiss(sound: Sound) -> Sound:
    return rooms.noise(9, len(sound), -75.0)


@pytest.fixture(scope="module")
def talk() -> Sound:
    return rooms.talk(0, 8.0) * 0.06


@pytest.fixture(scope="module")
def person() -> Sound:
    return rooms.talk(2, 8.0) * 0.06


class TestEcho:
    @pytest.mark.parametrize(("delay_ms", "seed"), [(5, 1), (40, 2), (200, 3)])
    def test_it_is_gone_after_three_seconds(
        self, processing: Processing, talk: Sound, delay_ms: float, seed: int
    ) -> None:
        captured = echo_of(talk, seed, delay_ms) + hiss(talk)
        left = run(processing, talk, captured)
        assert removed_db(captured, left, 3, 8) > 35

    def test_the_filter_alone_is_not_the_whole(self, talk: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the library the box still has its own filter, and says what is missing."""
        monkeypatch.setattr(webrtc_apm, "_loaded", None)
        monkeypatch.setattr(webrtc_apm, "library_path", lambda: None)
        processing = Processing(ALL)
        captured = echo_of(talk) + hiss(talk)
        left = run(processing, talk, captured)
        stats = processing.stats()
        assert removed_db(captured, left, 4, 8) > 15
        assert "livekit" in stats["problem"]
        assert (stats["echo_control"], stats["noise_suppression"]) == (True, False)

    def test_a_person_who_talks_at_the_same_time_is_heard(
        self, processing: Processing, talk: Sound, person: Sound
    ) -> None:
        """More of the person is left than of the echo, by much, though both are as loud in the microphone."""
        quiet = person * 10 ** (-10 / 20)
        left = run(processing, talk, echo_of(talk) + quiet + hiss(talk))
        late = round(limits.SOUND_RATE * 0.015)
        part = slice(3 * RATE, 8 * RATE - late)
        shifted = left[late:][part.start : part.stop]
        wanted = quiet[part]
        kept = float(np.dot(shifted, wanted) / np.dot(wanted, wanted))
        rest = rooms.rms(shifted - kept * wanted) / rooms.rms(wanted)
        assert kept > 0.5
        assert rest < 0.7

    def test_who_speaks_while_nothing_is_played_is_left_as_is(
        self, processing: Processing, person: Sound
    ) -> None:
        left = run(processing, np.zeros(len(person)), person + hiss(person))
        level = 20 * np.log10(rooms.rms(left[RATE:]) / rooms.rms(person[RATE:]))
        assert -2.0 < level < 1.0

    def test_another_room_is_learned_again(self, processing: Processing, talk: Sound) -> None:
        half = len(talk) // 2
        captured = np.concatenate((echo_of(talk, 1)[:half], echo_of(talk, 2)[half:])) + hiss(talk)
        left = run(processing, talk, captured)
        assert removed_db(captured, left, 6, 8) > 30

    def test_what_was_learned_outlasts_a_microphone_without_a_sound(
        self, processing: Processing, talk: Sound
    ) -> None:
        run(processing, talk, echo_of(talk) + hiss(talk))
        learned = processing.stats()["echo_removed_db"]
        nothing = np.zeros(RATE * 40, talk.dtype)
        run(processing, nothing, nothing)
        assert processing.stats()["echo_removed_db"] == pytest.approx(learned, abs=6.0)

    def test_late_playout_frames_are_put_in_their_place(self, talk: Sound) -> None:
        """A frame that was played 20 ms too late for its partner spoils nothing and moves nothing."""
        captured = echo_of(talk) + hiss(talk)
        removed = []
        for late in (0, 1, 2):
            processing = Processing(ALL)
            left = run(processing, talk, captured, late)
            removed.append(removed_db(captured, left, 4, 8))
            assert processing.stats()["realigned"] == 0
            processing.close()
        assert min(removed) > max(removed) - 8

    @pytest.mark.parametrize("lost", ["played", "captured"])
    def test_lost_frames_are_made_up_for(self, lost: str, talk: Sound) -> None:
        """After frames were lost on one side, what is played finds its echo again."""
        processing = Processing(ALL)
        captured = echo_of(talk, delay_ms=60) + hiss(talk)
        left = np.zeros(len(captured))
        for number, (far, near) in enumerate(zip(frames(talk), frames(captured), strict=True)):
            gone = 100 <= number < 103
            if not (gone and lost == "played"):
                processing.played(far)
            if not (gone and lost == "captured"):
                out = processing.clean(Captured(near, 0)).samples
                left[number * FRAME : (number + 1) * FRAME] = out / 32768
        stats = processing.stats()
        processing.close()
        assert removed_db(captured, left, 6, 8) > 30
        assert stats["realigned"] >= 1


class TestTiming:
    @pytest.mark.parametrize(
        ("chosen", "late_ms"),
        [
            (ALL, 15),
            (Plan(True, False, False, ""), 9),
            (Plan(False, True, False, ""), 7),
            (Plan(False, False, True, ""), 1),
        ],
    )
    def test_capture_times_are_moved_by_the_delay_that_it_has(self, chosen: Plan, late_ms: int) -> None:
        """A knock leaves as late as its frame's capture time says."""
        processing = Processing(chosen)
        sound = rooms.noise(3, RATE, -50)
        knocks = np.zeros(RATE)
        knocks[RATE // 2 :: RATE // 10] = 0.5
        out, moved = [], 0
        for near in frames(np.convolve(knocks, np.hanning(60))[:RATE] + sound):
            processing.played(np.zeros(FRAME, np.int16))
            frame = processing.clean(Captured(near, 5_000_000_000))
            moved = 5_000_000_000 - frame.captured_ns
            out.append(frame.samples)
        processing.close()
        knocked = np.convolve(knocks, np.hanning(60))[:RATE]
        heard = np.concatenate(out).astype(float)
        length = 2 * RATE
        match = np.fft.irfft(np.fft.rfft(heard, length) * np.conj(np.fft.rfft(knocked, length)), length)
        assert round(moved / 1e6) == late_ms
        assert abs(int(np.argmax(np.abs(match[:2400]))) / 48 - moved / 1e6) < 1.0

    def test_untouched_is_untouched(self) -> None:
        """The test sequence is measured through the microphone: bit by bit, and at its time."""
        processing = Processing(plan(Wishes(), None, None))
        frame = Captured(np.arange(FRAME, dtype=np.int16), 123)
        processing.played(np.ones(FRAME, np.int16))
        assert processing.clean(frame) is frame
        assert processing.stats()["why"] == "off: the microphone is no sound card"


class TestThreads:
    def test_the_reference_may_come_from_another_thread(self, processing: Processing, talk: Sound) -> None:
        captured = echo_of(talk, delay_ms=60) + hiss(talk)
        near = frames(captured)
        ready = threading.Semaphore(0)
        done = threading.Semaphore(2)

        def playout() -> None:
            for far in frames(talk):
                done.acquire()
                processing.played(far)
                ready.release()

        thread = threading.Thread(target=playout)
        thread.start()
        out = []
        for frame in near:
            ready.acquire()
            out.append(processing.clean(Captured(frame, 0)).samples)
            done.release()
        thread.join()
        assert removed_db(captured, np.concatenate(out) / 32768, 4, 8) > 35

    def test_a_change_of_plan_is_followed_by_the_capture_thread(self, processing: Processing) -> None:
        frame = Captured(np.zeros(FRAME, np.int16), 50_000_000)
        assert processing.clean(frame).captured_ns < 50_000_000
        processing.plan = Plan(False, False, False, "off")
        assert processing.clean(frame) is frame
        processing.plan = Plan(False, True, False, "off, as configured")
        assert processing.clean(frame).captured_ns == 50_000_000 - 334 * 1_000_000_000 // RATE

    def test_a_speaker_that_stands_still_stops_nothing(self, processing: Processing, person: Sound) -> None:
        out = [processing.clean(Captured(frame, 0)).samples for frame in frames(person)]
        level = 20 * np.log10(rooms.rms(np.concatenate(out)[RATE:] / 32768) / rooms.rms(person[RATE:]))
        assert -2.0 < level < 1.0

    def test_a_microphone_that_stands_still_holds_little(self, processing: Processing) -> None:
        for _ in range(10 * limits.ECHO_REFERENCE_MAX):
            processing.played(np.zeros(FRAME, np.int16))
        assert len(processing._queue) == limits.ECHO_REFERENCE_MAX


class TestFailures:
    def test_a_module_that_fails_leaves_the_filter(
        self, processing: Processing, talk: Sound, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        frame = Captured(np.zeros(FRAME, np.int16), 50_000_000)
        processing.clean(frame)

        def fail(self: AudioProcessing, captured: Samples) -> Samples:
            raise DeviceError("sound.processing.failed", "It stopped.")

        monkeypatch.setattr(AudioProcessing, "forward", fail)
        assert processing.clean(frame) is frame
        assert processing.clean(frame).captured_ns == 50_000_000
        assert processing.stats()["problem"] == "It stopped."
        assert processing.stats()["echo_control"] is True

    def test_a_reply_that_is_none_is_refused(self) -> None:
        for reply in (b"", b"\x8a", b"\x8a\x03\x00", b"\x8a\x03\x04\x0a\x02\x0a", b"\xff" * 30):
            with pytest.raises(DeviceError):
                webrtc_apm._new_handle(reply)

    def test_a_closed_module_may_be_closed_again(self) -> None:
        module = AudioProcessing(echo=True, noise=True, gain=True)
        module.close()
        module.close()


class TestLibrary:
    """What the library does beside the work: it opens nothing, and imports nothing of ours or its own."""

    SCRIPT = """
import os, sys
events = []
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.fork", "os.posix_spawn")):
        events.append(event)
sys.addaudithook(watch)
from appliance.media.audio.webrtc_apm import AudioProcessing
assert "livekit" not in sys.modules
module = AudioProcessing(echo=True, noise=True, gain=True)
import numpy as np
for _ in range(10):
    module.reverse(np.zeros(960, np.int16))
    module.forward(np.zeros(960, np.int16))
module.close()
assert not [name for name in sys.modules if name.split(".")[0] in ("livekit", "google", "aiofiles")]
assert not events, events
inodes = {os.stat(f"/proc/self/fd/{n}").st_ino for n in os.listdir("/proc/self/fd")
          if os.path.exists(f"/proc/self/fd/{n}")}
for table in ("tcp", "tcp6", "udp", "udp6", "raw", "packet"):
    with open(f"/proc/self/net/{table}") as lines:
        for line in list(lines)[1:]:
            assert int(line.split()[-1 if table == "packet" else 9]) not in inodes, line
"""

    def test_it_opens_no_socket_and_imports_no_client(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", self.SCRIPT], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""

    def test_its_threads_sleep(self) -> None:
        """They live as long as the process; asleep, they cost nothing."""
        module = AudioProcessing(echo=True, noise=True, gain=False)
        module.forward(np.zeros(FRAME, np.int16))
        named = ("livekit", "tokio")

        def ran() -> dict[str, list[str]]:
            tasks = Path("/proc/self/task")
            return {
                task.name: (task / "stat").read_text().rpartition(") ")[2].split()[11:13]
                for task in tasks.iterdir()
                if (task / "comm").read_text().startswith(named)
            }

        before = ran()
        time.sleep(0.3)
        assert before
        assert ran() == before
        module.close()


class TestFilter:
    def test_nothing_played_is_nothing_taken(self) -> None:
        echo_filter = EchoFilter()
        frame = np.full(FRAME, 0.25, np.float32)
        for _ in range(5):
            echo_filter.advance(np.zeros(FRAME, np.float32))
            assert echo_filter.cancel(frame) is frame

    def test_a_frame_put_in_later_is_as_if_it_had_come_in_time(self) -> None:
        rng = np.random.default_rng(4)
        sound = rng.standard_normal((30, FRAME)).astype(np.float32) * 0.1
        in_time, mended = EchoFilter(), EchoFilter()
        for number, frame in enumerate(sound):
            in_time.advance(frame)
            if number % 3:
                mended.advance(frame)
            else:
                mended.advance(None)
                mended.advance(None)
                mended.retreat()
                mended.mend(0, frame)
        assert np.allclose(in_time._reference, mended._reference, atol=1e-4)
        assert np.allclose(in_time._power, mended._power, atol=1e-3)

    def test_a_frame_skipped_moves_what_was_learned(self) -> None:
        """The echo is found where it now is, without learning anew."""
        played = rooms.talk(1, 10.0) * 0.06
        captured = rooms.heard(played, rooms.response(1, delay_ms=30), -10.0)
        echo_filter = EchoFilter()
        far, near = (
            [frame.astype(np.float32) / 32768 for frame in frames(sound)] for sound in (played, captured)
        )

        def step(number: int, ahead: int) -> tuple[Sound, Sound]:
            echo_filter.advance(far[number + ahead])
            return near[number].astype(float), echo_filter.cancel(near[number]).astype(float)

        def removed(steps: list[tuple[Sound, Sound]]) -> float:
            captured, left = (np.concatenate(part) for part in zip(*steps, strict=True))
            return float(20 * np.log10(rooms.rms(captured) / rooms.rms(left)))

        before = removed([step(number, 0) for number in range(400)][300:])
        echo_filter.skip(far[400])
        after = removed([step(number, 1) for number in range(400, 450)])
        assert before > 12
        assert after > before - 8  # learned anew it would take a second to get half as far


def test_the_chosen_plan_needs_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    from appliance.media.audio.devices import SoundDevice

    card = SoundDevice("Speak", "Jabra Speak 510", 0, 1, 2, usb=True)
    monitor = SoundDevice("HDMI", "Television", 1, 0, 2)
    own = monkeypatch.setattr
    own(processing_module.speakerphones, "cancels_itself", lambda device: device is card)
    why = {
        "both": plan(Wishes(), card, card),
        "television": plan(Wishes(), card, monitor),
        "nothing": plan(Wishes(), card, None),
        "file": plan(Wishes(), None, card),
        "forced": plan(Wishes("on"), None, None),
        "forced on a card": plan(Wishes("on", noise_suppression=False), card, card),
        "off": plan(Wishes("off", automatic_gain=True), monitor, card),
    }
    assert {name: (p.echo, p.noise, p.gain) for name, p in why.items()} == {
        "both": (False, False, False),
        "television": (True, True, False),
        "nothing": (False, True, False),
        "file": (False, False, False),
        "forced": (True, True, False),
        "forced on a card": (True, False, False),
        "off": (False, True, True),
    }
    assert why["both"].why == "off: Jabra Speak 510 cancels its own echo"
