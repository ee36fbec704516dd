"""The honest end to end: two whole boxes, each with a loudspeaker and a microphone in one room.

Nothing of the boxes is replaced: PortAudio, ALSA's PipeWire device, PipeWire. What a box's
loudspeaker plays comes back to its microphone through the room's impulse response. All figures are
read from one recording, so they have one clock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from net.boxes import Boxes, TestBox
from net.sound_server import (
    RATE,
    Sound,
    SoundServer,
    end,
    lag,
    loudness,
    needs_pipewire,
    read_wav,
    room_response,
    spoken,
    write_wav,
)
from pystoi import stoi

ROOM = 100 + os.getpid() % 900  # other tests on this loopback have theirs
PASSWORD = f"{os.getpid():06d}"
SENTENCE = (
    "The meeting begins at nine in the small room on the second floor. "
    "Please bring the drawings of the bridge, and two copies of the plan for next week."
)
STOI_MIN = 0.9
MOUTH_TO_EAR_MAX = 0.150  # seconds
ECHO_DB_MAX = -35.0
TRIES = 3  # a machine that stopped for a moment while they talked is asked again
UNDERRUNS_MAX = 2  # in 20 s
CONVERGED_AFTER = 3.0  # seconds of speech after which the echo is to be gone

pytestmark = needs_pipewire

EARS = ("a-mouth:monitor_MONO", "b-speaker:monitor_MONO", "a-speaker:monitor_MONO", "b-mic:capture_MONO")


@dataclass
class Hall:
    """Two boxes in a meeting, in two rooms."""

    server: SoundServer
    boxes: Boxes
    a: TestBox
    b: TestBox


@contextmanager
def hall(folder: Path) -> Iterator[Hall]:
    rooms = {"a-room": room_response(1), "b-room": room_response(2)}
    sinks = ("a-speaker", "a-mouth", "b-speaker", "b-mouth")
    with (
        SoundServer(folder, sinks=sinks, microphones=("a-mic", "b-mic"), rooms=rooms) as server,
        Boxes(folder) as boxes,
    ):
        for side in "ab":
            server.link(f"{side}-mouth:monitor_MONO", f"{side}-mic:input_MONO")
            server.link(f"{side}-speaker:monitor_MONO", f"{side}-room-in:input_MONO")
            server.link(f"{side}-room-out:output_MONO", f"{side}-mic:input_MONO")
        a, b = (
            boxes.start(
                name,
                microphone="auto",
                speaker="auto",
                video="none",
                environment=server.box_environment(
                    f"box-{side}", microphone=f"{side}-mic", speaker=f"{side}-speaker"
                ),
            )
            for name, side in (("Bridge", "a"), ("Galley", "b"))
        )
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        for box in (a, b):
            box.ask("join", room=ROOM, password=PASSWORD)
        boxes.wait(lambda: set(a.peers().values()) == set(b.peers().values()) == {"live"})
        boxes.wait(lambda: streams(server) == {(f"{s}-mic", f"box-{s}") for s in "ab"}
                   | {(f"box-{s}", f"{s}-speaker") for s in "ab"})  # fmt: skip
        yield Hall(server, boxes, a, b)


def streams(server: SoundServer) -> set[tuple[str, str]]:
    """Which nodes the boxes' streams are linked with, as (from, to)."""
    nodes = {(source.rpartition(":")[0], sink.rpartition(":")[0]) for source, sink in server.links()}
    return {(source, sink) for source, sink in nodes if "box-" in source or "box-" in sink}


def underruns(hall: Hall) -> int:
    """How often a loudspeaker of the two had nothing to play in time, since the start."""
    return sum(int(box.stats()["audio"]["engine"]["underruns"]) for box in (hall.a, hall.b))


def conversation(hall: Hall, folder: Path, voice: Sound, *, times: int = 1) -> np.ndarray:
    """The voice speaks at A's microphone; return what the ears heard, one row each."""
    file, heard = folder / "spoken.wav", folder / "heard.wav"
    pause = np.zeros(RATE // 2)
    write_wav(file, np.concatenate([pause, *(np.concatenate([voice, pause]) for _ in range(times))]))
    ear = hall.server.record(heard, EARS)
    mouth = hall.server.play(file, "a-mouth")
    mouth.wait(60)
    time.sleep(0.7)  # until the last of it was heard
    end(ear)
    assert mouth.returncode == 0
    return read_wav(heard)


def decibels(ratio: float) -> float:
    return 20 * float(np.log10(max(ratio, 1e-9)))


def test_a_sentence_goes_from_mouth_to_ear_and_does_not_come_back(tmp_path: Path) -> None:
    voice = spoken(tmp_path, SENTENCE)
    with hall(tmp_path) as here:
        for _ in range(TRIES):
            before = underruns(here)
            mouth, far, near, back = conversation(here, tmp_path, voice, times=2)
            ran_dry = underruns(here) - before
            if ran_dry <= UNDERRUNS_MAX:
                break
    assert loudness(back) > 0.1 * loudness(far), "B's room does not sound: nothing was tested"
    begun = int(np.argmax(np.abs(mouth) > 0.01))
    second = begun + len(voice) + RATE // 4  # the second time, everything has settled
    late = lag(mouth[second:], far[second:])
    print(f"mouth to ear {late / RATE * 1000:.1f} ms, underruns {ran_dry}")
    assert 0 < late <= MOUTH_TO_EAR_MAX * RATE

    said = mouth[second : len(mouth) - late]
    understood = float(stoi(said, far[second + late :][: len(said)], RATE))
    print(f"STOI {understood:.3f}")
    assert understood >= STOI_MIN

    heard = near[begun + int(CONVERGED_AFTER * RATE) :]
    echo = decibels(float(np.sqrt(np.mean(heard**2))) / loudness(mouth))
    print(
        f"A hears itself {echo:.1f} dB, B's microphone had {decibels(loudness(back) / loudness(far)):.1f} dB"
    )
    assert echo <= ECHO_DB_MAX
