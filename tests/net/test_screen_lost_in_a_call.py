"""The screen of a box goes away and comes back in the middle of a call, which does not notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from net.boxes import Boxes, TestBox

from appliance.control.client import ControlClient

PASSWORD = f"{os.getpid():06}"  # boxes of another run on this machine are in another meeting
LOOK_EVERY = 0.25  # seconds
GAP = 2.0  # seconds: no counter stands still for so long
SLOW = 40.0


class XServer:
    """A real X server without glass, which can be ended and started again under the same name."""

    def __init__(self) -> None:
        self.name = ""
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        program = shutil.which("Xvfb")
        assert program, "Xvfb is missing"
        read, write = os.pipe()
        command = [program, *([self.name] if self.name else []), "-displayfd", str(write), "-noreset"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            [*command, "-nolisten", "tcp", "-screen", "0", "1280x720x24"],
            pass_fds=(write,),
            stdout=quiet,
            stderr=quiet,
        )
        os.close(write)
        with os.fdopen(read) as number:
            self.name = f":{number.readline().strip()}"

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(5)
            self._process = None

    def resize(self) -> None:
        for words in (
            "--newmode 800x600 38.25 800 832 912 1024 600 603 607 624",
            "--addmode screen 800x600",
            "--output screen --mode 800x600",
        ):
            subprocess.run(["xrandr", *words.split()], check=True, env={**os.environ, "DISPLAY": self.name})


@pytest.fixture
def x_server() -> Iterator[XServer]:
    server = XServer()
    yield server
    server.end()


class Counters:
    """Watches what two boxes count of each other's pictures and sound; a context manager."""

    def __init__(self, *boxes: TestBox) -> None:
        self._boxes = boxes
        self._running = True
        self._seen: dict[str, list[tuple[float, int]]] = {}
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        clients = {box: ControlClient(box.folder / "control.sock") for box in self._boxes}
        while self._running:
            for box, client in clients.items():
                stats = client.request("stats")
                for name, count in counts(stats).items():
                    self._seen.setdefault(f"{box.name}: {name}", []).append((stats["now"], count))
            time.sleep(LOOK_EVERY)
        for client in clients.values():
            client.close()

    def __enter__(self) -> Counters:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._thread.join()

    def gaps(self) -> dict[str, float]:
        """The longest time for which each counter stood still, in seconds, as far as it was looked at."""
        found = {}
        for name, samples in self._seen.items():
            longest, since = 0.0, samples[0]
            for at, count in samples[1:]:
                if count != since[1]:
                    since = (at, count)
                longest = max(longest, at - since[0])
            found[name] = longest
        return found


def counts(stats: dict[str, Any]) -> dict[str, int]:
    """What one box has received of its only peer, and sent to it."""
    (peer,) = stats["peers"]
    link = peer["link"]
    names = ("packets_received", "sounds_received", "frames_sent", "sounds_sent")
    return {name: link[name] for name in names}


@pytest.mark.parametrize("mode", ["auto", "window"])
def test_a_call_does_not_notice_its_screen(tmp_path: Path, x_server: XServer, mode: str) -> None:
    with Boxes(tmp_path) as boxes:
        environment = {"DISPLAY": x_server.name, "XDG_RUNTIME_DIR": str(tmp_path), "WAYLAND_DISPLAY": ""}
        a = boxes.start("Bridge", size=(0, 0), mode=mode, environment=environment)
        b = boxes.start("Galley")
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"), SLOW)
        for box in (a, b):
            box.type("61", PASSWORD)
        boxes.wait(lambda: a.drawn() == {"Galley"} and b.drawn() == {"Bridge"}, SLOW)

        def drawn() -> int:
            return sum(peer["drawn"] for peer in a.stats()["peers"])

        def draws_on() -> None:
            before = drawn()
            boxes.wait(lambda: drawn() > before + 10, SLOW)

        with Counters(a, b) as counters:
            for step in (
                lambda: a.ask("screen", state="close"),
                lambda: a.ask("screen", state="open"),
                x_server.resize,
                x_server.end,
                x_server.start,
                lambda: a.ask("screen", state="open"),
            ):
                step()
                draws_on()
        assert a.ask("screen", state="open") == {"ok": True, "screen": "open"}
        assert a.process.poll() is None
        assert {name: gap for name, gap in counters.gaps().items() if gap >= GAP} == {}
        assert a.status()["state"] == b.status()["state"] == "in-call"
        assert "Traceback" not in a.log() + b.log()
