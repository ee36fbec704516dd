"""What is told to a service manager, and that nothing of it ever stands in the way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path

import pytest
from net.service_manager import Manager

from appliance.app.heartbeat import Heartbeat
from appliance.core import limits
from appliance.notify import ServiceManager, from_environment


class Display:
    """Goes round when it is told to."""

    turns = 0
    drawn = False


def test_nobody_listens() -> None:
    manager = from_environment({})
    assert not manager
    assert manager.watchdog is None
    manager.ready()
    manager.alive()
    manager.close()
    assert manager.dropped == 0


def test_what_is_taken_from_the_environment_is_not_passed_on(tmp_path: Path) -> None:
    with Manager(tmp_path, 15) as listening:
        environ = {**listening.environment, "WATCHDOG_PID": str(os.getpid()), "PATH": "/bin"}
        manager = from_environment(environ)
        assert environ == {"PATH": "/bin"}
        assert manager.watchdog == 15
        manager.ready()
        assert listening.hear(1) == "READY=1"
        manager.close()


@pytest.mark.parametrize(
    ("usec", "pid", "watchdog"),
    [
        ("15000000", "", 15.0),
        ("15000000", "1", None),  # another process's watchdog
        ("0", "", None),
        ("-3", "", None),
        ("soon", "", None),
        ("", "", None),
    ],
)
def test_watchdogs(tmp_path: Path, usec: str, pid: str, watchdog: float | None) -> None:
    manager = from_environment({"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid})
    assert manager.watchdog == watchdog


@pytest.mark.parametrize("address", ["vsock:2:1234", "nowhere", "/nowhere/notify", "@nobody-is-here-at-all"])
def test_an_address_at_which_nobody_is(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        manager = ServiceManager(address)
    assert not manager
    assert caplog.records[0].getMessage().startswith("notify.")
    manager.ready()


def test_a_manager_that_does_not_read_stops_nobody(tmp_path: Path) -> None:
    with Manager(tmp_path) as listening:
        manager = ServiceManager(listening.environment["NOTIFY_SOCKET"])
        for _ in range(5000):
            manager.alive()
        assert manager.dropped > 0
        manager.close()


def test_the_status_is_one_line_and_told_when_it_changed(tmp_path: Path) -> None:
    with Manager(tmp_path) as listening:
        manager = ServiceManager(listening.environment["NOTIFY_SOCKET"])
        manager.status("At home")
        manager.status("At home")
        manager.status("In a\nmeeting\nREADY=1")
        assert listening.hear(1) == "STATUS=At home"
        assert listening.hear(1) == "STATUS=In a meeting READY=1"
        assert listening.hear(0.05) is None
        manager.close()


def test_only_a_display_that_goes_round_feeds(tmp_path: Path) -> None:
    async def beat(listening: Manager) -> None:
        manager = ServiceManager(listening.environment["NOTIFY_SOCKET"], watchdog=0.2)
        display = Display()
        heartbeat = Heartbeat(asyncio.get_running_loop(), manager, display, lambda: "At home")
        heartbeat.start()
        try:
            await asyncio.sleep(3 * limits.HEARTBEAT_FIRST_EVERY)
            assert listening.hear(0.05) == "STATUS=At home"
            assert listening.hear(0.05) is None  # nothing was drawn, nothing goes round
            display.drawn, display.turns = True, 1
            while "WATCHDOG=1" not in listening.told:
                await asyncio.sleep(0.01)
                listening.hear(0.01)
            assert listening.told[-2:] == ["READY=1", "WATCHDOG=1"]
            await asyncio.sleep(0.3)
            assert listening.hear(0.05) is None  # it went round once, and stands
        finally:
            heartbeat.stop()
            manager.close()

    with Manager(tmp_path) as listening:
        asyncio.run(beat(listening))


def test_a_socket_is_left_to_no_child(tmp_path: Path) -> None:
    with Manager(tmp_path) as listening:
        before = _sockets()
        manager = ServiceManager(listening.environment["NOTIFY_SOCKET"])
        (fd,) = _sockets() - before
        assert not os.get_inheritable(fd)
        manager.close()


def _sockets() -> set[int]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if os.readlink(entry).startswith("socket:"):
                found.add(int(entry.name))
    return found
