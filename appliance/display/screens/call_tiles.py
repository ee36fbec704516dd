"""Everybody in a call, the self-view last; or the self-view alone, and how the others come here.

The bar lies over the tiles where it leaves enough of each. Where it would not, all of them stand above it,
also while it is hidden: nobody moves when it comes or goes.
"""

from __future__ import annotations

from appliance.core import grid
from appliance.core.call_view import CallView
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.screens import tile, unanswered
from appliance.display.screens.parts import Page
from appliance.display.screens.start import joining_line
from appliance.display.theme import Ink

GAP = 14.0
SEEN_LEAST = 54.0  # units of a tile's height beside the bar, ...
SEEN_SHARE = 0.4  # ... and of its height

Places = dict[str, grid.Rect]


def draw(
    page: Page, call: CallView, area: grid.Rect, over: grid.Rect | None, below: grid.Rect | None
) -> tuple[Places, list[grid.Rect]]:
    """Everybody, the self-view last; return where each peer's tile is, and where names stand.

    ``over``: what lies on the tiles now. ``below``: where the bar is or would be.
    """
    rects = _arranged(page, call, area)
    if below is not None and not all(_usable(page, rect, below) for rect in rects):
        above = grid.Rect(area.x, area.y, area.w, below.y - page.theme.px(GAP) - area.y)
        rects = _arranged(page, call, above)
    order = sorted(call.tiles, key=lambda peer: peer.peer != call.large)  # the others stay in order
    places, names = {}, []
    for peer, rect in zip(order, rects, strict=False):
        pinned = peer.peer == call.pinned
        names.append(tile.draw_peer(page, rect, peer, pinned=pinned, hidden=call.hidden, bar=over))
        places[peer.peer] = rect
    names.append(tile.draw_self(page, rects[-1], page.moment.snapshot, call, over))
    return places, names


def _arranged(page: Page, call: CallView, area: grid.Rect) -> tuple[grid.Rect, ...]:
    arrange = grid.arrange if call.large is None else grid.arrange_speaker
    return arrange(len(call.tiles) + 1, area, page.theme.px(GAP))


def draw_alone(page: Page, call: CallView, area: grid.Rect, bar: grid.Rect | None) -> None:
    """The self-view, and what the others do to come here; above the ``bar``."""
    scale = page.theme.scale
    left, width, top = area.x / scale, area.w / scale, area.y / scale
    bottom = (bar.y if bar is not None else area.bottom) / scale - 18
    wide = min(0.56 * width, (bottom - top) * grid.PICTURE_ASPECT)
    high = wide / grid.PICTURE_ASPECT
    top += (bottom - top - high) / 2
    tile.draw_self(page, page.rect(left, top, wide, high), page.moment.snapshot, call)
    x = left + wide + 40
    width = left + width - x
    if width < 300:  # a panel is open beside it
        return
    middle = top + high / 2
    if call.unanswered:
        unanswered.draw(page, call, x, width, middle)
        return
    page.text(
        page.rect(x, middle - 132, width, 116),
        say("You are the first one here"),
        t.DISPLAY,
        bold=True,
        lines=2,
        top=True,
    )
    page.text(
        page.rect(x, middle - 6, width, 100),
        say("The others type room {room} and the same password on their box.", room=call.room),
        t.LEAD,
        lines=3,
        top=True,
    )
    page.text(
        page.rect(x, middle + 100, width, 64),
        joining_line(page, call),
        t.LEAD,
        Ink.DIM,
        lines=2,
        top=True,
    )


def _usable(page: Page, rect: grid.Rect, bar: grid.Rect) -> bool:
    """Is enough of a tile beside the bar to tell who it is, and to press it?"""
    high = tile.free(page, rect, bar).h
    return high >= page.theme.px(SEEN_LEAST) and high >= SEEN_SHARE * rect.h
