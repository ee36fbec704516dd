"""The test picture of Linux' vivid driver, found on a screen: its colour bars, from left to right.

vivid's pattern "75% Colorbar" (V4L2's test pattern generator, v4l2-tpg-core.c) has white, yellow, cyan,
green, magenta, red, blue and black bars of equal width. Through H.264 and scaling their colours come out a
little different; each pixel counts as the bar that it is nearest to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from image.emulator.screen import Pixels

from appliance.core.grid import Rect

BARS = ("yellow", "cyan", "green", "magenta", "red", "blue")  # white and black are on other things too
_ON = {
    "yellow": (1, 1, 0),
    "cyan": (0, 1, 1),
    "green": (0, 1, 0),
    "magenta": (1, 0, 1),
    "red": (1, 0, 0),
    "blue": (0, 0, 1),
}
STRONG = 110  # a colour's strong parts have at least this, of 255, ...
APART = 60  # ... and its weak ones so much less
WIDTH_LEAST = 4  # pixels of one bar
HEIGHT_LEAST = 16  # pixels of the picture; a coloured sign is no camera
EDGE_MAX = 6  # pixels between two bars whose colour is neither


def kinds(pixels: Pixels) -> np.ndarray:
    """Each pixel's colour: 1 to 6, an index into ``BARS`` from 1; 0: none of them."""
    values = pixels.astype(np.int16)
    low, high = values.min(axis=2), values.max(axis=2)
    clear = (high >= STRONG) & (high - low >= APART)
    middle = (high + low) // 2
    on = values > middle[..., None]
    found = np.zeros(pixels.shape[:2], np.uint8)
    for number, name in enumerate(BARS, 1):
        found[clear & (on == np.array(_ON[name], bool)).all(axis=2)] = number
    return found


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Bars in one row of pixels."""

    left: int
    right: int


def pictures(pixels: Pixels) -> list[Rect]:
    """Where the bars are, all six in their order; as tiles stand, from the left and from the top.

    A rectangle goes from the first pixel of the yellow bar to the last one of the blue bar, and over all rows
    that show them, be it with writing over the left ones: the blue one is never written over.
    """
    rows = kinds(pixels)
    found: list[list[int]] = []  # left, right, top, bottom
    for y, row in enumerate(rows):
        for stretch in _stretches(row):
            for known in found:
                same = abs(known[1] - stretch.right) <= EDGE_MAX
                between = rows[known[3] : y, min(known[1], stretch.right) - WIDTH_LEAST]
                if same and (between == len(BARS)).all():
                    known[0], known[3] = min(known[0], stretch.left), y
                    break
            else:
                found.append([stretch.left, stretch.right, y, y])
    rects = [Rect(left, top, right - left + 1, bottom - top + 1) for left, right, top, bottom in found]
    return sorted((rect for rect in rects if rect.h >= HEIGHT_LEAST), key=lambda rect: rect.x + rect.y)


def _stretches(row: np.ndarray) -> list[_Stretch]:
    """All six bars in a row of pixels, next to each other."""
    edges = np.flatnonzero(np.diff(row)) + 1
    starts, ends = np.concatenate(([0], edges)), np.concatenate((edges, [row.size]))
    wide = [(int(row[s]), int(s), int(e)) for s, e in zip(starts, ends, strict=True) if e - s >= WIDTH_LEAST]
    found: list[_Stretch] = []
    for i, (kind, left, end) in enumerate(wide):
        if kind != 1:
            continue
        last = 1
        for next_kind, start, next_end in wide[i + 1 :]:
            if start - end > EDGE_MAX or next_kind not in (last, last + 1):
                break
            end, last = next_end, next_kind
        if last == len(BARS):
            found.append(_Stretch(left, end - 1))
    return found


def share(pixels: Pixels, rect: Rect, color: str) -> float:
    """Which part of a rectangle, 0 to 1, is of one bar's colour."""
    inside = kinds(pixels[rect.y : rect.bottom, rect.x : rect.right])
    return float((inside == BARS.index(color) + 1).mean()) if inside.size else 0.0
