"""What lost packets and an outage do to pictures: our media engine and plain aiortc in turn.

Two engines, each in a network namespace of its own, show each other the test picture at 640x360 and 30
a second. What arrives is dropped by chance, both ways, and for a round trip of 30 ms a relay holds every
packet for 15 ms each way. Every cell of the table is a new pair of engines: after a while without loss it
loses packets for ``--seconds``, then none again. Plain aiortc does the same right after ours, and all
of it is done ``--rounds`` times; figures are medians over the rounds, each of the worse of the two
directions.

Every row has ``percent`` and ``rtt_ms``, and of the time with loss, in the pictures that are handed to the
tile:

``fps``, ``plain_fps``
    new pictures a second, of 30.
``freeze_ms_max``, ``plain_freeze_ms_max``
    the longest time without a new picture.
``latency_p95_ms``, ``plain_latency_p95_ms``
    from drawing a picture to having it as RGB at the other side.
``latency_back_s``
    of the worst round: after the last loss, how long until the latency is back at what it was
    before: the median of half a second at most 3 ms or 10 % above. Null where there was no loss or where it
    did not come back in the time it was watched.

To explain them, the most of any direction and round, from the connection on: ``plis`` and ``nacks`` sent,
frames ``overtaken`` (decoded, not shown: a later one was there) and ``frames_undecodable``.

``outage_recovery_ms``: everything is dropped both ways for a second; from its end to the next new picture,
the worse of the two directions, median over the rounds, and the larger one of the two round trips.
``outages`` has the details. Needs root. One JSON line last on stdout, the table on stderr.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _delay import Delay
from _engine_process import OURS, PLAIN, EngineProcess, connect
from _figures import Seen, percentile, stream, windows
from _network import lose
from net.namespaces import Lan, can_make_namespaces

SETTLE_S = 1.5  # from connected to the first figures
CALM_S = 2.0  # without loss, for the latency that it has to come back to
WATCHED_S = 4.0  # after the last loss
OUTAGE_S = 1.0
AFTER_OUTAGE_S = 6.0
WINDOW_MS = 500.0
BACK = (0.10, 3.0)  # share, ms

# (percent, rtt_ms): at least so many pictures a second, at most such a freeze
BOUNDS = {(5, 0): (29, 150), (5, 30): (27, 300), (10, 0): (26, 300), (10, 30): (22, 600)}
OUTAGE_BOUND_MS = 700
BACK_BOUND_S = 2.0


@dataclass(slots=True)
class Pair:
    """Two engines that show each other their pictures."""

    lan: Lan
    engines: tuple[EngineProcess, EngineProcess]

    def lose(self, percent: float) -> float:
        """Lose packets both ways from now on; return the time, monotonic milliseconds."""
        for host in self.lan.hosts[:2]:
            lose(host, percent)
        return time.monotonic() * 1000

    def take(self) -> list[dict[str, Any]]:
        """The stream that each engine gets."""
        return [engine.take()["streams"][0] for engine in self.engines]


@contextmanager
def pair(lan: Lan, program: Path, rtt_ms: float) -> Iterator[Pair]:
    """Start two engines in the first two hosts of ``lan`` and connect them, with a relay in the third."""
    with ExitStack() as stack:
        engines = [
            stack.enter_context(EngineProcess(program, host=host.address, popen=host.popen))
            for host in lan.hosts[:2]
        ]
        both = Pair(lan, (engines[0], engines[1]))
        if rtt_ms > 0:
            relay = stack.enter_context(Delay(lan.hosts[2], rtt_ms / 2))
            connect(*engines, 0, offer_as=relay.near, answer_as=relay.far)
        else:
            connect(*engines, 0)
        time.sleep(SETTLE_S)
        yield both


def cell(lan: Lan, program: Path, percent: float, rtt_ms: float, seconds: float) -> dict[str, Any]:
    """One engine, one share of loss, one round trip: one round's figures."""
    with pair(lan, program, rtt_ms) as both:
        both.take()
        calm_from = time.monotonic() * 1000
        time.sleep(CALM_S)
        start = both.lose(percent)
        time.sleep(seconds)
        end = both.lose(0)
        time.sleep(WATCHED_S if percent > 0 and program is OURS else 0.1)
        streams = both.take()
        over = time.monotonic() * 1000
    figures = [stream(one["seen"], start, end) for one in streams]
    watched = percent > 0 and program is OURS
    backs = [back_s(one["seen"], calm_from, start, end, over) for one in streams] if watched else []
    return {
        "fps": min(one.fps for one in figures),
        "freeze_ms": max(one.freeze_ms for one in figures),
        "p95_ms": max(one.p95_ms for one in figures),
        "backs": backs,
        "counters": [one["counters"] for one in streams],
    }


