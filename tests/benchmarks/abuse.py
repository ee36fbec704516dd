"""A stranger on the LAN against a running call: what it costs, and what he gets.

Whole boxes, each in a network namespace of its own: "Bridge" and "Galley" are in a call, "Library" was in
it and left (a box met before), "Guest" was never there. An attacker on a fifth computer tries, one after the
other: 10,000 connections, 100,000 garbage frames, readers that never read, oversized frames, forged frames in
other boxes' handshakes, 1,000 wrong passwords, and 1,000 made-up members against Guest, who joins a room of
its own.

``memory_mb``
    the most that the target's resident memory grew while it lasted. At most 20.
``fps_ratio``
    pictures drawn per second of the call while it lasted, of those in the windows without an attack before
    and after it; the worse of the two boxes. At least 0.95.
``guesses_given``
    wrong proofs that the target looked at, or proofs that it sent to made-up members. At most 5.
``over_s``
    seconds from the attack's end until the target's ``stats`` say that it is over (``abuse``; 10 are its
    own).
``counted``
    what the target counted meanwhile, the five most frequent.

Beside the rows: ``known_ms`` is how long Library took from its join to both pictures being drawn while
strangers were shut out; ``stranger_in`` whether Guest, with the right password, got in then (it must not),
and ``admitted_in`` after a person admitted it. ``attempts_burnt``: guesses that anybody lost to forged
frames. 0.

The attacker is a program on the same machine: it runs at nice 19 and paces itself, so that the call loses
to what the box does and not to its neighbour. A computer of its own would be faster; the limits are
per second.
Needs root. One JSON line last on stdout, the table on stderr.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from net.boxes import Boxes, TestBox
from net.namespaces import Host, Lan, can_make_namespaces

ROOM, OTHER_ROOM = 42, 77
PASSWORD = "731946"
ATTACKER = str(Path(__file__).with_name("_attacker.py"))
WINDOW_S = 8.0
LOOK_EVERY = 0.25
OVER_WITHIN = 30.0
INJECT_JOINS = 3
QUIET = ("abuse.wrong-proofs", "abuse.flood", "abuse.clash")
MEMORY_MAX_MB, RATIO_MIN, GUESSES_MAX = 20.0, 0.95, 5


class Call:
    """The two boxes whose call must not notice."""

    def __init__(self, boxes: list[TestBox]) -> None:
        self.boxes = boxes

    def drawn(self) -> list[tuple[float, int]]:
        """(the box's clock, pictures drawn of its first peer) of each."""
        found = []
        for box in self.boxes:
            stats = box.stats()
            named = [p for p in stats["peers"] if p["name"] in {b.name for b in self.boxes}]
            found.append((stats["now"], named[0]["drawn"] if named else 0))
        return found

    def rates(self, before: list[tuple[float, int]]) -> list[float]:
        """Pictures drawn per second since."""
        after = self.drawn()
        pairs = zip(before, after, strict=True)
        return [(drawn - drawn0) / (now - now0) for (now0, drawn0), (now, drawn) in pairs]

    def quiet(self) -> list[float]:
        """The rates in a window without an attack."""
        before = self.drawn()
        time.sleep(WINDOW_S)
        return self.rates(before)


class Bench:
    """Attacks one after the other, and writes down the rows."""

    def __init__(self, lan: Lan, boxes: Boxes, call: Call) -> None:
        self.lan = lan
        self.boxes = boxes
        self.call = call
        self.attacker: Host = lan.hosts[-1]
        self.rows: list[dict[str, Any]] = []
        self._before = call.quiet()

    def start(self, what: str, targets: list[Host], room: int, *more: str) -> subprocess.Popen[bytes]:
        addresses = ",".join(host.address for host in targets)
        argv = [sys.executable, ATTACKER, what, addresses, str(room), *more]
        return self.attacker.popen(argv, stdout=subprocess.PIPE)

    def attack(
        self,
        what: str,
        target: TestBox,
        process: subprocess.Popen[bytes],
        guesses: str,
        meanwhile: Any = None,
    ) -> dict[str, Any]:
        """See an attack through; ``meanwhile()`` is called once while it goes on."""
        counted = Counter(target.status()["counters"])
        memory = psutil.Process(target.process.pid)
        rss = most = memory.memory_info().rss
        drawn = self.call.drawn()
        if meanwhile is not None:
            meanwhile()
        while process.poll() is None:
            most = max(most, memory.memory_info().rss)
            time.sleep(LOOK_EVERY)
        most = max(most, memory.memory_info().rss)
        during = self.call.rates(drawn)
        assert process.stdout is not None
        did = json.loads(process.stdout.read().splitlines()[-1])
        over = self._over(target)
        after = self.call.quiet()
        quiet = [(one + other) / 2 for one, other in zip(self._before, after, strict=True)]
        self._before = after
        news = Counter(target.status()["counters"]) - counted
        row = {
            "attack": what,
            "memory_mb": round((most - rss) / 2**20, 1),
            "fps_ratio": round(min(now / was for now, was in zip(during, quiet, strict=True)), 3),
            "guesses_given": did.get(guesses.partition(":")[2], 0) if ":" in guesses else news[guesses],
            "over_s": over,
            "did": did,
            "counted": dict(news.most_common(5)),
        }
        self.rows.append(row)
        print(
            f"{what:24} {row['memory_mb']:7.1f} MB  fps x{row['fps_ratio']:.3f}"
            f"  guesses {row['guesses_given']}  over in {over} s  {did}  {row['counted']}",
            file=sys.stderr,
        )
        return row

    def _over(self, target: TestBox) -> float | None:
        begun = time.monotonic()
        while time.monotonic() - begun < OVER_WITHIN:
            if not any(target.stats()["abuse"][code]["active"] for code in QUIET):
                return round(time.monotonic() - begun, 1)
            time.sleep(0.5)
        return None


def joins(boxes: Boxes, box: TestBox, names: set[str], within: float) -> float | None:
    """Have a box join the call; milliseconds until it drew these, or None."""
    begun = time.monotonic()
    box.ask("join", room=ROOM, password=PASSWORD)
    while time.monotonic() - begun < within:
        if box.drawn() >= names:
            return round(1000 * (time.monotonic() - begun))
        time.sleep(0.02)
    return None


def wait_ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"]


def measure(lan: Lan, boxes: Boxes) -> dict[str, Any]:
    names = ("Bridge", "Galley", "Library", "Guest")
    a, b, known, guest = boxes.start_all(names, lan.hosts)
    here = {"Bridge", "Galley"}
    boxes.wait(lambda: all(box.sees(*(set(names) - {box.name})) for box in boxes.all), 40.0)
    for box in (a, b, known):
        box.ask("join", room=ROOM, password=PASSWORD)
    boxes.wait(lambda: known.drawn() == here and a.drawn() == {"Galley", "Library"}, 15.0)
    known.ask("leave")
    boxes.wait(lambda: a.drawn() == {"Galley"} and b.drawn() == {"Bridge"})
    time.sleep(2.0)
    bench = Bench(lan, boxes, Call([a, b]))
    target = lan.hosts[0]
    for what, name in (
        ("connections", "10000 connections"),
        ("garbage", "100000 garbage frames"),
        ("slow", "slow readers"),
        ("oversized", "oversized frames"),
    ):
        bench.attack(name, a, bench.start(what, [target], ROOM), "join.wrong-proof")

    forging = bench.start("inject", lan.hosts[:3], ROOM, "--seconds", "20")
    wait_ready(forging)
    lost: list[int] = []

    def join_and_leave() -> None:
        time.sleep(1.0)
        for _ in range(INJECT_JOINS):
            took = joins(boxes, known, here, 10.0)
            lost.append(0 if took is not None else 1)
            known.ask("leave")
            time.sleep(0.5)

    bench.attack("forged frames", a, forging, "join.wrong-proof", join_and_leave)
    burnt = sum(box.status()["counters"].get("join.wrong-proof", 0) for box in (a, b))
    burnt += sum(box.status()["counters"].get("join.refused", 0) for box in (a, b, known)) + sum(lost)

    row = bench.attack("1000 wrong passwords", a, bench.start("guesses", [target], ROOM), "join.wrong-proof")
    row["guesses_given_by_all"] = sum(box.status()["counters"].get("join.wrong-proof", 0) for box in (a, b))
    row["strangers"] = a.status()["strangers"]
    known_ms = joins(boxes, known, here, 10.0)
    known.ask("leave")
    stranger_ms = joins(boxes, guest, here, 6.0)
    if stranger_ms is None:
        guest.ask("leave")
        a.ask("admit")
        b.ask("admit")
    admitted_ms = joins(boxes, guest, here, 10.0)
    guest.ask("leave")
    boxes.wait(lambda: guest.status()["state"] == "idle")

    rogue = bench.start("fake", [lan.hosts[3], *lan.hosts[:3]], OTHER_ROOM, "--seconds", "20")
    wait_ready(rogue)

    def join_alone() -> None:
        time.sleep(1.0)
        guest.ask("join", room=OTHER_ROOM, password=PASSWORD)

    bench.attack("1000 made-up members", guest, rogue, "did:proofs", join_alone)
    return {
        "bench": "abuse",
        "rows": bench.rows,
        "known_ms": known_ms,
        "stranger_in": stranger_ms is not None,
        "admitted_in": admitted_ms is not None,
        "attempts_burnt": burnt,
    }


def show(result: dict[str, Any]) -> None:
    rows = result["rows"]
    for what, value, met in (
        ("most memory, MB", max(r["memory_mb"] for r in rows), lambda v: v <= MEMORY_MAX_MB),
        ("least frame rate", min(r["fps_ratio"] for r in rows), lambda v: v >= RATIO_MIN),
        ("most guesses given", max(r["guesses_given"] for r in rows), lambda v: v <= GUESSES_MAX),
        ("attempts burnt by forged frames", result["attempts_burnt"], lambda v: v == 0),
        ("a box met before got in, ms", result["known_ms"], lambda v: v is not None),
        ("a stranger got in meanwhile", result["stranger_in"], lambda v: not v),
        ("... and when a person admitted it", result["admitted_in"], lambda v: v),
        ("all over in the counters", [r["over_s"] for r in rows], lambda v: None not in v),
    ):
        print(f"{what:40} {value!s:>24}  {'met' if met(value) else 'NOT MET'}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="abuse", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    if not can_make_namespaces():
        parser.error("it needs root and iproute2, to make network namespaces")
    with (
        tempfile.TemporaryDirectory(prefix="meetingbox-bench-") as scratch,
        Lan(5) as lan,
        Boxes(Path(scratch)) as boxes,
    ):
        result = measure(lan, boxes)
    show(result)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
