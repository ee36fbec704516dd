"""Interfaces as the kernel has them, and their changes."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from pathlib import Path

import pytest
from net.namespaces import Lan, needs_namespaces

from appliance.signaling.interfaces import (
    Interface,
    host_addresses,
    interface_problems,
    list_interfaces,
    may_dial,
)

WIRED = Interface("eth0", 2, ("192.168.1.5", "2001:db8:1::5"), "wired", (
    ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network("2001:db8:1::/64")))  # fmt: skip
LOCAL = Interface("lo", 1, ("127.0.0.1",), "local", (ipaddress.ip_network("127.0.0.0/8"),))


def test_loopback_is_used_only_when_chosen() -> None:
    assert all(interface.kind != "local" for interface in list_interfaces())
    (local,) = list_interfaces(["lo"])
    assert (local.name, local.kind, local.addresses) == ("lo", "local", ("127.0.0.1",))


def test_a_chosen_interface_that_does_not_exist_is_a_problem_not_an_error() -> None:
    assert list_interfaces(["nosuch0"]) == ()
    (problem,) = interface_problems(["nosuch0"])
    assert "nosuch0" in problem
    assert "lo" in problem


def test_addresses_come_once_each_in_the_order_of_the_interfaces() -> None:
    assert host_addresses([LOCAL, WIRED, LOCAL]) == ["127.0.0.1", "192.168.1.5", "2001:db8:1::5"]


@pytest.mark.parametrize("address", ["10.1.2.3", "172.16.0.1", "192.168.9.9", "169.254.7.7", "fd12::1"])
def test_private_addresses_may_be_dialled(address: str) -> None:
    assert may_dial(address, [WIRED])


def test_a_public_address_may_be_dialled_only_in_our_own_subnet() -> None:
    assert may_dial("2001:db8:1::77", [WIRED])
    assert not may_dial("2001:db8:2::77", [WIRED])
    assert not may_dial("8.8.8.8", [WIRED])


def test_loopback_may_be_dialled_only_by_a_box_that_uses_loopback() -> None:
    assert may_dial("127.0.0.1", [LOCAL])
    assert not may_dial("127.0.0.1", [WIRED])
    assert not may_dial("::1", [WIRED])


@pytest.mark.parametrize(
    "address",
    ["", "example.org", "0.0.0.0", "::", "224.0.0.251", "ff02::fb", "255.255.255.255", "fe80::1%eth0"],
)
def test_what_is_no_host_may_not_be_dialled(address: str) -> None:
    assert not may_dial(address, [WIRED, LOCAL])


WATCH = """
import asyncio, json, sys
from appliance.signaling.interfaces import InterfaceWatcher

def show(interfaces):
    print(json.dumps([[i.name, i.kind, list(i.addresses)] for i in interfaces]), flush=True)

async def main():
    watcher = InterfaceWatcher(sys.argv[1:], show)
    show(watcher.start())
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    watcher.stop()

asyncio.run(main())
"""


@needs_namespaces
def test_the_watcher_tells_of_every_change_of_an_interface() -> None:
    with Lan(1) as lan:
        host = lan.hosts[0]
        watcher = host.popen(
            [sys.executable, "-c", WATCH, "eth0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert watcher.stdin is not None
        assert watcher.stdout is not None

        def told() -> str:
            return watcher.stdout.readline().strip()

        assert told() == '[["eth0", "wired", ["10.77.0.1"]]]'
        host.add_address("10.78.0.1/24")
        assert told() == '[["eth0", "wired", ["10.77.0.1", "10.78.0.1"]]]'
        host.add_address("fd77::1/64")
        assert told() == '[["eth0", "wired", ["10.77.0.1", "10.78.0.1", "fd77::1"]]]'
        host.unplug()
        assert told() == "[]"
        host.plug()
        assert told() == '[["eth0", "wired", ["10.77.0.1", "10.78.0.1", "fd77::1"]]]'
        watcher.stdin.close()
        assert watcher.wait(5) == 0
