"""A tile is moved to another place: dragged by a finger or the mouse, or with arrows and OK from its menu.

Nothing flies about, with reduced motion or without: the tile that is moved is dimmed, the place where it
would go is framed, and everybody changes places when it is put there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.core import limits
from appliance.core.call_view import CallView
from appliance.core.grid import Rect
from appliance.core.words import Text, say
from appliance.display import theme as t
from appliance.display.screens import tile
from appliance.display.screens.parts import Page
from appliance.display.theme import Ink

PREFIX = "place:"  # of a place's target, which is named after the peer that has it
AWAY = "place:away"  # pressed by a touch beside every tile
HINT_HIGH = 56.0


@dataclass(frozen=True, slots=True)
class Hint:
    """``place``: in pixels."""

    words: Text
    place: Rect


class TileMove:
    """``peer``: whose tile is being moved, None while nobody's is. ``dragging``: by a finger that is down."""

    def __init__(self) -> None:
        self.peer: str | None = None
        self.dragging = False
        self._there: str | None = None  # the place that a finger is over, by its peer
        self._used_at = 0.0

    def begin(self, peer: str, at: float, *, dragging: bool = False) -> None:
        self.peer, self.dragging, self._there, self._used_at = peer, dragging, None, at

    def end(self) -> None:
        self.peer, self.dragging, self._there = None, False, None

    def used(self, at: float) -> None:
        """A key was pressed: somebody is still choosing."""
        self._used_at = at

    def look(self, call: CallView, now: float) -> None:
        """It is over when its peer has left, or nobody goes on with it."""
        here = any(one.peer == self.peer for one in call.tiles)
        idle = not self.dragging and now - self._used_at >= limits.MENU_FOR
        if self.peer is not None and (not here or idle):
            self.end()

    def over(self, target: str | None) -> bool:
        """A finger is over a target of the page; return whether that is another place than before."""
        there = target.removeprefix(PREFIX) if target is not None and target.startswith(PREFIX) else None
        if target is not None and (peer := tile.peer_of(target)) is not None:
            there = peer
        before, self._there = self._there, there
        return there != before

    def press(self, target: str) -> tuple[str, str] | None:
        """A place was pressed: (who, to whose place); None where it was no place. The move is over."""
        peer = self.peer
        self.end()
        if peer is None or target == AWAY or not target.startswith(PREFIX):
            return None
        return peer, target.removeprefix(PREFIX)

    def dropped(self) -> tuple[str, str] | None:
        """The finger went up: (who, to whose place); None where it was over none."""
        peer, there = self.peer, self._there
        self.end()
        return (peer, there) if peer is not None and there is not None else None

    def hint(self, page: Page, call: CallView) -> Hint | None:
        """What to do now, and where that stands; None while nothing is moved."""
        if self.peer is None:
            return None
        if not self.dragging:
            page.until(self._used_at + limits.MENU_FOR)
        name = next(one.name for one in call.tiles if one.peer == self.peer)
        if not self.dragging:
            words = say("Where to put {name}? Arrows and OK, or a touch.", name=name)
        else:
            words = say("Where to put {name}?", name=name)
        wide = min(page.measure(words, t.LEAD) + 50, page.w - 60)
        return Hint(words, page.rect((page.w - wide) / 2, page.h - HINT_HIGH - 14, wide, HINT_HIGH))

    def draw(self, page: Page, places: Mapping[str, Rect], hint: Hint) -> None:
        """Draw it over the tiles; only places can be pressed."""
        page.targets.clear()
        page.outside = AWAY
        scale = page.theme.scale
        for peer, rect in places.items():
            page.target(
                target_of(peer), tile.free(page, rect, hint.place), tile.RADIUS, first=peer == self.peer
            )
            if peer == self.peer:
                page.box(rect, Ink.CHIP, tile.RADIUS)
                page.icon((rect.center[0] / scale, rect.center[1] / scale), 44, "move", Ink.TEXT)
            elif peer == self._there or page.pressed(target_of(peer)):
                page.box(rect, None, tile.RADIUS, Ink.ACCENT, 6)
        page.box(hint.place, Ink.PANEL, 16, Ink.ACCENT, 2)
        inset = page.theme.px(20)
        inner = Rect(hint.place.x + inset, hint.place.y, hint.place.w - 2 * inset, hint.place.h)
        page.text(inner, hint.words, t.LEAD, align="center")


def target_of(peer: str) -> str:
    """The name of the target that the place of a peer's tile is."""
    return f"{PREFIX}{peer}"
