"""Pages of a language that is written from right to left: everything about the middle, the other way round.

Screens are laid out from left to right, and turned when they are done: places, the sides that text stands
at, icons that point somewhere. Pictures and letters stay as they are. The arrow keys mean what they show,
so the focus moves as one sees it.
"""

from __future__ import annotations

from dataclasses import replace

from appliance.core.grid import Rect
from appliance.display.icons import mirrored
from appliance.display.scene import Icon, Lines, Node, Target, Text

OTHER_SIDE = {"left": "right", "center": "center", "right": "left"}


def rect(where: Rect, width: int) -> Rect:
    """A rectangle on a mirrored screen that is ``width`` pixels wide."""
    return Rect(width - where.x - where.w, where.y, where.w, where.h)


def node(one: Node, width: int) -> Node:
    """A node on a mirrored screen. Twice mirrored is the node itself."""
    there = rect(one.rect, width)
    if isinstance(one, Text):
        return replace(one, rect=there, align=OTHER_SIDE[one.align])
    if isinstance(one, Icon):
        return replace(one, rect=there, name=mirrored(one.name))
    if isinstance(one, Lines):
        return one.mirrored(there)
    return replace(one, rect=there)


def target(one: Target, width: int) -> Target:
    return replace(one, rect=rect(one.rect, width))


def moved(where: Rect, dx: int) -> Rect:
    return Rect(where.x + dx, where.y, where.w, where.h)
