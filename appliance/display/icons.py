"""Icons, drawn as vectors on a 24 by 24 grid with round strokes, at any size and in any colour."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import lru_cache

import pygame

from appliance.core import limits
from appliance.display.drawn import drawn_once
from appliance.display.theme import RGB

GRID = 24
OVERSAMPLED = 6
STROKE = 2.0  # grid units

Point = tuple[float, float]


class Pen:
    """Draws on the enlarged surface in grid units."""

    def __init__(self, surface: pygame.Surface, color: tuple[int, int, int, int]) -> None:
        self._surface = surface
        self._color = color
        self._k = surface.get_width() / GRID

    def line(self, *points: Point, width: float = STROKE, erase: bool = False) -> None:
        """A stroke through points, with round ends and joints."""
        color = (*self._color[:3], 0) if erase else self._color
        half = width / 2 * self._k
        scaled = [(x * self._k, y * self._k) for x, y in points]
        for p in scaled:
            pygame.draw.circle(self._surface, color, p, half)
        for (ax, ay), (bx, by) in itertools.pairwise(scaled):
            length = math.hypot(bx - ax, by - ay)
            if length:
                nx, ny = (ay - by) / length * half, (bx - ax) / length * half
                corners = [(ax + nx, ay + ny), (bx + nx, by + ny), (bx - nx, by - ny), (ax - nx, ay - ny)]
                pygame.draw.polygon(self._surface, color, corners)

    def arc(self, x: float, y: float, radius: float, start: float, end: float, width: float = STROKE) -> None:
        """Part of a circle; angles in degrees, clockwise from the right."""
        steps = max(8, int(abs(end - start) / 4))
        angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
        self.line(*[(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles], width=width)

    def dot(self, x: float, y: float, radius: float) -> None:
        pygame.draw.circle(self._surface, self._color, (x * self._k, y * self._k), radius * self._k)

    def frame(self, x: float, y: float, w: float, h: float, radius: float, width: float = STROKE) -> None:
        """The outline of a rounded rectangle."""
        r = radius
        self.line((x + r, y), (x + w - r, y), width=width)
        self.line((x + r, y + h), (x + w - r, y + h), width=width)
        self.line((x, y + r), (x, y + h - r), width=width)
        self.line((x + w, y + r), (x + w, y + h - r), width=width)
        self.arc(x + r, y + r, r, 180, 270, width)
        self.arc(x + w - r, y + r, r, 270, 360, width)
        self.arc(x + w - r, y + h - r, r, 0, 90, width)
        self.arc(x + r, y + h - r, r, 90, 180, width)

    def shape(self, *points: Point) -> None:
        """A filled polygon."""
        pygame.draw.polygon(self._surface, self._color, [(x * self._k, y * self._k) for x, y in points])


def _camera(pen: Pen) -> None:
    pen.frame(2, 6, 13.5, 12, 2.8)
    pen.line((15.5, 10.8), (21.5, 6.8), (21.5, 17.2), (15.5, 13.2))


def _slash(pen: Pen) -> None:
    pen.line((4.2, 2.6), (21.2, 19.6), width=STROKE * 2.2, erase=True)
    pen.line((3, 3.4), (20.8, 21.2))


def _camera_off(pen: Pen) -> None:
    _camera(pen)
    _slash(pen)


def _microphone(pen: Pen) -> None:
    pen.frame(8.6, 2.2, 6.8, 11.6, 3.4)
    pen.arc(12, 10.6, 6.6, 0, 180)
    pen.line((12, 17.4), (12, 21))


def _microphone_off(pen: Pen) -> None:
    _microphone(pen)
    _slash(pen)


def _keypad(pen: Pen) -> None:
    for row in range(3):
        for column in range(3):
            pen.dot(5 + 7 * column, 3.5 + 6.2 * row, 1.9)
    pen.dot(12, 22, 1.9)


def _door_open(pen: Pen) -> None:
    pen.line((5, 21), (5, 3), (12.5, 3))
    pen.line((2.5, 21), (12.5, 21))
    pen.line((12.5, 3), (19, 5.6), (19, 21), (12.5, 21), (12.5, 3))
    pen.dot(15.4, 12.6, 1.15)


def _door_closed(pen: Pen) -> None:
    pen.line((6, 21), (6, 3), (18, 3), (18, 21))
    pen.line((3, 21), (21, 21))
    pen.dot(14.6, 12.4, 1.25)


def _hang_up(pen: Pen) -> None:
    pen.arc(12, 23.5, 12.0, 228, 312, width=3.2)
    for side in (-1, 1):
        x = 12 + side * 8.2
        pen.shape(
            (x - side * 1.6, 12.4), (x + side * 2.0, 14.6), (x + side * 1.6, 18.2), (x - side * 2.4, 17.0)
        )
        pen.line((x - side * 1.0, 13.6), (x + side * 1.2, 14.9), (x + side * 0.9, 17.2), width=2.2)
        pen.line((x - side * 1.0, 13.6), (x - side * 1.5, 16.4), (x + side * 0.9, 17.2), width=2.2)


def _delete(pen: Pen) -> None:
    pen.line((8, 5), (22, 5), (22, 19), (8, 19), (2, 12), (8, 5))
    pen.line((12.2, 9.2), (17.8, 14.8))
    pen.line((17.8, 9.2), (12.2, 14.8))


def _back(pen: Pen) -> None:
    pen.line((14.5, 5), (7.5, 12), (14.5, 19))


def _next(pen: Pen) -> None:
    pen.line((9.5, 5), (16.5, 12), (9.5, 19))


def _shift(pen: Pen) -> None:
    pen.line((12, 3.5), (3.5, 12), (8, 12), (8, 20), (16, 20), (16, 12), (20.5, 12), (12, 3.5))


def _shift_on(pen: Pen) -> None:
    pen.shape((12, 3.5), (3.5, 12), (8, 12), (8, 20), (16, 20), (16, 12), (20.5, 12))
    _shift(pen)


def _person(pen: Pen) -> None:
    pen.frame(7.6, 3, 8.8, 8.8, 4.4)
    pen.arc(12, 23, 8.6, 205, 335)


def _warning(pen: Pen) -> None:
    pen.line((12, 3), (22, 20.5), (2, 20.5), (12, 3))
    pen.line((12, 9.5), (12, 14))
    pen.dot(12, 17.3, 1.25)


def _grid(pen: Pen) -> None:
    for x in (3, 13.8):
        for y in (4, 13.8):
            pen.frame(x, y, 7.2, 6.2, 1.4)


def _speaker_view(pen: Pen) -> None:
    pen.frame(2.2, 4, 13.2, 16, 2)
    for y in (5, 12, 19):
        pen.line((19.8, y), (21.2, y), width=3.4)


def _sound(pen: Pen) -> None:
    pen.line((3, 9.4), (6.8, 9.4), (12, 4.6), (12, 19.4), (6.8, 14.6), (3, 14.6), (3, 9.4))
    pen.arc(12.5, 12, 4, -50, 50)
    pen.arc(12.5, 12, 8, -50, 50)


def _sound_off(pen: Pen) -> None:
    pen.line((3, 9.4), (6.8, 9.4), (12, 4.6), (12, 19.4), (6.8, 14.6), (3, 14.6), (3, 9.4))
    pen.line((16.4, 9.4), (21.6, 14.6))
    pen.line((21.6, 9.4), (16.4, 14.6))


def _pin(pen: Pen) -> None:
    pen.line((8, 3), (16, 3))
    pen.line((9.6, 3), (9.6, 9.4), (6, 13.6), (18, 13.6), (14.4, 9.4), (14.4, 3))
    pen.line((12, 13.6), (12, 21.4))


def _pin_off(pen: Pen) -> None:
    _pin(pen)
    _slash(pen)


def _close(pen: Pen) -> None:
    pen.line((5.5, 5.5), (18.5, 18.5))
    pen.line((18.5, 5.5), (5.5, 18.5))


def _box(pen: Pen) -> None:
    pen.frame(2.5, 4, 19, 12.5, 2.2)
    pen.line((8, 20.5), (16, 20.5))


def _keyboard(pen: Pen) -> None:
    pen.frame(2, 5.5, 20, 13, 2)
    for x in (6, 10, 14, 18):
        pen.dot(x, 10, 1.15)
    pen.line((7.5, 14.6), (16.5, 14.6))


def _wait(pen: Pen) -> None:
    pen.line((6, 3), (18, 3))
    pen.line((6, 21), (18, 21))
    pen.line((7.4, 3), (7.4, 7), (12, 12), (16.6, 7), (16.6, 3))
    pen.line((7.4, 21), (7.4, 17), (12, 12), (16.6, 17), (16.6, 21))
    pen.shape((9.2, 19.6), (12, 16), (14.8, 19.6))


def _people(pen: Pen) -> None:
    pen.frame(5.2, 3.6, 7.2, 7.2, 3.6)
    pen.arc(8.8, 21.8, 7.2, 203, 337)
    pen.arc(15.4, 7.2, 3.6, -95, 95)
    pen.arc(15.2, 21.8, 7.2, 292, 337)


def _mesh(pen: Pen) -> None:
    points = ((12, 4), (4, 18.5), (20, 18.5))
    for one, other in ((0, 1), (1, 2), (2, 0)):
        pen.line(points[one], points[other], width=1.5)
    for x, y in points:
        pen.dot(x, y, 2.7)


def _move(pen: Pen) -> None:
    pen.line((12, 2.8), (12, 21.2))
    pen.line((2.8, 12), (21.2, 12))
    for x, y, dx, dy in ((12, 2.8, 1, 0), (12, 21.2, 1, 0), (2.8, 12, 0, 1), (21.2, 12, 0, 1)):
        inward_x, inward_y = (3 if x < 12 else -3 if x > 12 else 0), (3 if y < 12 else -3 if y > 12 else 0)
        for side in (-3, 3):
            pen.line((x, y), (x + inward_x + side * dx, y + inward_y + side * dy))


def _switch(pen: Pen) -> None:
    pen.line((4, 8), (20, 8))
    pen.line((16, 4), (20, 8), (16, 12))
    pen.line((20, 17), (4, 17))
    pen.line((8, 13), (4, 17), (8, 21))


def _plus(pen: Pen) -> None:
    pen.line((12, 4.5), (12, 19.5))
    pen.line((4.5, 12), (19.5, 12))


def _minus(pen: Pen) -> None:
    pen.line((4.5, 12), (19.5, 12))


def _settings(pen: Pen) -> None:
    for y, x in ((5.5, 15.5), (12, 8), (18.5, 13.5)):
        pen.line((3, y), (x - 3.4, y))
        pen.line((x + 3.4, y), (21, y))
        pen.arc(x, y, 2.5, 0, 360)


def _language(pen: Pen) -> None:
    pen.arc(12, 12, 9.4, 0, 360)
    pen.line((2.6, 12), (21.4, 12))
    for side in (-1, 1):
        pen.arc(12 - side * 8.2, 12, 12.4, *((-49, 49) if side > 0 else (131, 229)))


def _look(pen: Pen) -> None:
    pen.arc(12, 12, 9, 0, 360)
    for x in (13.2, 15.2, 17.2):
        high = (8.4**2 - (x - 12) ** 2) ** 0.5
        pen.line((x, 12 - high), (x, 12 + high))
    pen.line((12, 3), (12, 21))


def _network(pen: Pen) -> None:
    pen.frame(8.5, 2.5, 7, 6, 1.4)
    pen.frame(2, 15.5, 7, 6, 1.4)
    pen.frame(15, 15.5, 7, 6, 1.4)
    pen.line((12, 8.5), (12, 12), (5.5, 12), (5.5, 15.5))
    pen.line((12, 12), (18.5, 12), (18.5, 15.5))


def _about(pen: Pen) -> None:
    pen.arc(12, 12, 9.4, 0, 360)
    pen.dot(12, 7.6, 1.4)
    pen.line((12, 11.4), (12, 16.8))


def _lock(pen: Pen) -> None:
    pen.frame(4.5, 10.5, 15, 11, 2.4)
    pen.line((7.8, 10.5), (7.8, 7))
    pen.line((16.2, 10.5), (16.2, 7))
    pen.arc(12, 7, 4.2, 180, 360)
    pen.dot(12, 16, 1.5)


def _name(pen: Pen) -> None:
    pen.line((4, 20), (5.2, 15), (16.4, 3.8), (20.2, 7.6), (9, 18.8), (4, 20))
    pen.line((13.6, 6.6), (17.4, 10.4))


def _reset(pen: Pen) -> None:
    pen.arc(12, 12.6, 8.4, -50, 235)
    pen.line((3.2, 2.8), (6.6, 6.4), (2.6, 9.2))


ICONS: dict[str, Callable[[Pen], None]] = {
    "camera": _camera,
    "camera-off": _camera_off,
    "microphone": _microphone,
    "microphone-off": _microphone_off,
    "keypad": _keypad,
    "door-open": _door_open,
    "door-closed": _door_closed,
    "hang-up": _hang_up,
    "delete": _delete,
    "back": _back,
    "next": _next,
    "shift": _shift,
    "shift-on": _shift_on,
    "person": _person,
    "warning": _warning,
    "box": _box,
    "grid": _grid,
    "speaker-view": _speaker_view,
    "sound": _sound,
    "sound-off": _sound_off,
    "pin": _pin,
    "pin-off": _pin_off,
    "close": _close,
    "keyboard": _keyboard,
    "wait": _wait,
    "people": _people,
    "mesh": _mesh,
    "move": _move,
    "switch": _switch,
    "plus": _plus,
    "minus": _minus,
    "settings": _settings,
    "language": _language,
    "look": _look,
    "network": _network,
    "about": _about,
    "lock": _lock,
    "name": _name,
    "reset": _reset,
}


FLIPPED = "-flipped"  # after the name of an icon: its mirror image
# What points into the direction of writing, and what stands for it on a page that goes the other way. Signs
# of things (a camera, a door, a wave of sound) look the same everywhere.
DIRECTIONAL = {
    "back": "next",
    "next": "back",
    **{name: name + FLIPPED for name in ("delete", "speaker-view")},
    **{name + FLIPPED: name for name in ("delete", "speaker-view")},
}


def mirrored(name: str) -> str:
    """The name of the icon that means the same on a page that is mirrored."""
    return DIRECTIONAL.get(name, name)


@lru_cache(maxsize=limits.DRAWN_SHAPES_KEPT)
def icon(name: str, side: int, color: RGB) -> pygame.Surface:
    """An icon of ``side`` by ``side`` pixels. Raises KeyError for an unknown name."""
    draw = ICONS[name.removesuffix(FLIPPED)]
    large = _blank(side, color)
    draw(Pen(large, (*color, 255)))
    if name.endswith(FLIPPED):
        large = pygame.transform.flip(large, True, False)
    return pygame.transform.smoothscale(large, (side, side))


@drawn_once
def spinner(side: int, step: int, color: RGB, track: RGB) -> pygame.Surface:
    """A ring with a bright third that stands at ``step`` of ``limits.SPINNER_STEPS``."""
    large = _blank(side, track)
    Pen(large, (*track, 255)).arc(12, 12, 10.2, 0, 360, width=2.6)
    start = 360 * step / limits.SPINNER_STEPS - 140
    Pen(large, (*color, 255)).arc(12, 12, 10.2, start, start + 100, width=2.6)
    return pygame.transform.smoothscale(large, (side, side))


@lru_cache(maxsize=16)
def bars(w: int, h: int, quality: int, on: RGB, off: RGB) -> pygame.Surface:
    """Three rising bars, ``quality`` (0 to 3) of them lit."""
    surface = pygame.Surface((w, h), pygame.SRCALPHA)
    gap = max(1, round(w / 8))
    wide = max(1, (w - 2 * gap) // 3)
    for i, share in enumerate((0.42, 0.71, 1.0)):
        high = max(2, round(h * share))
        color = on if i < quality else off
        bar = pygame.Rect(i * (wide + gap), h - high, wide, high)
        pygame.draw.rect(surface, color, bar, border_radius=max(0, wide // 4))
    return surface


def _blank(side: int, color: RGB) -> pygame.Surface:
    """A transparent surface of that colour: its edges then fade without a dark fringe."""
    large = pygame.Surface((side * OVERSAMPLED, side * OVERSAMPLED), pygame.SRCALPHA)
    large.fill((*color, 0))
    return large
