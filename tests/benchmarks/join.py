"""Press to picture: from the later box's last key press to each pair's picture drawn.

Whole boxes, headless, on loopback, that have been at home for some seconds: their cameras have started.
Every round all of them join by key presses on their keypads, and leave again. One JSON line last on
stdout, the table on stderr.

``phases_ms`` says where the time goes: of every pair, on the box that drew, the median and the 95th
percentile from one milestone to the next. ``proven``: from the last key to a password that both proved
(relays, hello, challenge, proof). ``identified``: who the other box is. ``line``: its direct line is there.
``connected``: ICE and DTLS. ``bound``: the fingerprints are proven to be theirs. ``drawn``: a keyframe
has come, was decoded and is on the screen.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.demo import JOIN_WITHIN_S, READY_WITHIN_S, DemoBox, percentile, started, wait

P95_BOUNDS = {2: 600.0, 8: 1500.0}
AT_HOME_S = 5.0  # after all have started: nobody types while a box comes up
PHASES = ("proven", "identified", "line", "connected", "bound", "drawn")


@dataclass(frozen=True, slots=True)
class Took:
    """What one box needed until it drew one other, in milliseconds; ``phases``: each by its name."""

    whole: float
    phases: dict[str, float]


def took(peer: dict[str, Any], pressed: float) -> Took:
    """Take one peer's milestones apart. Some come in another order: none takes less than 0."""
    times = {**peer["milestones"], "drawn": peer["first_drawn_at"]}
    phases, at = {}, pressed
    for phase in PHASES:
        reached = max(at, times.get(phase, at))
        phases[phase] = 1000 * (reached - at)
        at = reached
    return Took(1000 * (peer["first_drawn_at"] - pressed), phases)


def round_of(demo: list[DemoBox], pool: ThreadPoolExecutor, room: int) -> list[Took]:
    """Have every box join and leave once; return what every pair took, in both directions."""
    password = f"{secrets.randbelow(900_000) + 100_000}"
    list(pool.map(lambda box: box.press([*str(room), "ok", *password[:-1]]), demo))
    list(pool.map(lambda box: box.press([password[-1], "ok"]), demo))
    wait("showing every other box", JOIN_WITHIN_S, demo, lambda box: box.drawn() >= len(demo) - 1)
    stats = list(pool.map(lambda box: box.ask("stats"), demo))
    pressed = {one["id"]: one["pressed_at"] for one in stats}
    found = [
        took(peer, max(one["pressed_at"], pressed[peer["box_id"]])) for one in stats for peer in one["peers"]
    ]
    list(pool.map(lambda box: box.ask("leave"), demo))
    wait("idle again", JOIN_WITHIN_S, demo, lambda box: box.ask("status")["state"] == "idle")
    return found


def measure(count: int, rounds: int) -> dict[str, Any]:
    """One size of meeting: a row of the report."""
    pairs = count * (count - 1) // 2
    rounds = rounds or max(3, -(-20 // pairs))
    joined: list[Took] = []
    with (
        tempfile.TemporaryDirectory(prefix="meetingbox-bench-") as scratch,
        started(count, Path(scratch), headless=True, video=None) as demo,
        ThreadPoolExecutor(count) as pool,
    ):
        wait(
            "ready and seeing the others",
            READY_WITHIN_S,
            demo,
            lambda box: sum(b["present"] for b in box.ask("status")["boxes"]) >= len(demo) - 1,
        )
        wait(
            "with a camera", READY_WITHIN_S, demo, lambda box: box.ask("stats")["camera"]["label"] != "Camera"
        )
        time.sleep(AT_HOME_S)
        for number in range(rounds):
            joined += round_of(demo, pool, 100 + number)
            print(f"  {count} boxes, round {number + 1} of {rounds}", file=sys.stderr)
    whole = [one.whole for one in joined]
    row: dict[str, Any] = {"boxes": count, "pairs": pairs, "samples": len(whole), **_spread(whole)}
    row["max_ms"] = round(max(whole), 1)
    row["phases_ms"] = {phase: _spread([one.phases[phase] for one in joined]) for phase in PHASES}
    bound = P95_BOUNDS.get(count)
    judged = "" if bound is None else f" (at most {bound:g}: {'met' if row['p95_ms'] <= bound else 'MISSED'})"
    print(
        f"{count:3} boxes  p50 {row['p50_ms']:8.1f} ms  p95 {row['p95_ms']:8.1f} ms{judged}"
        f"  max {row['max_ms']:8.1f} ms  of {len(whole)}",
        file=sys.stderr,
    )
    for phase, spread in row["phases_ms"].items():
        print(f"    {phase:10}  {spread['p50_ms']:8.1f}      {spread['p95_ms']:8.1f} ms", file=sys.stderr)
    return row


def _spread(samples: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(percentile(samples, 0.50) or 0.0, 1),
        "p95_ms": round(percentile(samples, 0.95) or 0.0, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="join", description=__doc__)
    parser.add_argument("--boxes", default="2,8", help="sizes of meetings, comma-separated; default: 2,8")
    parser.add_argument("--rounds", type=int, default=0, help="joins of each; default: at least 20 pairs")
    arguments = parser.parse_args()
    rows = [measure(int(text), arguments.rounds) for text in arguments.boxes.split(",")]
    print(json.dumps({"bench": "join", "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
