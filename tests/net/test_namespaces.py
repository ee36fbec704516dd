"""The LAN that other tests stand on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from net.namespaces import Lan, needs_namespaces

pytestmark = needs_namespaces


def namespaces() -> set[str]:
    folder = Path("/run/netns")
    return {entry.name for entry in folder.iterdir()} if folder.exists() else set()


def reaches(lan: Lan) -> bool:
    """Does a TCP connection from the first host to the second get an answer (here: refused)?"""
    code = f"import socket; socket.create_connection(({lan.hosts[1].address!r}, 9), 0.3)"
    done = lan.hosts[0].run([sys.executable, "-c", code], capture_output=True, text=True)
    return "ConnectionRefusedError" in done.stderr


def carrier(lan: Lan) -> bool:
    done = lan.hosts[1].run(["cat", "/sys/class/net/eth0/carrier"], capture_output=True, text=True)
    return done.stdout.strip() == "1"


def test_a_failing_test_leaves_no_namespace_and_no_process() -> None:
    with pytest.raises(ZeroDivisionError), Lan(2) as lan:  # noqa: PT012 - what a failing test does
        names = {lan.name, *(host.name for host in lan.hosts)}
        assert names <= namespaces()
        code = "import subprocess; subprocess.Popen(['sleep', '99']); print('x', flush=True); input()"
        started = lan.hosts[0].popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert started.stdout is not None
        started.stdout.readline()
        inside = lan.hosts[0].run(["ip", "netns", "pids", lan.hosts[0].name], capture_output=True, text=True)
        pids = [int(pid) for pid in inside.stdout.split()]
        assert started.pid in pids
        _ = 1 / 0
    assert not names & namespaces()
    assert started.returncode is not None
    assert not any(Path(f"/proc/{pid}/cwd").exists() for pid in pids)


def test_what_a_killed_run_left_is_swept_up_by_the_next() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    stale = f"mbx{ended.pid}-0-1"
    subprocess.run(["ip", "netns", "add", stale], check=True)
    alive = f"mbx{os.getppid()}-0-1"
    subprocess.run(["ip", "netns", "add", alive], check=True)
    try:
        with Lan(1):
            assert stale not in namespaces()
            assert alive in namespaces()
    finally:
        subprocess.run(["ip", "netns", "delete", alive], check=True)


def test_a_silenced_host_keeps_its_carrier_and_an_unplugged_one_loses_it() -> None:
    with Lan(2) as lan:
        host = lan.hosts[1]
        assert reaches(lan)
        host.silence()
        assert (reaches(lan), carrier(lan)) == (False, True)
        host.unsilence()
        assert reaches(lan)
        host.unplug()
        assert (reaches(lan), carrier(lan)) == (False, False)
        host.plug()
        assert (reaches(lan), carrier(lan)) == (True, True)
