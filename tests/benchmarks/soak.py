"""A long meeting of four boxes on a bad day: does anything grow, fill up or get slower?

Four whole boxes, each in a network namespace of its own, lose 1 % of what they send each other. All the
time somebody mutes, changes the layout or pins a tile (so that layers change), leaves and joins again: by
chance, from a seed that is printed. Before that every box shows every other one large, once: the memory
that each layer needs is there from then on. ``stats`` of every box is read every two seconds.

What is reported, and what it must be:

``growth_mb_max``
    of the resident memory of every process (each box's main process and its camera process): the
    highest of a minute after the fifth, less that of the fifth. At most 3. A box that shows somebody large
    holds larger pictures than one that shows a grid, so each minute ends with the same for all: everybody
    is there, nobody is muted or pinned, every box shows its grid; a minute's figure is the median of what is
    read then. ``uss``: the same of the memory that is the process's alone. ``any_growth_mb_max``: the same
    of the medians of whole minutes, whatever was shown in them; it has no bound.
``queues_over_bound``
    how often a queue was seen fuller than its bound. 0. ``queues_most``: the fullest each was seen, and
    its bound.
``latency_p95_first_ms``, ``latency_p95_last_ms``
    in the first and the last minute: of every tile's p95 of ten seconds, drawn, the median. The last at
    most 10 % or 3 ms above the first.

A run of less than twenty minutes has shorter "minutes", a twentieth of it each: a smoke test. Needs root.
One JSON line last on stdout, the table on stderr.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _network import lose
from _soak_report import Series, report, show
from net.boxes import Boxes, TestBox
from net.namespaces import Lan, can_make_namespaces

from appliance.errors import ControlError

NAMES = ("Bridge", "Engine Room", "Infirmary", "Harbour Office")
ROOM = 42
LOSS_PERCENT = 1.0
LOOK_EVERY = 2.0
LATENCY_OVER = 10.0  # seconds that one p95 is of
LATENCY_FPS_MIN = 5  # pictures a second in them; a tile that was shown for less says little
EVENT_EVERY = 4.0  # on average
AWAY = (3.0, 8.0)  # seconds that somebody who left stays away
JOIN_WITHIN = 15.0
VISIT_S = 1.5  # a layer is asked for, encoded and shown
REST = 0.3  # of a minute, at its end, in which nothing happens
REST_SEEN = 0.2  # of it, at its end: memory is compared in that. Free memory goes back every few seconds
REST_LOOK_EVERY = 1.0  # in that part
SCREEN = (1280, 720)  # tiles of a grid of four are at M, those of the speaker view's strip at L


class Soak:
    """The meeting and everything that is noted of it."""

    loss_percent = LOSS_PERCENT

    def __init__(self, boxes: list[TestBox], rng: random.Random, note_every: float) -> None:
        self.boxes = boxes
        self.note_every = note_every
        self.events: Counter[str] = Counter()
        self.series = {
            (box.name, kind): Series(box.name, kind) for box in boxes for kind in ("main", "camera")
        }
        self.latencies: list[tuple[float, float]] = []  # (seconds since the start, a tile's p95)
        self.queues: dict[str, tuple[int, int]] = {}  # the fullest seen, the bound
        self.queues_over_bound = 0
        self.process: dict[str, list[dict[str, Any]]] = {box.name: [] for box in boxes}
        self._rng = rng
        self._password = f"{secrets.randbelow(900_000) + 100_000}"
        self._away: tuple[TestBox, float] | None = None  # who left, when it comes back
        self._muted: set[str] = set()
        self._pinned: dict[str, str] = {}  # by box: whom it shows large
        self._coming: dict[str, float] = {}  # who joined and does not see everybody yet, since when

    def join(self, box: TestBox) -> None:
        box.ask("join", room=ROOM, password=self._password)

    # --- what happens ---------------------------------------------------------------------------

    def happen(self, now: float) -> None:
        """Let something happen; whoever is away comes back in time."""
        present = [box for box in self.boxes if self._away is None or box is not self._away[0]]
        box = self._rng.choice(present)
        kind = self._rng.choices(("mute", "layout", "pin", "leave"), (3, 3, 3, 1))[0]
        try:
            if kind == "mute":
                box.ask("mute", state="toggle")
                self._muted ^= {box.name}
            elif kind == "layout":
                box.ask("layout", layout=self._rng.choice(("grid", "speaker")))
            elif kind == "pin":
                peers = sorted(box.peers())
                if not peers:
                    return
                self._pin(box, self._rng.choice(peers))
            elif self._away is None and not self._coming:
                box.ask("leave")
                self._away = (box, now + self._rng.uniform(*AWAY))
                self._pinned = {by: who for by, who in self._pinned.items() if box.name not in (by, who)}
            else:
                return
        except ControlError as error:  # the peer went in this moment, say
            self.events[f"refused {error.code}"] += 1
        else:
            self.events[kind] += 1

    def _pin(self, box: TestBox, peer: str) -> None:
        """Pin a peer's tile, or unpin it where it is the one."""
        box.ask("peer", peer=peer, action="pin")
        if self._pinned.get(box.name) == peer:
            del self._pinned[box.name]
        else:
            self._pinned[box.name] = peer

    def rest(self, now: float) -> bool:
        """Bring all boxes into the state in which memory is compared; return whether they are in it."""
        self.come_back(now, anyway=True)
        done = not self._coming
        for box in self.boxes:
            done &= self._asked(box, "layout", layout="grid")
            who = self._pinned.get(box.name)
            if who is not None and self._asked(box, "peer", peer=who, action="pin"):
                del self._pinned[box.name]
            if box.name in self._muted and self._asked(box, "mute", state="off"):
                self._muted.discard(box.name)
        return done and not self._pinned and not self._muted

    def _asked(self, box: TestBox, verb: str, **arguments: Any) -> bool:
        try:
            box.ask(verb, **arguments)
        except ControlError as error:  # it joins in this moment, or the peer does
            self.events[f"refused {error.code}"] += 1
            return False
        return True

    def come_back(self, now: float, *, anyway: bool = False) -> None:
        """Have who left join again, when it is time."""
        if self._away is not None and (anyway or now >= self._away[1]):
            box, self._away = self._away[0], None
            self.join(box)
            self.events["join"] += 1
            self._coming[box.name] = now

    def arrived(self, now: float) -> None:
        """Note who sees everybody again, and who does not in time."""
        for box in self.boxes:
            since = self._coming.get(box.name)
            if since is None:
                continue
            if len(box.drawn()) >= len(self.boxes) - 1:
                del self._coming[box.name]
            elif now - since > JOIN_WITHIN:
                del self._coming[box.name]
                self.events["join too slow"] += 1

    # --- what is seen ---------------------------------------------------------------------------

    def look_at_memory(self, at: float, *, resting: bool) -> None:
        """Take down the memory of every process."""
        for box in self.boxes:
            self.series[box.name, "main"].look(at, box.process.pid, resting=resting)
            if (pid := box.stats()["camera"]["pid"]) is not None:
                self.series[box.name, "camera"].look(at, pid, resting=resting)

    def look(self, at: float, since: dict[str, float], *, note: bool) -> dict[str, float]:
        """Read ``stats`` of every box; with ``note``, take down latencies and the like too.

        ``since``, returned anew: each box's clock at the last note.
        """
        clocks = dict(since)
        for box in self.boxes:
            stats = box.ask("stats", since=since.get(box.name, 0.0))
            self._fullness(stats["queues"])
            for peer in stats["peers"]:
                self._fullness(peer["queues"])
            if not note:
                continue
            clocks[box.name] = stats["now"]
            self.process[box.name].append({**stats["process"], "restarts": stats["camera"]["restarts"]})
            self.latencies += [
                (at, peer["latency_ms"]["p95"])
                for peer in stats["peers"]
                if peer["latency_ms"]["samples"] >= LATENCY_FPS_MIN * self.note_every
            ]
        return clocks

    def _fullness(self, queues: dict[str, dict[str, int]]) -> None:
        for name, queue in queues.items():
            most, _ = self.queues.get(name, (0, 0))
            self.queues[name] = (max(most, queue["waiting"]), queue["bound"])
            self.queues_over_bound += queue["waiting"] > queue["bound"]


