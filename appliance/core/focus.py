"""Which target an arrow key goes to.

A remote control has four arrows and OK; every target on a screen must be reached with them. The
rule is what people expect: the nearest target in that direction, one straight ahead before one
that is off to the side. There is no wrapping round: pressing an arrow at the edge does nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from appliance.core.grid import Rect


class Direction(enum.Enum):
    UP = (0, -1)
    DOWN = (0, 1)
    LEFT = (-1, 0)
    RIGHT = (1, 0)


SIDEWAYS = 3.0  # a pixel off to the side counts as much as three ahead


def move(targets: Sequence[tuple[str, Rect]], current: str | None, direction: Direction) -> str | None:
    """Return the name of the target that the focus goes to, or ``current`` when there is none.

    ``targets``: name and rectangle of each. When ``current`` is not among them the first is taken.
    """
    here = next((rect for name, rect in targets if name == current), None)
    if here is None:
        return targets[0][0] if targets else None
    ahead = [
        (distance, name)
        for name, rect in targets
        if name != current and (distance := _distance(here, rect, direction)) is not None
    ]
    return min(ahead)[1] if ahead else current


def step(targets: Sequence[tuple[str, Rect]], current: str | None, by: int) -> str | None:
    """Return the target ``by`` places further in the order of the list, round and round (Tab)."""
    names = [name for name, _ in targets]
    if not names:
        return None
    if current not in names:
        return names[0]
    return names[(names.index(current) + by) % len(names)]


def _distance(here: Rect, there: Rect, direction: Direction) -> float | None:
    """How far ``there`` is in that direction; None when it is not ahead."""
    horizontal = direction in (Direction.LEFT, Direction.RIGHT)
    if horizontal:
        a, b = (here.x, here.right), (there.x, there.right)
        side, other = (here.y, here.bottom), (there.y, there.bottom)
    else:
        a, b = (here.y, here.bottom), (there.y, there.bottom)
        side, other = (here.x, here.right), (there.x, there.right)
    if direction in (Direction.LEFT, Direction.UP):
        a, b = (-a[1], -a[0]), (-b[1], -b[0])
    # Ahead: its near edge lies beyond our middle, and its far edge beyond ours.
    if b[0] < (a[0] + a[1]) / 2 or b[1] <= a[1]:
        return None
    ahead = max(0, b[0] - a[1])
    aside = max(0, other[0] - side[1], side[0] - other[1])
    off_center = abs((other[0] + other[1]) - (side[0] + side[1])) / 2
    return ahead + SIDEWAYS * aside + 0.1 * off_center
