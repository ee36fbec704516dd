"""Many boxes on one LAN: does each see all others, and how fast do rooms form among them?

Boxes without media (``_signaling_box.py``), each in a network namespace of its own on one bridge: real
mDNS, real servers, real handshakes. Needs root. Two times are measured over several rounds:

* ``join_ms``: eight of the boxes join one room in the same moment; from the join command to the moment
  when a box has a sealed pair with each of the other seven. One sample a box.
* ``pair_join_ms``: one box is in a room, another one joins it; to the sealed pair at both ends.
  ``pair_join_alone_ms_p95`` is the same with two boxes on the LAN: what the other 58 cost.

All boxes share this machine's processor, with each other and with what they do while nobody joins
(``idle_cores``). One JSON line last on stdout, the table on stderr.
"""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _figures import percentile
from _network import introduce
from _signaling_box import SignalingBox, ask_all, end_all
from net.namespaces import Lan

START_EVERY = 0.1  # seconds between two boxes that are switched on
SEEN_WITHIN = 60.0
SETTLED_WITHIN = 15.0
IDLE_FOR = 5.0
ROOM_OF = 8
SOON = 0.3  # from the order to join to the moment of joining, so that all boxes got it


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def see_all(boxes: list[SignalingBox]) -> float | None:
    """Wait until every box sees every other one; return how long, None when that never happened."""
    begun = time.monotonic()
    while time.monotonic() - begun < SEEN_WITHIN:
        if all(answer["seen"] == len(boxes) - 1 for answer in ask_all(boxes, "seen")):
            return time.monotonic() - begun
        time.sleep(0.5)
    return None


def idle(boxes: list[SignalingBox]) -> float:
    """The processor cores that all boxes together use while nobody joins."""
    before = sum(answer["cpu"] for answer in ask_all(boxes, "seen"))
    time.sleep(IDLE_FOR)
    return float((sum(answer["cpu"] for answer in ask_all(boxes, "seen")) - before) / IDLE_FOR)


def settle(members: list[SignalingBox], servers: int) -> None:
    """Wait until the members have dialled every server: what they do is no part of the next round."""
    deadline = time.monotonic() + SETTLED_WITHIN
    while any(answer["reached"] < servers for answer in ask_all(members, "settled")):
        if time.monotonic() > deadline:
            say("  not every server was reached")
            return
        time.sleep(0.1)


def room_round(members: list[SignalingBox], servers: int) -> list[float | None]:
    """All members join one room at once; return each one's milliseconds."""
    joining: dict[str, Any] = {"room": secrets.randbelow(1000) + 1, "password": secrets.token_hex(4)}
    joining |= {"others": len(members) - 1, "at": time.monotonic() + SOON}
    answers = ask_all(members, "join", **joining)
    settle(members, servers)
    ask_all(members, "leave")
    time.sleep(0.5)
    return [1000 * (a["sealed_at"] - a["begun"]) if a["sealed_at"] else None for a in answers]


def pair_round(first: SignalingBox, second: SignalingBox, servers: int) -> float | None:
    """One box is in a room, another one joins; return the milliseconds to the sealed pair."""
    joining: dict[str, Any] = {"room": secrets.randbelow(1000) + 1, "password": secrets.token_hex(4)}
    first.ask("join", others=0, at=time.monotonic(), **joining)
    settle([first], servers)
    answer = second.ask("join", others=1, at=time.monotonic(), **joining)
    settle([second], servers)
    ask_all([first, second], "leave")
    time.sleep(0.2)
    return 1000 * (answer["sealed_at"] - answer["begun"]) if answer["sealed_at"] else None


def figures(samples: list[float | None], what: str) -> float | None:
    """The 95th percentile; None when a pair was never sealed."""
    good = [sample for sample in samples if sample is not None]
    p50, p95, most = percentile(good, 0.5), percentile(good, 0.95), max(good, default=0.0)
    say(f"{what:28} p50 {p50:7.1f} ms  p95 {p95:7.1f} ms  max {most:7.1f} ms  of {len(samples)}")
    return round(p95, 1) if len(good) == len(samples) else None


def measure(count: int, rounds: int, members: int) -> dict[str, Any]:
    """One LAN of so many boxes."""
    boxes: list[SignalingBox] = []
    with tempfile.TemporaryDirectory(prefix="meetingbox-bench-") as scratch, Lan(count) as lan:
        try:
            introduce(lan.hosts)
            for number, host in enumerate(lan.hosts):
                boxes.append(SignalingBox(f"Box {number + 1}", host, Path(scratch) / f"box-{number}"))
                time.sleep(START_EVERY)
            for box in boxes:
                box.answer()
            took = see_all(boxes)
            say(f"{count} boxes see each other: {'no' if took is None else f'{took:.1f} s after the last'}")
            time.sleep(3.0)
            row: dict[str, Any] = {"boxes": count, "seen_by_all": took is not None}
            row["idle_cores"] = round(idle(boxes), 2)
            say(f"idle: {row['idle_cores']} cores for all together")
            pairs = [pair_round(*_chosen(boxes, 2), count) for _ in range(2 * rounds)]
            row["pair_join_ms_p95"] = figures(pairs, f"2 of {count}")
            if members <= count:
                rooms = [room_round(_chosen(boxes, members), count) for _ in range(rounds)]
                row["join_ms_p95"] = figures([took for one in rooms for took in one], f"{members} of {count}")
        finally:
            end_all(boxes)
            for folder in sorted(Path(scratch).glob("box-*/log.txt")):
                if text := folder.read_text(errors="replace").strip():
                    say(f"{folder.parent.name}: {text[-2000:]}")
    return row


def _chosen(boxes: list[SignalingBox], count: int) -> list[SignalingBox]:
    return secrets.SystemRandom().sample(boxes, count)


def main() -> int:
    parser = argparse.ArgumentParser(prog="lan", description=__doc__)
    parser.add_argument("--boxes", type=int, default=60, help="on the LAN; default: 60")
    parser.add_argument("--rounds", type=int, default=5, help="rooms of eight; twice as many of two")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the LAN is taken down then, too
    alone = measure(2, arguments.rounds, ROOM_OF)
    row = measure(arguments.boxes, arguments.rounds, ROOM_OF)
    row["pair_join_alone_ms_p95"] = alone["pair_join_ms_p95"]
    print(json.dumps({"bench": "lan", **row}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
