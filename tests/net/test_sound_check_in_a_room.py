"""The sound check of a whole box on PipeWire: by a script, by the doctor, by a finger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from net.boxes import Boxes, TestBox
from net.sound_server import SoundServer, needs_pipewire, room_response

from appliance.errors import ControlError

pytestmark = needs_pipewire

ROOM = 100 + os.getpid() % 900  # other tests on this loopback have theirs
PASSWORD = f"{os.getpid():06d}"
HEARD = ("good", "late")  # late: a machine that stopped for a moment
NODES = {"microphone": "mic", "speaker": "speaker"}


@dataclass
class Room:
    """A box in a room whose loudspeaker can be turned off."""

    server: SoundServer
    boxes: Boxes
    box: TestBox
    environment: dict[str, str]

    def sound(self, on: bool) -> None:
        """Let the loudspeaker be heard by the microphone, or not."""
        if on:
            self.server.link("room-out:output_MONO", "mic:input_MONO")
        else:
            self.server.unlink("room-out:output_MONO", "mic:input_MONO")


MICROPHONES = 4  # that the settings list here: automatic, two names of PipeWire's own, none


@contextmanager
def room(folder: Path) -> Iterator[Room]:
    with (
        SoundServer(
            folder, sinks=("speaker",), microphones=("mic",), rooms={"room": room_response(4)}
        ) as server,
        Boxes(folder) as boxes,
    ):
        server.link("speaker:monitor_MONO", "room-in:input_MONO")
        environment = server.box_environment("box", **NODES)
        box = boxes.start("Bridge", microphone="auto", speaker="auto", video="none", environment=environment)
        made = Room(server, boxes, box, environment)
        made.sound(True)
        yield made


def doctor(folder: Path, environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """What the doctor's sound check finds for a box of this configuration, running or not."""
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "doctor", "--json", *arguments],
        env={**os.environ, **environment, "MEETINGBOX_STATE_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    findings = json.loads(done.stdout.splitlines()[-1])["findings"]
    return next((finding for finding in findings if finding["name"] == "sound check"), {})


def test_a_script_a_finger_and_the_doctor_check_the_sound(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        box = here.box
        reply = box.ask("sound-check")
        print(reply)
        assert reply["outcome"] in HEARD, reply
        assert reply["delay_ms"] > 20
        assert reply["cancelled_db"] > 20
        assert -40 < reply["level_dbfs"] < -20

        # By keys: the settings, their page of sound, the button below its microphones, the one that plays.
        for number, keys in enumerate((("down", "ok"), ("ok",), (*["down"] * MICROPHONES, "ok"), ("ok",))):
            box.press(*keys)
            box.ask("screenshot", file=str(tmp_path / f"{number}.png"))  # drawn: the next key is for that
            time.sleep(1.0)  # the devices have been looked for
        with pytest.raises(ControlError) as caught:
            box.ask("sound-check")
        assert caught.value.code == "sound-check.running"
        box.press("back")  # nobody looks any more: it ends
        here.boxes.wait(lambda: checked(box) in HEARD, within=20.0)

        # The room falls silent, as when somebody turned the loudspeaker down.
        here.sound(False)
        reply = box.ask("sound-check")
        assert reply["outcome"] in ("speaker-muted", "wrong-device", "microphone-muted")
        assert reply["deaf"]

        # In a meeting the others would hear it.
        box.ask("join", room=ROOM, password=PASSWORD)
        here.boxes.wait(lambda: box.status()["state"] == "in-call")
        with pytest.raises(ControlError, match="in a meeting") as caught:
            box.ask("sound-check")
        assert caught.value.code == "sound-check.meeting"
        finding = doctor(tmp_path, here.environment, "--sound", "--config", str(configuration(here)))
        assert finding["level"] == "problem"
        assert "in a meeting" in finding["wrong"]
        box.ask("leave")
        here.boxes.wait(lambda: box.status()["state"] == "idle")

        # A doctor that was not asked makes no noise; one that was asks the box that runs.
        config = str(configuration(here))
        assert doctor(tmp_path, here.environment, "--config", config) == {}
        here.sound(True)
        finding = doctor(tmp_path, here.environment, "--sound", "--config", config)
        assert finding["level"] != "problem", finding


def test_the_doctor_checks_the_sound_where_no_box_runs(tmp_path: Path) -> None:
    with SoundServer(
        tmp_path, sinks=("speaker",), microphones=("mic",), rooms={"room": room_response(4)}
    ) as server:
        server.link("speaker:monitor_MONO", "room-in:input_MONO")
        server.link("room-out:output_MONO", "mic:input_MONO")
        config = tmp_path / "meetingbox.toml"
        config.write_text('interfaces = ["lo"]\n[video]\nsource = "none"\n')
        finding = doctor(tmp_path, server.box_environment("box", **NODES), "--sound", "--config", str(config))
    assert finding["level"] != "problem", finding
    assert "Heard at" in finding["found"]


def checked(box: TestBox) -> str:
    """The outcome of a check, empty while another one is going on."""
    try:
        return str(box.ask("sound-check")["outcome"])
    except ControlError:
        return ""


def configuration(room: Room) -> Path:
    """The box's own configuration, with the socket that the test gave it."""
    config = room.box.folder / "doctor.toml"
    socket = json.dumps(str(room.box.folder / "control.sock"))
    config.write_text(f"{(room.box.folder / 'meetingbox.toml').read_text()}\n[control]\nsocket = {socket}\n")
    return config
