"""A speakerphone is pulled out and put in again during a call, with a sound server that follows."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from net.boxes import Boxes
from net.sound_server import SoundServer, end, needs_pipewire, read_wav

pytestmark = needs_pipewire

ROOM = 100 + os.getpid() % 900  # other tests on this loopback have theirs
PASSWORD = f"{os.getpid():06d}"
MOVED_WITHIN = 3.0  # seconds
BUILT_IN = {("box:output_MONO", "built-in:playback_MONO"), ("built-in-mic:capture_MONO", "box:input_MONO")}
JABRA = {("box:output_MONO", "jabra:playback_MONO"), ("jabra-mic:capture_MONO", "box:input_MONO")}


def loud(server: SoundServer, folder: Path, sink: str) -> bool:
    """Does anything come out of this loudspeaker?"""
    file = folder / f"{sink}-{time.monotonic_ns()}.wav"
    ear = server.record(file, [f"{sink}:monitor_MONO"])
    time.sleep(0.5)
    end(ear)
    return float(np.abs(read_wav(file)).max()) > 0.01


def test_the_sound_follows_a_speakerphone_and_the_call_goes_on(tmp_path: Path) -> None:
    with (
        SoundServer(tmp_path, sinks=("built-in",), microphones=("built-in-mic",)) as server,
        Boxes(tmp_path) as boxes,
    ):

        def plug() -> None:
            server.plug("jabra", priority=2000)
            server.plug("jabra-mic", priority=2000, media_class="Audio/Source/Virtual")

        def box_links() -> set[tuple[str, str]]:
            return {link for link in server.links() if any("box:" in port for port in link)}

        def moved_to(links: set[tuple[str, str]]) -> float:
            return boxes.wait(lambda: box_links() == links, within=20.0)

        plug()
        a = boxes.start(
            "Bridge",
            microphone="auto",
            speaker="auto",
            video="none",
            environment=server.box_environment("box"),
        )
        b = boxes.start("Galley", band=1, video="none")
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        for box in (a, b):
            box.ask("join", room=ROOM, password=PASSWORD)
        boxes.wait(lambda: a.peers() == {"Galley": "live"} and b.peers() == {"Bridge": "live"})
        moved_to(JABRA)
        assert loud(server, tmp_path, "jabra")

        server.unplug("jabra")
        server.unplug("jabra-mic")
        assert moved_to(BUILT_IN) <= MOVED_WITHIN
        assert loud(server, tmp_path, "built-in")

        plug()
        assert moved_to(JABRA) <= MOVED_WITHIN
        assert loud(server, tmp_path, "jabra")
        assert a.peers() == {"Galley": "live"}
        assert b.peers() == {"Bridge": "live"}
        assert "device.microphone" in a.log()
        assert a.log().count("device.speaker") == 1, "its own stream was opened again"
