"""How old a picture is when it arrives: ours and plain aiortc in turn, on loopback.

Two engines show each other the test picture, 640x360 at 30 a second, with a time code drawn into it. Its
age is taken when the other side has it as RGB at 640x360: drawing, the camera process and its pipe (ours),
encoding, the network, decoding and conversion are all in it. The time code has whole milliseconds, rounded
down, so every figure is up to 1 ms too large. Plain aiortc does the same right before or after ours;
figures are medians over the rounds, each of both directions together.

``drawn_p50_ms``: the same of two whole boxes, headless, from the camera to the drawn screen; their tiles
are smaller or larger than the picture, so it is scaled too. One JSON line last on stdout, the table on
stderr.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from _engine_process import OURS, PLAIN, EngineProcess, connect
from _figures import percentile

from appliance.demo import JOIN_WITHIN_S, READY_WITHIN_S, started, wait

SETTLE_S = 2.0  # after the connection is up: plain aiortc's first seconds have other bitrates
P50_BOUND, P95_BOUND, DRAWN_BOUND_MS = 0.15, 0.20, 25.0


def engines(program: Path, seconds: float) -> tuple[float, float]:
    """(p50, p95) of the ages in milliseconds, both directions together."""
    with EngineProcess(program) as a, EngineProcess(program) as b:
        connect(a, b, 0)
        time.sleep(SETTLE_S)
        a.take()
        b.take()
        time.sleep(seconds)
        ages = [age for end in (a, b) for _, age in end.take()["streams"][0]["seen"]]
    return percentile(ages, 0.50), percentile(ages, 0.95)


def drawn(seconds: float) -> float:
    """The p50 in milliseconds of the pictures that two boxes draw of each other."""
    with (
        tempfile.TemporaryDirectory(prefix="meetingbox-bench-") as scratch,
        started(2, Path(scratch), headless=True, video=None) as boxes,
        ThreadPoolExecutor(2) as pool,
    ):
        wait(
            "ready and seeing the other",
            READY_WITHIN_S,
            boxes,
            lambda box: any(other["present"] for other in box.ask("status")["boxes"]),
        )
        password = f"{secrets.randbelow(900_000) + 100_000}"
        list(pool.map(lambda box: box.press(["4", "2", "ok", *password, "ok"]), boxes))
        wait("showing the other", JOIN_WITHIN_S, boxes, lambda box: box.drawn() >= 1)
        time.sleep(SETTLE_S + seconds)
        return statistics.mean(box.ask("stats")["peers"][0]["latency_ms"]["p50"] for box in boxes)


def main() -> int:
    parser = argparse.ArgumentParser(prog="latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of ours and plain in turn; default: 3")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement; default: 8")
    arguments = parser.parse_args()
    seen: dict[str, list[tuple[float, float]]] = {}
    shown: list[float] = []
    for number in range(arguments.rounds):
        for program in (PLAIN, OURS) if number % 2 == 0 else (OURS, PLAIN):
            result = engines(program, arguments.seconds)
            name = program.stem.removeprefix("_")
            seen.setdefault(name, []).append(result)
            print(
                f"  round {number + 1} of {arguments.rounds}: {name:5}"
                f" p50 {result[0]:6.2f} ms  p95 {result[1]:6.2f} ms",
                file=sys.stderr,
            )
        shown.append(drawn(arguments.seconds))
        print(f"  round {number + 1} of {arguments.rounds}: drawn p50 {shown[-1]:6.2f} ms", file=sys.stderr)
    (p50, p95), (plain_p50, plain_p95) = (
        [statistics.median(column) for column in zip(*seen[name], strict=True)] for name in ("ours", "plain")
    )
    drawn_p50 = statistics.median(shown)
    for name, value, bound in (
        ("p50, ours to plain", p50 / plain_p50, P50_BOUND),
        ("p95, ours to plain", p95 / plain_p95, P95_BOUND),
        ("drawn after decoded, ms", drawn_p50 - p50, DRAWN_BOUND_MS),
    ):
        judged = "met" if value <= bound else "MISSED"
        print(f"{name:24} {value:7.3f} (at most {bound}: {judged})", file=sys.stderr)
    print(
        json.dumps(
            {
                "bench": "latency",
                "p50_ms": round(p50, 2),
                "p95_ms": round(p95, 2),
                "plain_p50_ms": round(plain_p50, 2),
                "plain_p95_ms": round(plain_p95, 2),
                "drawn_p50_ms": round(drawn_p50, 2),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
