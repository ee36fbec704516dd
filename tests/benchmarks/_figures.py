"""From what was seen to figures: pictures a second, freezes, latencies. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Seen = Sequence[Sequence[float]]  # (when a picture was there, its age), milliseconds


def percentile(samples: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    if not samples:
        return 0.0
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Stream:
    """What one stream did in a window of time. ``freeze_ms``: the longest time without a new picture."""

    fps: float
    freeze_ms: float
    p50_ms: float
    p95_ms: float


def stream(seen: Seen, start_ms: float, end_ms: float) -> Stream:
    """Judge a stream from ``start_ms`` to ``end_ms``; a freeze may reach over its start or its end."""
    inside = [(at, age) for at, age in seen if start_ms <= at < end_ms]
    edges = [start_ms, *(at for at, _ in inside), end_ms]
    ages = [age for _, age in inside]
    return Stream(
        fps=1000 * len(inside) / (end_ms - start_ms),
        freeze_ms=max(b - a for a, b in pairwise(edges)),
        p50_ms=percentile(ages, 0.50),
        p95_ms=percentile(ages, 0.95),
    )


def windows(seen: Seen, start_ms: float, end_ms: float, width_ms: float) -> list[tuple[float, float | None]]:
    """(end of a window, its median age or None of nothing) for each whole window from ``start_ms`` on."""
    found: list[tuple[float, float | None]] = []
    at = start_ms
    while at + width_ms <= end_ms:
        ages = [age for when, age in seen if at <= when < at + width_ms]
        found.append((at + width_ms, percentile(ages, 0.50) if ages else None))
        at += width_ms
    return found
