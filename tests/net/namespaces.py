"""A small LAN on one machine, for tests: a switch and hosts, each a network namespace of Linux.

::

    with Lan(3) as lan:                                 # 10.77.0.1, 10.77.0.2, 10.77.0.3
        box = lan.hosts[0].popen([sys.executable, "-m", "appliance", "run"], stdout=subprocess.PIPE)
        lan.hosts[1].run(["ping", "-c1", lan.hosts[0].address], check=True)
        lan.hosts[0].unplug()                           # cable out: the host sees its carrier go
        lan.hosts[0].plug()
        lan.hosts[1].silence()                          # carrier stays, no packet gets through
        lan.hosts[1].unsilence()
    # every process inside is dead and every namespace deleted, whatever happened in between

The switch is a bridge in a namespace of its own, so this machine's firewall and its other networks
have no part in it. Inside a host, ``lo`` is up and ``eth0`` has the address and a route for multicast;
there is no way out. CLOCK_MONOTONIC is the same everywhere: time stamps of processes in different
hosts can be compared.

Names contain the pid of the test process. Namespaces left by one that was killed are deleted by the
next ``Lan`` that starts. Mark tests with ``needs_namespaces``: skipped where one can't make
namespaces, unless CI=true, where they must run.

Import it as ``from net.namespaces import Lan, needs_namespaces``; ``tests/`` is on the path of pytest.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

_PREFIX = "mbx"
_STOP_WITHIN = 2.0  # seconds a process may take to end after SIGTERM; then SIGKILL
_serial = itertools.count()


def can_make_namespaces() -> bool:
    """Are we root, and is ``ip`` there?"""
    return os.geteuid() == 0 and shutil.which("ip") is not None


needs_namespaces = pytest.mark.skipif(
    not can_make_namespaces() and os.environ.get("CI") != "true",
    reason="needs root and iproute2 for network namespaces",
)


class Host:
    """One machine on the LAN. ``name``: its namespace. ``address``: of its ``eth0``."""

    interface = "eth0"

    def __init__(self, lan: Lan, number: int) -> None:
        self.name = f"{lan.name}-{number}"
        self.address = f"{lan.subnet}.{number}"
        self._lan = lan
        self._port = f"p{number}"  # this host's port on the switch
        self._processes: list[subprocess.Popen[Any]] = []

    def popen(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a process inside; ``options`` are subprocess.Popen's. Its pid is the command's own.

        It is ended with the LAN, if not before.
        """
        process = subprocess.Popen(["ip", "netns", "exec", self.name, *argv], **options)
        self._processes.append(process)
        return process

    def run(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        """Run a command inside to its end; ``options`` are subprocess.run's."""
        return subprocess.run(["ip", "netns", "exec", self.name, *argv], **options)

    def unplug(self) -> None:
        """Pull the cable: no packets, and the host sees that its carrier is gone."""
        self._lan.switch("link", "set", self._port, "down")

    def plug(self) -> None:
        """Put the cable back in."""
        self._lan.switch("link", "set", self._port, "up")

    def silence(self) -> None:
        """Let no packet through in either direction, without the host noticing anything else."""
        self._lan.switch("link", "set", self._port, "nomaster")

    def unsilence(self) -> None:
        """Let packets through again."""
        self._lan.switch("link", "set", self._port, "master", "br0")

    def add_address(self, address: str) -> None:
        """Give ``eth0`` a further address, as ``ADDRESS/BITS``."""
        self.run(["ip", "address", "add", address, "dev", self.interface], check=True)

    def remove_address(self, address: str) -> None:
        """Take an address, as ``ADDRESS/BITS``, off ``eth0``."""
        self.run(["ip", "address", "del", address, "dev", self.interface], check=True)

    def _end_processes(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _STOP_WITHIN
        for process in self._processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # a pipe to a dead process can't be flushed
                        pipe.close()
        self._processes.clear()


class Lan:
    """``hosts`` machines on one switch, numbered from 1: the first is SUBNET.1 in a /24.

    A context manager; see the module's docstring.
    """

    def __init__(self, hosts: int, subnet: str = "10.77.0") -> None:
        self.name = f"{_PREFIX}{os.getpid()}-{next(_serial)}"
        self.subnet = subnet
        self.hosts = [Host(self, number) for number in range(1, hosts + 1)]

    def __enter__(self) -> Lan:
        _sweep()
        try:
            self._make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process inside and delete the namespaces; the links die with them."""
        for host in self.hosts:
            host._end_processes()
        for name in [self.name, *(host.name for host in self.hosts)]:
            _delete(name)

    def switch(self, *arguments: str) -> None:
        """Run ``ip`` with these arguments on the switch; ports are p1, p2, ... and the bridge br0."""
        _ip("-n", self.name, *arguments)

    def _make(self) -> None:
        _ip("netns", "add", self.name)
        self.switch("link", "add", "br0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
        self.switch("link", "set", "br0", "up")
        for host in self.hosts:
            _ip("netns", "add", host.name)
            peer = ("peer", "name", host.interface, "netns", host.name)
            self.switch("link", "add", host._port, "type", "veth", *peer)
            self.switch("link", "set", host._port, "master", "br0", "up")
            inside = ("-n", host.name)
            _ip(*inside, "link", "set", "lo", "up")
            _ip(*inside, "address", "add", f"{host.address}/24", "dev", host.interface)
            # As on a cable, where each datagram is lost by itself: none in one piece with others.
            _ip(*inside, "link", "set", host.interface, "gso_max_segs", "1", "up")
            _ip(*inside, "route", "add", "224.0.0.0/4", "dev", host.interface)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _delete(name: str) -> None:
    """Kill what is left inside a namespace (a grandchild of a test, say) and delete it."""
    if not Path("/run/netns", name).exists():
        return
    listed = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
    for pid in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def _sweep() -> None:
    """Delete the namespaces of test processes that did not live to do it."""
    folder = Path("/run/netns")
    for entry in folder.iterdir() if folder.exists() else ():
        named = re.fullmatch(rf"{_PREFIX}([0-9]+)-.*", entry.name)
        if named and not Path("/proc", named[1]).exists():
            _delete(entry.name)
