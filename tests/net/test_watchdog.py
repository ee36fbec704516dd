"""The watchdog of a box is fed while its event loop *and* its renderer advance, and by nothing else.

Real processes tell a real socket. A watchdog of 3 s stands for systemd's of 15.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from net.boxes import Boxes
from net.service_manager import Manager
from net.x_screen import XScreen

WATCHDOG = 3.0
HANGING = (str(Path(__file__).parent / "hanging_box.py"),)
STARTED_WITHIN = 30.0
FED_WITHIN = 10.0  # on a machine with other work
STARVED_WITHIN = 20.0


def starves(manager: Manager) -> bool:
    """Whether the feeding stops for longer than the watchdog waits; what was on its way may still come."""
    deadline = time.monotonic() + STARVED_WITHIN
    fed = time.monotonic()
    while time.monotonic() < deadline:
        if manager.hear(0.1) == "WATCHDOG=1":
            fed = time.monotonic()
        elif time.monotonic() - fed > WATCHDOG + 1:
            return True
    return False


def fed(manager: Manager, times: int = 3) -> None:
    manager.drain()
    for _ in range(times):
        manager.wait_for("WATCHDOG=1", FED_WITHIN)


def test_ready_when_the_keypad_is_drawn_then_fed(tmp_path: Path) -> None:
    with Manager(tmp_path, WATCHDOG) as manager, Boxes(tmp_path) as boxes:
        box = boxes.start("Bridge", environment=manager.environment)
        manager.wait_for("READY=1", STARTED_WITHIN)
        assert "WATCHDOG=1" not in manager.told[: manager.told.index("READY=1")]
        picture = tmp_path / "home.png"
        box.ask("screenshot", file=str(picture))
        assert picture.stat().st_size > 1000
        for _ in range(3):
            manager.wait_for("WATCHDOG=1", FED_WITHIN)
        assert "STATUS=At home, waiting for somebody" in manager.told
        box.end()
        manager.wait_for("STOPPING=1", FED_WITHIN)


def test_an_abstract_socket(tmp_path: Path) -> None:
    with Manager(None, WATCHDOG) as manager, Boxes(tmp_path) as boxes:
        boxes.start("Bridge", environment=manager.environment)
        manager.wait_for("READY=1", STARTED_WITHIN)
        fed(manager)


def test_without_a_watchdog_it_is_ready_and_no_more(tmp_path: Path) -> None:
    with Manager(tmp_path) as manager, Boxes(tmp_path) as boxes:
        boxes.start("Bridge", environment=manager.environment)
        manager.wait_for("READY=1", STARTED_WITHIN)
        while manager.hear(2.0) is not None:
            pass
        assert "WATCHDOG=1" not in manager.told


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2], ids=["renderer", "event loop"])
def test_one_of_the_two_hangs(tmp_path: Path, number: signal.Signals) -> None:
    with Manager(tmp_path, WATCHDOG) as manager, Boxes(tmp_path) as boxes:
        box = boxes.start("Bridge", environment=manager.environment, program=HANGING)
        manager.wait_for("READY=1", STARTED_WITHIN)
        fed(manager)
        box.process.send_signal(number)
        try:
            assert starves(manager)
        finally:
            box.kill()


def test_a_stopped_process_feeds_nothing_and_goes_on(tmp_path: Path) -> None:
    with Manager(tmp_path, WATCHDOG) as manager, Boxes(tmp_path) as boxes:
        box = boxes.start("Bridge", environment=manager.environment)
        manager.wait_for("READY=1", STARTED_WITHIN)
        box.process.send_signal(signal.SIGSTOP)
        try:
            assert starves(manager)
        finally:
            box.process.send_signal(signal.SIGCONT)
        fed(manager)


def test_a_display_server_that_hangs_is_a_renderer_that_hangs(tmp_path: Path) -> None:
    """No hook: the box waits for an answer of a real X server that was stopped."""
    with Manager(tmp_path, WATCHDOG) as manager, XScreen(tmp_path / "x") as screen, Boxes(tmp_path) as boxes:
        box = boxes.start(
            "Bridge", mode="fullscreen", environment={**screen.environment, **manager.environment}
        )
        manager.wait_for("READY=1", STARTED_WITHIN)
        fed(manager)
        assert "display.open driver=x11" in box.log()
        screen.stop()
        try:
            assert starves(manager)
        finally:
            screen.go_on()
        fed(manager)


def test_a_box_in_a_kiosk_ends_with_its_compositor(tmp_path: Path) -> None:
    """It starts again with another one; cage waits for its client, so nobody else would end it."""
    with XScreen(tmp_path / "x") as screen, Boxes(tmp_path) as boxes:
        environment = {**screen.environment, "MEETINGBOX_ENDS_WITH_SCREEN": "1"}
        box = boxes.start("Bridge", mode="fullscreen", environment=environment)
        boxes.wait(lambda: "display.open driver=x11" in box.log(), STARTED_WITHIN)
        screen.end()
        assert box.process.wait(STARTED_WITHIN) == 1
        assert "the box starts again with it" in box.log()
        assert "box.stopped" in box.log()


def test_what_the_watchdog_kills_is_said_in_the_log(tmp_path: Path) -> None:
    """As the unit sets it: SIGABRT, and Python says where each thread stood."""
    with Manager(tmp_path, WATCHDOG) as manager, Boxes(tmp_path) as boxes:
        environment = {**manager.environment, "PYTHONFAULTHANDLER": "1"}
        box = boxes.start("Bridge", environment=environment, program=HANGING)
        manager.wait_for("READY=1", STARTED_WITHIN)
        box.process.send_signal(signal.SIGUSR1)
        assert starves(manager)
        box.end(signal.SIGABRT)
        assert re.search(r"Fatal Python error: Aborted.*hang_renderer", box.log(), re.DOTALL)


def test_the_processes_that_a_box_starts_tell_nothing(tmp_path: Path) -> None:
    with Manager(tmp_path, WATCHDOG) as manager, Boxes(tmp_path) as boxes:
        box = boxes.start("Bridge", environment=manager.environment)
        manager.wait_for("READY=1", STARTED_WITHIN)
        pid = box.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        told = subprocess.run(
            ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        assert set(told) >= set(children)
        for child in told:
            assert b"NOTIFY_SOCKET" not in Path(f"/proc/{child}/environ").read_bytes()


def test_the_signaling_server_is_ready_and_fed(tmp_path: Path) -> None:
    config = tmp_path / "serve.toml"
    config.write_text('interfaces = ["lo"]\n[signaling]\nport = 0\n')
    with Manager(tmp_path, WATCHDOG) as manager:
        process = subprocess.Popen(
            [sys.executable, "-m", "appliance", "serve", "--config", str(config)],
            env={**os.environ, **manager.environment},
            stderr=subprocess.DEVNULL,
        )
        try:
            manager.wait_for("READY=1", STARTED_WITHIN)
            fed(manager)
            assert any(line.startswith("STATUS=Serving on 127.0.0.1") for line in manager.told)
            process.send_signal(signal.SIGSTOP)
            assert starves(manager)
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(10)
        assert process.returncode == 0
