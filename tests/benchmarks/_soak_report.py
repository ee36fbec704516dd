"""What the soak saw of each process, how far that grew, and the table of it."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from soak import Soak

GROWTH_MAX_MB = 3.0
LATENCY_MORE = (0.10, 3.0)  # share, ms


@dataclass(slots=True)
class Series:
    """What was seen of one process: (seconds since the start, MB). ``rest_…``: while nothing happened."""

    name: str
    kind: str
    rss: list[tuple[float, float]] = field(default_factory=list)
    uss: list[tuple[float, float]] = field(default_factory=list)
    rest_rss: list[tuple[float, float]] = field(default_factory=list)
    rest_uss: list[tuple[float, float]] = field(default_factory=list)

    def look(self, at: float, pid: int, *, resting: bool) -> None:
        try:
            memory = psutil.Process(pid).memory_full_info()
        except psutil.NoSuchProcess:
            return
        self.rss.append((at, memory.rss / 2**20))
        self.uss.append((at, memory.uss / 2**20))
        if resting:
            self.rest_rss.append(self.rss[-1])
            self.rest_uss.append(self.uss[-1])


def medians(samples: list[tuple[float, float]], minute_s: float) -> dict[int, float]:
    """The median of every minute, counted from 1."""
    minutes: dict[int, list[float]] = {}
    for at, value in samples:
        minutes.setdefault(int(at / minute_s) + 1, []).append(value)
    return {minute: statistics.median(values) for minute, values in sorted(minutes.items())}


def growth(samples: list[tuple[float, float]], minute_s: float) -> tuple[float, float, float]:
    """(median of the fifth minute, of the last, the highest of a later one less the fifth's)."""
    by_minute = medians(samples, minute_s)
    fifth = by_minute.get(5, next(iter(by_minute.values())))
    later = [value for minute, value in by_minute.items() if minute > 5] or [fifth]
    return fifth, later[-1], max(later) - fifth


def report(soak: Soak, minutes: float, seed: int, minute_s: float, seconds: float) -> dict[str, Any]:
    """The line of JSON; the docstring of ``soak`` says what is in it."""
    processes = []
    for series in soak.series.values():
        if not series.rest_rss:
            continue
        fifth, end, grown = growth(series.rest_rss, minute_s)
        row = {
            "name": series.name,
            "kind": series.kind,
            "rss_mb_5min": round(fifth, 2),
            "rss_mb_end": round(end, 2),
            "growth_mb": round(grown, 2),
            "uss_growth_mb": round(growth(series.rest_uss, minute_s)[2], 2),
            "any_growth_mb": round(growth(series.rss, minute_s)[2], 2),
        }
        if series.kind == "camera":
            row["restarts"] = soak.process[series.name][-1]["restarts"]
        else:
            seen = soak.process[series.name]
            fifth_at = min(len(seen) - 1, round(len(seen) / 4))
            for what in ("threads", "fds", "tasks"):
                row[f"{what}_growth"] = max(one[what] for one in seen[fifth_at:]) - max(
                    one[what] for one in seen[: fifth_at + 1]
                )
        processes.append(row)
    first = [p95 for at, p95 in soak.latencies if at <= minute_s + 1]
    last = [p95 for at, p95 in soak.latencies if at >= seconds - minute_s]
    return {
        "bench": "soak",
        "minutes": minutes,
        "boxes": len(soak.boxes),
        "seed": seed,
        "loss_percent": soak.loss_percent,
        "processes": processes,
        "growth_mb_max": max(row["growth_mb"] for row in processes),
        "uss_growth_mb_max": max(row["uss_growth_mb"] for row in processes),
        "any_growth_mb_max": max(row["any_growth_mb"] for row in processes),
        "queues_over_bound": soak.queues_over_bound,
        "queues_most": {name: {"most": most, "bound": bound} for name, (most, bound) in soak.queues.items()},
        "latency_p95_first_ms": round(statistics.median(first), 1) if first else None,
        "latency_p95_last_ms": round(statistics.median(last), 1) if last else None,
        "events": dict(sorted(soak.events.items())),
    }


def show(result: dict[str, Any]) -> None:
    """The table, on stderr."""

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    say(f"{'process':24} {'5th minute':>10} {'end':>8} {'growth':>8} {'alone':>8} {'any':>8}  MB")
    for row in result["processes"]:
        say(
            f"{row['name'] + ' ' + row['kind']:24} {row['rss_mb_5min']:10.1f} {row['rss_mb_end']:8.1f}"
            f" {row['growth_mb']:8.2f} {row['uss_growth_mb']:8.2f} {row['any_growth_mb']:8.2f}"
        )
    most = ", ".join(f"{n} {q['most']}/{q['bound']}" for n, q in result["queues_most"].items())
    say(f"fullest queues seen: {most}")
    say(f"events: {', '.join(f'{n} {name}' for name, n in result['events'].items())}; seed {result['seed']}")
    first, last = result["latency_p95_first_ms"], result["latency_p95_last_ms"]
    share, more = LATENCY_MORE
    later = None if first is None or last is None else max(first * (1 + share), first + more)
    for what, value, bound in (
        ("growth of the largest, MB", result["growth_mb_max"], GROWTH_MAX_MB),
        ("queues over their bound", result["queues_over_bound"], 0),
        (f"latency p95 in the last minute (first: {first} ms), ms", last, later),
    ):
        met = value is not None and bound is not None and value <= bound
        shown = "-" if bound is None else f"{bound:.1f}"
        say(f"{what:60} {value}  bound {shown:>6}  {'met' if met else 'NOT MET'}")
