"""The first page: drawn before the box is there, and what is pressed on it is not lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance import config
from appliance.app.first_page import first_page
from appliance.bridge import Bridge
from appliance.core import limits
from appliance.core.intents import Intent, Join, SwitchRoom
from appliance.core.view import Phase, Preset, Snapshot
from appliance.settings_file import SETTINGS

CONFIG = """
name = "Solo"
interfaces = ["lo"]
[signaling]
port = {port}
[video]
source = "none"
[audio]
microphone = "none"
speaker = "none"
[display]
mode = "headless"
language = "de"
[[presets]]
label = "Bridge"
room = 7
"""


def settings(port: int = 0) -> config.Config:
    return config.parse(CONFIG.format(port=port), "test")


class TestItsContents:
    def test_it_is_home_as_the_configuration_says(self, tmp_path: Path) -> None:
        page = first_page(settings(), tmp_path)
        assert (page.name, page.phase, page.presets) == ("Solo", Phase.IDLE, (Preset("Bridge", 7),))
        assert page.look.language == "de"

    def test_it_does_not_say_that_there_is_no_network_before_anybody_looked(self, tmp_path: Path) -> None:
        page = first_page(settings(), tmp_path)
        assert page.network.kind == "unknown"
        assert page.problems == ()

    def test_what_was_changed_on_the_screen_counts(self, tmp_path: Path) -> None:
        (tmp_path / SETTINGS).write_text('name = "Galley"\n[display]\nlanguage = "fr"\ntheme = "light"\n')
        page = first_page(settings(), tmp_path)
        assert (page.name, page.look.language, page.look.theme) == ("Galley", "fr", "light")

    @pytest.mark.parametrize("broken", ["name = ", '[display]\nlanguage = "klingon"\n', "other = 1\n"])
    def test_changes_that_cannot_be_used_are_left_to_the_box(self, tmp_path: Path, broken: str) -> None:
        (tmp_path / SETTINGS).write_text(broken)
        assert first_page(settings(), tmp_path).look.language == "de"
        assert (tmp_path / SETTINGS).read_text() == broken


class TestWishesBeforeTheBox:
    def test_they_are_handed_over_in_order_once(self) -> None:
        bridge = Bridge(Snapshot(name="Solo"))
        wishes: list[Intent] = [Join(42, "1234", 0.0), SwitchRoom(7)]
        for wish in wishes:
            bridge.send(wish)
        heard: list[Intent] = []
        bridge.listen(heard.append)
        assert heard == wishes
        bridge.send(SwitchRoom(8))
        assert heard == [*wishes, SwitchRoom(8)]

    def test_who_hears_one_may_use_the_bridge(self) -> None:
        bridge = Bridge(Snapshot(name="Solo"))
        bridge.send(SwitchRoom(7))
        slots: list[object] = []
        bridge.listen(lambda _: slots.append(bridge.slot("tile")))
        bridge.send(SwitchRoom(8))
        assert len(slots) == 2

    def test_there_are_not_too_many(self) -> None:
        bridge = Bridge(Snapshot(name="Solo"))
        for room in range(1, limits.EARLY_INTENTS + 5):
            bridge.send(SwitchRoom(room))
        heard: list[Intent] = []
        bridge.listen(heard.append)
        assert heard == [SwitchRoom(room) for room in range(5, limits.EARLY_INTENTS + 5)]

    def test_a_box_that_ended_leaves_none_to_the_next(self) -> None:
        bridge = Bridge(Snapshot(name="Solo"))
        heard: list[Intent] = []
        bridge.listen(heard.append)
        bridge.listen(None)
        bridge.send(SwitchRoom(7))
        bridge.listen(heard.append)
        assert heard == []


HEAVY = ("numpy", "av", "aiortc", "cryptography", "zeroconf", "websockets", "asyncio", "appliance.app.box")


def test_what_pictures_and_sound_need_is_loaded_after_it() -> None:
    lines = "import sys, appliance.app, appliance.app.last_good; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(loaded.stdout.split())


# A box that is loaded only when a file is there, and whose first page is in another when it is drawn.
SLOW = """
import sys, threading, time
from pathlib import Path
from appliance import app, cli
from appliance.app import NetworkThread

go, drawn = Path(sys.argv.pop(1)), Path(sys.argv.pop(1))

class Slow(NetworkThread):
    async def _main(self):
        drawn.write_text(str(self._display.drawn))
        while not go.exists() and not self._stopping:
            time.sleep(0.01)
        await super()._main()

app.NetworkThread = Slow
sys.exit(cli.main())
"""


def start(tmp_path: Path, port: int = 0) -> subprocess.Popen[str]:
    file = tmp_path / "box.toml"
    file.write_text(CONFIG.format(port=port))
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    argv = [sys.executable, str(script), str(tmp_path / "go"), str(tmp_path / "drawn"), "run"]
    argv += ["--config", str(file), "--socket", str(tmp_path / "c.sock"), "--state-dir", str(tmp_path / "s")]
    return subprocess.Popen(
        argv,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )


def wait_for(path: Path, box: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert box.poll() is None, box.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_drawn_while_the_box_is_not_there(tmp_path: Path) -> None:
    box = start(tmp_path)
    wait_for(tmp_path / "drawn", box)
    assert (tmp_path / "drawn").read_text() == "True"
    assert not (tmp_path / "c.sock").exists()
    (tmp_path / "go").touch()
    wait_for(tmp_path / "c.sock", box)
    box.send_signal(signal.SIGTERM)
    assert box.wait(20) == 0, box.communicate()[1]
    box.communicate()


def test_it_ends_when_it_is_told_so_before_the_box_is_there(tmp_path: Path) -> None:
    box = start(tmp_path)
    wait_for(tmp_path / "drawn", box)
    box.send_signal(signal.SIGTERM)
    _, told = box.communicate(timeout=20)
    assert box.returncode == 0, told
    assert not (tmp_path / "c.sock").exists()


def test_a_box_that_cannot_start_takes_it_away_and_says_why(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "go").touch()
        box = start(tmp_path, port)
        _, told = box.communicate(timeout=30)
    assert box.returncode == 1
    assert f"{port}" in told
    assert "Traceback" not in told
