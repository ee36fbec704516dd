"""Press to picture: from the later box's last key press to each pair's picture drawn.

Whole boxes, headless, on loopback. Every round all of them join by key presses on their keypads, and
leave again. One JSON line last on stdout, the table on stderr.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from appliance.demo import JOIN_WITHIN_S, READY_WITHIN_S, DemoBox, percentile, started, wait


def round_of(demo: list[DemoBox], pool: ThreadPoolExecutor, room: int) -> list[float]:
    """Have every box join and leave once; return the milliseconds of every pair."""
    password = f"{secrets.randbelow(900_000) + 100_000}"
    list(pool.map(lambda box: box.press([*str(room), "ok", *password[:-1]]), demo))
    list(pool.map(lambda box: box.press([password[-1], "ok"]), demo))
    wait("showing every other box", JOIN_WITHIN_S, demo, lambda box: box.drawn() >= len(demo) - 1)
    stats = list(pool.map(lambda box: box.ask("stats"), demo))
    pressed = {one["id"]: one["pressed_at"] for one in stats}
    took = [
        1000 * (peer["first_drawn_at"] - max(one["pressed_at"], pressed[peer["box_id"]]))
        for one in stats
        for peer in one["peers"]
    ]
    list(pool.map(lambda box: box.ask("leave"), demo))
    wait("idle again", JOIN_WITHIN_S, demo, lambda box: box.ask("status")["state"] == "idle")
    return took


def measure(count: int, rounds: int) -> dict[str, float]:
    """One size of meeting: a row of the report."""
    pairs = count * (count - 1) // 2
    rounds = rounds or max(3, -(-20 // pairs))
    took: list[float] = []
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
        for number in range(rounds):
            took += round_of(demo, pool, 100 + number)
            print(f"  {count} boxes, round {number + 1} of {rounds}", file=sys.stderr)
    row = {
        "boxes": count,
        "pairs": pairs,
        "samples": len(took),
        "p50_ms": round(percentile(took, 0.50) or 0.0, 1),
        "p95_ms": round(percentile(took, 0.95) or 0.0, 1),
        "max_ms": round(max(took), 1),
    }
    print(
        f"{count:3} boxes  p50 {row['p50_ms']:8.1f} ms  p95 {row['p95_ms']:8.1f} ms"
        f"  max {row['max_ms']:8.1f} ms  of {len(took)}",
        file=sys.stderr,
    )
    return row


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
