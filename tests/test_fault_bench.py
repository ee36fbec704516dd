"""The bench of faults judges rightly: what flows, since when, what was disturbed; and its switch is slow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from net.namespaces import Lan, needs_namespaces

sys.path.insert(0, str(Path(__file__).resolve().parent / "benchmarks"))

import faults
from _faults import FAULTS, Round
from _slow_switch import SlowSwitch
from _watch import GAP_MAX, Look, Tile, Watch

EVERY = 0.2


def watched(tiles: Iterable[tuple[float, Tile | None]]) -> Watch:
    """A watch that saw these: seconds ago, and the one tile that there was."""
    now = time.monotonic()
    box: Any = None
    looks = [Look(now - ago, () if tile is None else (tile,)) for ago, tile in tiles]
    return Watch(box, looks)


def drawing(start: float, end: float, first: int = 0, peer: str = "p", state: str = "live") -> list:
    """Looks from so many seconds ago to so many: three new pictures between every two."""
    count = round((start - end) / EVERY)
    return [(start - n * EVERY, Tile(peer, "Galley", state, first + 3 * n, 1.0)) for n in range(count + 1)]


def still(start: float, end: float, drawn: int, state: str = "silent") -> list:
    count = round((start - end) / EVERY)
    return [(start - n * EVERY, Tile("p", "Galley", state, drawn, None)) for n in range(count + 1)]


class TestFlow:
    def test_what_never_stopped_flows_from_the_origin(self) -> None:
        watch = watched(drawing(10, 0))
        origin = time.monotonic() - 5
        assert watch.flowing_since("Galley", origin) == origin

    def test_after_a_break_it_flows_from_its_first_new_picture(self) -> None:
        watch = watched(drawing(10, 8) + still(7.8, 4, 30) + drawing(3.8, 0, 30))
        since = watch.flowing_since("Galley", time.monotonic() - 8)
        assert since == pytest.approx(time.monotonic() - 3.6, abs=0.1)

    def test_a_peer_that_proved_itself_anew_flows_at_its_first_picture(self) -> None:
        watch = watched([*drawing(10, 8), (6.0, None), *drawing(2, 0, 1, peer="q")])
        since = watch.flowing_since("Galley", time.monotonic() - 8)
        assert since == pytest.approx(time.monotonic() - 2, abs=0.1)

    def test_what_has_stopped_does_not_flow_and_neither_does_a_box_that_does_not_answer(self) -> None:
        assert watched(drawing(10, 2) + still(1.8, 0, 120)).flowing_since("Galley", 0.0) is None
        assert watched(drawing(10, GAP_MAX + 0.5)).flowing_since("Galley", 0.0) is None
        assert watched([]).flowing_since("Galley", 0.0) is None

    def test_rates_and_freezes(self) -> None:
        watch = watched(drawing(10, 6) + still(5.8, 4, 60) + drawing(3.8, 0, 60))
        now = time.monotonic()
        assert watch.rate("Galley", now - 10, now - 6) == pytest.approx(15, rel=0.1)
        assert watch.freeze("Galley", now - 10, now) == pytest.approx(2.4, abs=0.25)

    def test_a_tile_is_detected_as_silent_or_gone(self) -> None:
        watch = watched([*drawing(10, 6), *still(5.8, 4, 60), (3.0, None)])
        now = time.monotonic()
        assert watch.first("Galley", now - 9, ("silent",)) == pytest.approx(now - 5.8, abs=0.1)
        assert watch.first("Galley", now - 9, ("",)) == pytest.approx(now - 3, abs=0.1)
        assert watch.first("Galley", now - 9, ("connecting",)) is None


class TestReport:
    NAME = "box killed, restarted"

    def test_the_worst_round_counts(self) -> None:
        row = faults.row(self.NAME, [Round(1.0, 2.0), Round(5.5, 3.5)], 0)
        assert (row["healed_ms"], row["detected_ms"], row["kept"]) == (5500, 3500, True)

    @pytest.mark.parametrize(
        "bad",
        [
            Round(6.5, 1.0),
            Round(1.0, 4.5),
            Round(None, 1.0),
            Round(1.0, None),
            Round(1.0, 1.0, lost=1),
            Round(1.0, 1.0, disturbed=True),
            Round(1.0, 1.0, notes=("something else",)),
        ],
        ids=str,
    )
    def test_one_bad_round_spoils_it(self, bad: Round) -> None:
        assert not faults.row(self.NAME, [Round(1.0, 1.0), bad], 0)["kept"]

    def test_a_round_that_ended_in_an_error_is_a_lost_call(self) -> None:
        row = faults.row(self.NAME, [Round(1.0, 1.0)], 1)
        assert (row["healed_ms"], row["calls_lost"], row["kept"]) == (None, 1, False)

    def test_every_fault_has_its_bounds(self) -> None:
        assert [fault.name for fault in FAULTS] == list(faults.BOUNDS)


ECHO = """
import socket, sys
if sys.argv[1] == "tcp":
    listener = socket.create_server((sys.argv[2], 9000))
    print("ready", flush=True)
    connection, _ = listener.accept()
    while data := connection.recv(65536):
        connection.sendall(data)
else:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((sys.argv[2], 9000))
    print("ready", flush=True)
    while True:
        one.sendto(*one.recvfrom(2048))
"""
ASK = """
import json, socket, sys, threading, time
kind, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
begun = time.monotonic()
if kind == "tcp":
    sent = bytes(range(256)) * count
    one = socket.create_connection((address, 9000))
    threading.Thread(target=lambda: (one.sendall(sent), one.shutdown(socket.SHUT_WR))).start()
    came = b""
    while data := one.recv(65536):
        came += data
    print(json.dumps([came == sent, time.monotonic() - begun]))
else:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.connect((address, 9000))
    one.settimeout(1.0)
    for n in range(count):
        one.send(bytes(100))
    came, first = 0, None
    try:
        while came < count:
            one.recv(2048)
            came, first = came + 1, first or time.monotonic() - begun
    except TimeoutError:
        pass
    print(json.dumps([came, first]))
"""


def asked(lan: Lan, kind: str, count: int) -> Any:
    """What came back from the other host, and how long it took."""
    one, other = lan.hosts
    echo = other.popen([sys.executable, "-c", ECHO, kind, other.address], stdout=subprocess.PIPE)
    try:
        assert echo.stdout is not None
        assert echo.stdout.readline() == b"ready\n"
        done = one.run([sys.executable, "-c", ASK, kind, other.address, str(count)], stdout=subprocess.PIPE)
        return json.loads(done.stdout)
    finally:
        echo.kill()
        echo.wait()


@needs_namespaces
def test_a_slow_switch_takes_its_time_loses_its_share_and_leaves_the_rest_whole() -> None:
    with Lan(2) as lan:
        with SlowSwitch(lan, delay_ms=30, loss=0.0):
            assert asked(lan, "udp", 20)[0] == 20
            whole, took = asked(lan, "tcp", 1000)  # 256 kB each way, in segments that a veth leaves large
            assert whole
            assert took >= 0.12  # a handshake, and at least one round trip more
        with SlowSwitch(lan, delay_ms=30, loss=0.5):
            came, _ = asked(lan, "udp", 200)
            assert 5 <= came <= 120  # a quarter of them comes back; ARP may need a second try
        assert asked(lan, "udp", 20)[0] == 20  # the bridge is back