def visit(soak: Soak) -> None:
    """Have every box show every other one large, once: what each layer needs is not growth."""
    for box in soak.boxes:
        box.ask("layout", layout="speaker")
        for peer in sorted(box.peers()):
            box.ask("peer", peer=peer, action="pin")
            time.sleep(VISIT_S)
        box.ask("peer", peer=peer, action="pin")
        box.ask("layout", layout="grid")


def hold(soak: Soak, seconds: float, minute_s: float, rng: random.Random) -> None:
    """Hold the meeting."""
    begun = time.monotonic()
    note_every = soak.note_every
    next_look = next_note = next_event = next_rest_look = 0.0
    since: dict[str, float] = {}
    resting = False
    while (now := time.monotonic() - begun) < seconds:
        within = now / minute_s % 1.0
        soak.come_back(now)
        if within >= 1 - REST:
            resting = resting or soak.rest(now)
        elif now >= next_event:
            resting = False
            soak.happen(now)
            next_event = now + rng.expovariate(1 / EVENT_EVERY)
        if resting and within >= 1 - REST_SEEN and now >= next_rest_look:
            soak.look_at_memory(now, resting=True)
            next_rest_look = now + min(REST_LOOK_EVERY, minute_s / 60)
        if now >= next_look:
            note = now >= next_note
            since = soak.look(now, since, note=note)
            soak.arrived(now)
            next_look = now + min(LOOK_EVERY, note_every)
            if note:
                soak.look_at_memory(now, resting=False)
                next_note = now + note_every - 0.01
                if int(now / minute_s) != int((now - note_every) / minute_s):
                    heaviest = max(series.rss[-1][1] for series in soak.series.values() if series.rss)
                    happened = sum(soak.events.values())
                    print(
                        f"  {now / 60:5.1f} min, largest process {heaviest:.1f} MB, {happened} events",
                        file=sys.stderr,
                    )
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="length of the meeting; default: 20")
    parser.add_argument("--seed", type=int, default=None, help="of what happens; default: by chance")
    parser.add_argument("--out", type=Path, help="a file for every look at memory, as JSON")
    arguments = parser.parse_args()
    if not can_make_namespaces():
        parser.error("it needs root and iproute2, to make network namespaces")
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    rng = random.Random(seed)
    seconds = arguments.minutes * 60
    minute_s = min(60.0, seconds / 20)
    print(f"four boxes, {arguments.minutes:g} minutes, seed {seed}", file=sys.stderr)
    with (
        tempfile.TemporaryDirectory(prefix="meetingbox-bench-") as scratch,
        Lan(len(NAMES)) as lan,
        Boxes(Path(scratch)) as boxes,
    ):
        for name, host in zip(NAMES, lan.hosts, strict=True):
            boxes.start(
                name, host=host, size=SCREEN, ready=False, extra=("[call]", "joining_minutes = 120.0")
            )
        everybody = set(NAMES)
        boxes.wait(lambda: all(box.sees(*(everybody - {box.name})) for box in boxes.all), 40.0)
        soak = Soak(boxes.all, rng, min(LATENCY_OVER, minute_s / 3))
        for box in boxes.all:
            soak.join(box)
        boxes.wait(lambda: all(len(box.drawn()) == len(NAMES) - 1 for box in boxes.all), JOIN_WITHIN)
        for host in lan.hosts:
            lose(host, LOSS_PERCENT)
        visit(soak)
        hold(soak, seconds, minute_s, rng)
        result = report(soak, arguments.minutes, seed, minute_s, seconds)
        if arguments.out is not None:
            series = [
                {
                    "name": one.name,
                    "kind": one.kind,
                    "rss": one.rss,
                    "uss": one.uss,
                    "rest_rss": one.rest_rss,
                }
                for one in soak.series.values()
            ]
            arguments.out.write_text(json.dumps({"series": series, "latencies": soak.latencies, **result}))
    show(result)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
