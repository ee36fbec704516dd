"""Whole boxes for tests: each its own process, on loopback or inside a host of a ``Lan``.

::

    with Boxes(tmp_path) as boxes:
        a, b = boxes.start("Bridge"), boxes.start("Galley")
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        a.type("42", "123456")
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from net.namespaces import Host

from appliance.control.client import ControlClient
from appliance.errors import ControlError

READY_WITHIN = 20.0
STOP_WITHIN = 6.0


class TestBox:
    """One box's process and its control socket."""

    __test__ = False

    def __init__(self, name: str, folder: Path, launch: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.name = name
        self.folder = folder
        self._launch = launch
        self.process = launch()
        self.client = ControlClient(folder / "control.sock")

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.client.request(verb, **arguments)

    def status(self) -> dict[str, Any]:
        return self.ask("status")

    def stats(self) -> dict[str, Any]:
        return self.ask("stats")

    def sees(self, *names: str) -> bool:
        """Are boxes of these names present on the network?"""
        return set(names) <= {box["name"] for box in self.status()["boxes"] if box["present"]}

    def press(self, *keys: str) -> None:
        for key in keys:
            self.ask("press", key=key)

    def type(self, room: str, password: str) -> None:
        """Join by key presses on the keypad."""
        self.press(*room, "ok", *password, "ok")

    def peers(self) -> dict[str, str]:
        """The state of every peer on the screen, by name."""
        return {peer["name"]: peer["state"] for peer in self.status()["peers"]}

    def drawn(self) -> set[str]:
        """Names of the peers whose picture was drawn."""
        return {peer["name"] for peer in self.status()["peers"] if peer["width"] > 0}

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self, number: int = signal.SIGTERM) -> None:
        """Tell it to stop, and wait until it has."""
        self.process.send_signal(number)
        self.process.wait(STOP_WITHIN)

    def restart(self) -> None:
        """Start it again, with what it left; its control socket is not there at once."""
        self.client.close()
        self.process = self._launch()

    def story(self) -> str:
        """What there is to know about it, for a test that failed."""
        try:
            stats, status = self.stats(), self.status()
        except ControlError as error:
            told = error.sentence
        else:
            peers = [(p["name"], p["state"], p["line"], p["drawn"], p["milestones"]) for p in stats["peers"]]
            told = (
                f"{status['state']} room={status['room']} joining={status['joining']}"
                f" boxes={status['boxes']} pressed={stats['pressed_at']} now={stats['now']}\n"
                f"counters={stats['counters']}\npeers={peers}\nprocess={stats['process']}"
            )
        ended = self.process.poll()
        how = "" if ended is None else f" ended with {ended}"
        return f"--- {self.name}{how}\n{told}\n{self.log()[-3000:]}"

    def log(self) -> str:
        return (self.folder / "log.txt").read_text(errors="replace")


class Boxes:
    """Starts boxes and ends them by their pids."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.all: list[TestBox] = []

    def __enter__(self) -> Boxes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for box in self.all:
            box.client.close()
            if box.process.poll() is None:
                box.process.terminate()
        for box in self.all:
            try:
                box.process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                box.process.kill()
                box.process.wait()

    def start(
        self,
        name: str,
        *,
        host: Host | None = None,
        band: int | None = None,
        microphone: str | None = None,
        speaker: str = "none",
        same_room: str = "auto",
        size: tuple[int, int] = (640, 360),
        extra: Sequence[str] = (),
        video: str = "test",
        uplink_kbps: int = 0,
        servers: Sequence[str] = (),
        ready: bool = True,
        environment: Mapping[str, str] | None = None,
        identity: bytes = b"",
        mode: str = "headless",
        head: Sequence[str] = (),
        options: Sequence[str] = (),
        program: Sequence[str] = ("-m", "appliance"),
    ) -> TestBox:
        """Start a box. ``band``: of its test sound, else another one for each; ``size``: of its screen.

        ``extra``: further lines for the end of its configuration. ``environment``: of its process, on top.
        ``identity``: the seed of its key, else it makes one. ``mode``: of its display. ``head``: further
        lines for the beginning of its configuration. ``options``: further ones of its command. ``program``:
        what Python runs.
        """
        index = len(self.all)
        folder = self._folder / f"box-{index}"
        folder.mkdir()
        if identity:
            (folder / "state").mkdir(mode=0o700)
            (folder / "state" / "identity.key").write_bytes(identity)
        microphone = microphone or f"test:{index % 8 if band is None else band}"
        interface = "lo" if host is None else host.interface
        config = folder / "meetingbox.toml"
        config.write_text(
            "".join(f"{line}\n" for line in head) + f"name = {json.dumps(name)}\n"
            f"interfaces = [{json.dumps(interface)}]\n"
            f"servers = {json.dumps(list(servers))}\n"
            f"[signaling]\nport = {0 if host is None else 8787}\n"
            f"[video]\nsource = {json.dumps(video)}\nuplink_kbps = {uplink_kbps}\n"
            f"[audio]\nmicrophone = {json.dumps(microphone)}\nspeaker = {json.dumps(speaker)}\n"
            f"same_room = {json.dumps(same_room)}\n"
            f"[display]\nmode = {json.dumps(mode)}\nwidth = {size[0]}\nheight = {size[1]}\nmeasure = true\n"
            + "\n".join(extra)
        )
        argv = [
            *(sys.executable, *program, "run", "--config", str(config)),
            *("--socket", str(folder / "control.sock"), "--state-dir", str(folder / "state")),
            *options,
        ]

        def launch() -> subprocess.Popen[bytes]:
            with (folder / "log.txt").open("ab") as log:
                options: dict[str, Any] = {
                    "stdin": subprocess.DEVNULL,
                    "stdout": log,
                    "stderr": subprocess.STDOUT,
                    "env": {
                        **os.environ,
                        "PYTHONWARNINGS": "error::ResourceWarning",
                        "MEETINGBOX_RUNTIME_DIR": "/proc",  # not in memory: nothing is kept for a restart
                        **(environment or {}),
                    },
                }
                return subprocess.Popen(argv, **options) if host is None else host.popen(argv, **options)

        box = TestBox(name, folder, launch)
        self.all.append(box)
        if ready:
            self.wait(lambda: bool(box.status()), READY_WITHIN)
        return box

    def start_all(self, names: Sequence[str], hosts: Sequence[Host | None] = ()) -> list[TestBox]:
        """Start several boxes at once, each on its host where there are any."""
        where = list(hosts) or [None] * len(names)
        started = [self.start(name, host=host, ready=False) for name, host in zip(names, where, strict=False)]
        self.wait(lambda: all(box.status() for box in started), READY_WITHIN)
        return started

    def wait(self, holds: Callable[[], bool], within: float = 10.0) -> float:
        """Wait until ``holds()``; return the seconds it took. Raises AssertionError with the boxes' logs."""
        begun = time.monotonic()
        while True:
            try:
                if holds():
                    return time.monotonic() - begun
            except ControlError as error:
                if error.code not in ("control.no-box", "control.closed"):
                    raise
            if time.monotonic() - begun > within:
                raise AssertionError(
                    f"did not happen within {within:g} s\n" + "\n".join(box.story() for box in self.all)
                )
            time.sleep(0.05)
