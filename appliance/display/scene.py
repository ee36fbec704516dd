"""What a screen consists of: a list of immutable nodes, bottom to top, and the targets on it.

A screen is rebuilt as a value whenever something may have changed; the renderer compares it with
the one before and redraws only where nodes differ. No node draws outside its ``rect``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from appliance.core.grid import Rect
from appliance.display.theme import Ink


@dataclass(frozen=True, slots=True)
class Box:
    rect: Rect
    fill: Ink | None
    radius: int = 0
    border: Ink | None = None
    border_width: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """``px``: the em. ``align``: "left", "center" or "right" in the rect; lines are centred vertically
    unless ``top``. ``lines``: at most so many, broken at spaces; what does not fit ends with an ellipsis.
    """

    rect: Rect
    text: str
    px: int
    color: Ink
    bold: bool = False
    align: str = "left"
    lines: int = 1
    top: bool = False
    tracking: int = 0


@dataclass(frozen=True, slots=True)
class Icon:
    rect: Rect
    name: str
    color: Ink


@dataclass(frozen=True, slots=True)
class Bars:
    """Link quality, 0 to 3 bars."""

    rect: Rect
    quality: int
    on: Ink
    off: Ink


@dataclass(frozen=True, slots=True)
class Spinner:
    """Turns by itself, a position every ``limits.SPINNER_EVERY``."""

    rect: Rect
    color: Ink
    track: Ink


@dataclass(frozen=True, slots=True)
class Video:
    """The pictures of a tile, once there is one; ``behind`` is the colour at its round corners."""

    rect: Rect
    tile: str
    radius: int
    behind: Ink


@dataclass(frozen=True, slots=True)
class Line:
    """From one point to another, in pixels from the corner of its ``Lines``.

    ``dash``, ``gap``: lengths of its strokes and of what is between them, in pixels; no gap: a whole line.
    """

    x1: int
    y1: int
    x2: int
    y2: int
    color: Ink
    width: int
    dash: int = 0
    gap: int = 0


@dataclass(frozen=True, slots=True)
class Lines:
    """Straight lines with round ends, drawn in their order."""

    rect: Rect
    lines: tuple[Line, ...]

    def mirrored(self, rect: Rect) -> Lines:
        """The same the other way round, left and right, at another place."""
        wide = self.rect.w
        turned = (replace(line, x1=wide - line.x1, x2=wide - line.x2) for line in self.lines)
        return Lines(rect, tuple(turned))


Node = Box | Text | Icon | Bars | Spinner | Video | Lines


@dataclass(frozen=True, slots=True)
class Target:
    """Something to press. ``first``: the focus goes here when the screen appears."""

    name: str
    rect: Rect
    radius: int
    first: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A whole screen. ``stale_at``: the monotonic time at which it looks different by itself.

    ``tiles``: the name of each tile on it, with or without a picture, and the size of picture it wants.
    ``outside``: what a touch beside every target presses; nothing, when it is empty.
    """

    background: Ink = Ink.BACKGROUND
    nodes: tuple[Node, ...] = ()
    targets: tuple[Target, ...] = ()
    stale_at: float = math.inf
    tiles: tuple[tuple[str, int, int], ...] = ()
    outside: str = ""

    def target_at(self, x: float, y: float, slop: int = 0) -> Target | None:
        """The target under a point, or the nearest one within ``slop`` pixels."""
        for target in reversed(self.targets):
            if target.rect.holds(x, y):
                return target
        near = [t for t in self.targets if t.rect.grown(slop).holds(x, y)]

        def distance(target: Target) -> float:
            middle = target.rect.center
            return math.hypot(middle[0] - x, middle[1] - y)

        return min(near, key=distance, default=None)

    def target(self, name: str | None) -> Target | None:
        return next((t for t in self.targets if t.name == name), None)

    @property
    def first(self) -> str | None:
        """The name of the target that has the focus when the screen appears."""
        named = [t.name for t in self.targets if t.first] or [t.name for t in self.targets]
        return named[0] if named else None

    def videos(self) -> tuple[Video, ...]:
        return tuple(node for node in self.nodes if isinstance(node, Video))


@dataclass(slots=True)
class Draft:
    """A view in the making."""

    background: Ink = Ink.BACKGROUND
    nodes: list[Node] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    stale_at: float = math.inf
    tiles: list[tuple[str, int, int]] = field(default_factory=list)
    outside: str = ""

    def add(self, *nodes: Node) -> None:
        self.nodes.extend(nodes)

    def until(self, at: float) -> None:
        """Say that the view looks different from ``at`` on."""
        self.stale_at = min(self.stale_at, at)

    def done(self) -> View:
        return View(
            self.background,
            tuple(self.nodes),
            tuple(self.targets),
            self.stale_at,
            tuple(self.tiles),
            self.outside,
        )