def back_s(seen: Seen, calm_from: float, start: float, end: float, over: float) -> float | None:
    """Seconds from ``end`` until the latency is what it was from ``calm_from`` to ``start``; None: not yet.

    It is back at the end of the first half second whose median is, if all that follows has such a median too:
    a busy machine's hiccup does not count, a delay that stays does.
    """
    calm = percentile([age for at, age in seen if calm_from <= at < start], 0.50)
    limit = max(calm * (1 + BACK[0]), calm + BACK[1])
    for offset in range(0, int(over - end - WINDOW_MS), 100):
        begin = end + offset
        ((until, age),) = windows(seen, begin, begin + WINDOW_MS, WINDOW_MS)
        rest = percentile([age for at, age in seen if begin <= at < over], 0.50)
        if age is not None and max(age, rest) <= limit:
            return (until - end) / 1000
    return None


def outage(lan: Lan, program: Path, rtt_ms: float) -> float | None:
    """Milliseconds from the end of an outage to the next new picture; None if none came."""
    with pair(lan, program, rtt_ms) as both:
        both.take()
        both.lose(100)
        time.sleep(OUTAGE_S)
        end = both.lose(0)
        time.sleep(AFTER_OUTAGE_S)
        streams = both.take()
    firsts = [min((at for at, _ in one["seen"] if at >= end), default=None) for one in streams]
    if any(first is None for first in firsts):
        return None
    return max(first - end for first in firsts if first is not None)


def summary(percent: float, rtt_ms: float, ours: list[dict[str, Any]], plain: list[dict[str, Any]]) -> dict:
    backs = [back for one in ours for back in one["backs"]]
    return {
        "percent": percent,
        "rtt_ms": rtt_ms,
        "fps": median(ours, "fps", 2),
        "freeze_ms_max": median(ours, "freeze_ms"),
        "latency_p95_ms": median(ours, "p95_ms"),
        "latency_back_s": None if not backs or None in backs else round(max(backs), 2),
        "plain_fps": median(plain, "fps", 2),
        "plain_freeze_ms_max": median(plain, "freeze_ms"),
        "plain_latency_p95_ms": median(plain, "p95_ms"),
        "freeze_ms_worst": round(max(one["freeze_ms"] for one in ours), 1),
        **{
            what: max(counters[what] for one in ours for counters in one["counters"])
            for what in ("plis", "nacks", "overtaken", "frames_undecodable")
        },
    }


def median(rounds: Sequence[dict[str, Any]], what: str, digits: int = 1) -> float:
    return round(statistics.median(one[what] for one in rounds), digits)


def outage_summary(rtt_ms: float, ours: list[float | None], plain: list[float | None]) -> dict[str, Any]:
    def middle(took: list[float | None]) -> float | None:
        value = statistics.median(float("inf") if one is None else one for one in took)
        return None if value == float("inf") else round(value, 1)

    return {
        "rtt_ms": rtt_ms,
        "recovery_ms": middle(ours),
        "recovery_ms_worst": None if None in ours else round(max(one for one in ours if one is not None), 1),
        "plain_recovery_ms": middle(plain),
    }


