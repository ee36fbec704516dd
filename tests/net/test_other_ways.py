"""Boxes that discovery does not bring together: by a known address, a typed one, a server between them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from net.boxes import Boxes, TestBox
from net.namespaces import Host, Lan, needs_namespaces

from appliance.app import state_files

pytestmark = needs_namespaces

NAMES = ("Bridge", "Galley")
PASSWORD = "731946"
WITHIN = 3.0  # the bound for joining without multicast


def no_multicast(host: Host) -> None:
    """Drop what mDNS says, in and out, as a switch does that carries no multicast."""
    script = (
        "add table inet t\n"
        "add chain inet t in { type filter hook input priority 0; }\n"
        "add chain inet t out { type filter hook output priority 0; }\n"
        "add rule inet t in udp dport 5353 drop\n"
        "add rule inet t out udp dport 5353 drop\n"
    )
    host.run(["nft", "-f", "-"], input=script.encode(), check=True)


def joins(boxes: Boxes, members: list[TestBox], room: int = 42) -> float:
    """Have the first be in the room, then the others; seconds until every picture is drawn."""
    first, *others = members
    names = {box.name for box in members}
    first.ask("join", room=room, password=PASSWORD)
    boxes.wait(lambda: first.status()["state"] == "in-call")
    begun = time.monotonic()
    for box in others:
        box.ask("join", room=room, password=PASSWORD)
    boxes.wait(lambda: all(box.drawn() == names - {box.name} for box in members), 20.0)
    return time.monotonic() - begun


def known(box: TestBox) -> dict[str, dict[str, Any]]:
    file = box.folder / "state" / state_files.KNOWN
    return {b["name"]: b for b in json.loads(file.read_text())["boxes"]} if file.exists() else {}


def test_who_met_once_meets_again_without_multicast(tmp_path: Path) -> None:
    with Lan(2) as lan, Boxes(tmp_path) as boxes:
        a, b = boxes.start_all(NAMES, lan.hosts)
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        joins(boxes, [a, b])
        for box in (a, b):
            box.ask("leave")
        for host in lan.hosts:
            no_multicast(host)
        for box in (a, b):
            box.end()
            box.restart()
        assert (known(a)["Galley"]["how"], known(b)["Bridge"]["how"]) == (2, 2)
        boxes.wait(lambda: bool(a.status() and b.status()), 20.0)
        took = joins(boxes, [a, b])
        assert not a.sees("Galley")
        assert not b.sees("Bridge")
        assert took <= WITHIN


def test_an_address_typed_once_brings_two_boxes_together_without_multicast(tmp_path: Path) -> None:
    with Lan(2) as lan, Boxes(tmp_path) as boxes:
        for host in lan.hosts:
            no_multicast(host)
        a, b = boxes.start_all(NAMES, lan.hosts)
        address = lan.hosts[0].address
        assert b.ask("connect", address=address)["address"] == address
        assert joins(boxes, [a, b]) <= WITHIN
        assert not b.sees("Bridge")


def test_an_address_typed_in_a_meeting_joins_the_two_halves(tmp_path: Path) -> None:
    with Lan(2) as lan, Boxes(tmp_path) as boxes:
        for host in lan.hosts:
            no_multicast(host)
        a, b = boxes.start_all(NAMES, lan.hosts)
        for box in (a, b):
            box.ask("join", room=42, password=PASSWORD)
        boxes.wait(lambda: a.status()["state"] == b.status()["state"] == "in-call")
        assert (a.peers(), b.peers()) == ({}, {})
        a.ask("connect", address=lan.hosts[1].address)
        boxes.wait(lambda: a.drawn() == {"Galley"} and b.drawn() == {"Bridge"})


class Serving:
    """``meetingbox serve`` in a host."""

    def __init__(self, host: Host, log: Path, *arguments: str) -> None:
        argv = [sys.executable, "-m", "appliance", "serve", *arguments]
        self._log = log
        with log.open("wb") as out:
            self.process = host.popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def log(self) -> str:
        return self._log.read_text()

    def end(self) -> str:
        self.process.terminate()
        assert self.process.wait(8.0) == 0
        return self.log()


def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def connect(left: Lan, right: Lan) -> Host:
    """Make the last host of ``left`` a router with a leg, ``eth1``, in ``right``; return it."""
    router = left.hosts[-1]
    right.switch("link", "add", "px", "type", "veth", "peer", "name", "eth1", "netns", router.name)
    right.switch("link", "set", "px", "master", "br0", "up")
    beyond = f"{right.subnet}.254"
    for command in (
        ["ip", "address", "add", f"{beyond}/24", "dev", "eth1"],
        ["ip", "link", "set", "eth1", "up"],
        ["sysctl", "-qw", "net.ipv4.ip_forward=1"],
    ):
        router.run(command, check=True)
    for lan, gateway, network in ((left, router.address, right.subnet), (right, beyond, left.subnet)):
        for host in lan.hosts:
            if host is not router:
                host.run(["ip", "route", "add", f"{network}.0/24", "via", gateway], check=True)
    return router


def test_a_server_between_two_subnets_brings_boxes_of_both_together(tmp_path: Path) -> None:
    with Lan(2, "10.77.0") as left, Lan(1, "10.78.0") as right, Boxes(tmp_path) as boxes:
        router = connect(left, right)
        config = tmp_path / "serve.toml"
        config.write_text('name = "Relay"\n')
        both = ("--interface", "eth0", "--interface", "eth1")
        server = Serving(router, tmp_path / "serve.txt", "--config", str(config), *both)
        until(lambda: "serve.started" in server.log())
        assert f"addresses={router.address},{right.subnet}.254" in server.log()
        a = boxes.start("Bridge", host=left.hosts[0])
        b = boxes.start("Galley", host=right.hosts[0])
        boxes.wait(lambda: all(known(box).get("Relay") for box in (a, b)), 20.0)
        joins(boxes, [a, b])
        assert a.status()["boxes"] == b.status()["boxes"] == []  # neither each other nor the server
        told = server.end()
        assert "serve.stopped" in told
        assert "signaling.client=2" in told
        assert PASSWORD not in told
        # It was needed to meet, and is not needed to go on.
        drawn = a.stats()["peers"][0]["drawn"]
        boxes.wait(lambda: a.stats()["peers"][0]["drawn"] > drawn + 20)


def test_a_server_that_cannot_have_its_port_says_so_and_ends(tmp_path: Path) -> None:
    with Lan(1) as lan:
        first = Serving(lan.hosts[0], tmp_path / "first.txt")
        until(lambda: "serve.started" in first.log())
        second = Serving(lan.hosts[0], tmp_path / "second.txt")
        assert second.process.wait(15.0) == 1
        assert "Port 8787" in second.log()
        assert "Traceback" not in second.log() + first.end()
