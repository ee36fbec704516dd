"""Straight lines, whole or dashed, with smooth edges: a drawing is made once and kept while it is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import pygame

from appliance.core import limits
from appliance.display.scene import Line
from appliance.display.theme import RGB

OVERSAMPLED = 2


@lru_cache(maxsize=limits.DRAWINGS_KEPT)
def drawing(w: int, h: int, lines: tuple[tuple[Line, RGB], ...]) -> pygame.Surface:
    """A transparent surface of ``w`` by ``h`` pixels with these lines, each in its colour."""
    k = OVERSAMPLED
    large = pygame.Surface((w * k, h * k), pygame.SRCALPHA)
    for line, color in lines:
        half = line.width * k / 2
        for (ax, ay), (bx, by) in strokes(line):
            a, b = (ax * k, ay * k), (bx * k, by * k)
            for end in (a, b):
                pygame.draw.circle(large, (*color, 255), end, half)
            length = math.hypot(b[0] - a[0], b[1] - a[1])
            if length:
                nx, ny = (a[1] - b[1]) / length * half, (b[0] - a[0]) / length * half
                corners = [
                    (a[0] + nx, a[1] + ny),
                    (b[0] + nx, b[1] + ny),
                    (b[0] - nx, b[1] - ny),
                    (a[0] - nx, a[1] - ny),
                ]
                pygame.draw.polygon(large, (*color, 255), corners)
    return pygame.transform.smoothscale(large, (w, h))


def strokes(line: Line) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """The parts of a line that are drawn. A dashed one begins and ends with a stroke."""
    dx, dy = line.x2 - line.x1, line.y2 - line.y1
    length = math.hypot(dx, dy)
    if not line.gap or length <= line.dash:
        yield (line.x1, line.y1), (line.x2, line.y2)
        return
    count = max(1, round((length - line.dash) / (line.dash + line.gap)))
    step = (length - line.dash) / count
    for i in range(count + 1):
        a, b = i * step / length, (i * step + line.dash) / length
        yield (line.x1 + a * dx, line.y1 + a * dy), (line.x1 + b * dx, line.y1 + b * dy)