def show(result: dict[str, Any]) -> None:
    def say(text: str) -> None:
        print(text, file=sys.stderr)

    say("loss  rtt |   fps  freeze  (worst)    p95   back s |   fps   freeze      p95 plain | bound")
    for row in result["rows"]:
        bound = BOUNDS.get((row["percent"], row["rtt_ms"]))
        back = row["latency_back_s"]
        verdict = []
        if bound is not None:
            met = row["fps"] >= bound[0] and row["freeze_ms_max"] <= bound[1]
            verdict.append(f"{bound[0]} fps, {bound[1]} ms: {'met' if met else 'NOT MET'}")
        if row["percent"]:
            met = back is not None and back <= BACK_BOUND_S
            verdict.append(f"back in {BACK_BOUND_S:g} s: {'met' if met else 'NOT MET'}")
        say(
            f"{row['percent']:3g}% {row['rtt_ms']:4g} |"
            f" {row['fps']:5.1f} {row['freeze_ms_max']:7.0f} {row['freeze_ms_worst']:8.0f}"
            f" {row['latency_p95_ms']:6.1f} {'-' if back is None else format(back, '.1f'):>8} |"
            f" {row['plain_fps']:5.1f} {row['plain_freeze_ms_max']:8.0f} {row['plain_latency_p95_ms']:8.1f}"
            f"       | {'; '.join(verdict)}"
        )
    for row in result["outages"]:
        took = row["recovery_ms"]
        met = took is not None and took <= OUTAGE_BOUND_MS
        say(
            f"outage of {OUTAGE_S:g} s, rtt {row['rtt_ms']:g} ms: a picture after {took} ms"
            f" (worst {row['recovery_ms_worst']}), plain {row['plain_recovery_ms']};"
            f" bound {OUTAGE_BOUND_MS} ms: {'met' if met else 'NOT MET'}"
        )


def numbers(text: str) -> list[float]:
    return [int(value) if value.isdecimal() else float(value) for value in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="loss", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--percent", type=numbers, default="0,2,5,10", help="shares of loss; default 0,2,5,10"
    )
    parser.add_argument("--rtt-ms", type=numbers, default="0,30", help="round trips; default 0,30")
    parser.add_argument("--seconds", type=float, default=10.0, help="with loss, of each; default: 10")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    arguments = parser.parse_args()
    if not can_make_namespaces():
        parser.error("it needs root and iproute2, to make network namespaces")
    cells = [(percent, rtt) for rtt in arguments.rtt_ms for percent in arguments.percent]
    ours: dict[Any, list[Any]] = {key: [] for key in (*cells, *arguments.rtt_ms)}
    plain: dict[Any, list[Any]] = {key: [] for key in ours}
    with Lan(3) as lan:
        for number in range(arguments.rounds):
            for percent, rtt in cells:
                for program, found in ((OURS, ours), (PLAIN, plain)):
                    found[percent, rtt].append(cell(lan, program, percent, rtt, arguments.seconds))
                last = ours[percent, rtt][-1]
                print(
                    f"  round {number + 1} of {arguments.rounds}, {percent:g} % at {rtt:g} ms:"
                    f" {last['fps']:.1f} fps, freeze {last['freeze_ms']:.0f} ms",
                    file=sys.stderr,
                )
            for rtt in arguments.rtt_ms:
                for program, found in ((OURS, ours), (PLAIN, plain)):
                    found[rtt].append(outage(lan, program, rtt))
    outages = [outage_summary(rtt, ours[rtt], plain[rtt]) for rtt in arguments.rtt_ms]
    recoveries = [row["recovery_ms"] for row in outages]
    result = {
        "bench": "loss",
        "rounds": arguments.rounds,
        "rows": [summary(percent, rtt, ours[percent, rtt], plain[percent, rtt]) for percent, rtt in cells],
        "outages": outages,
        "outage_recovery_ms": None if None in recoveries else max(recoveries),
    }
    show(result)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
