"""A panel beside the tiles of a call: it hides nobody, and is closed by a press beside it, or back."""

from __future__ import annotations

from collections.abc import Callable

from appliance.core.grid import Rect
from appliance.core.words import Text
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.theme import Ink

CLOSE = "panel:close"  # the button, and a touch beside the panel
PAD = 18.0
TITLE_HIGH = 62.0
GAP = 16.0
LOWER = 0.56  # of the height, on a screen that is higher than wide


def split(page: Page, area: Rect, wide: float) -> tuple[Rect, Rect]:
    """An area as what is left for tiles and the panel, which is ``wide`` units wide; in pixels."""
    scale, gap = page.theme.scale, page.theme.px(GAP)
    if area.h > area.w:
        high = int(area.h * LOWER)
        tiles = Rect(area.x, area.y, area.w, area.h - high - gap)
        return tiles, Rect(area.x, tiles.bottom + gap, area.w, high)
    px = round(wide * scale)
    tiles = Rect(area.x, area.y, area.w - px - gap, area.h)
    return tiles, Rect(tiles.right + gap, area.y, px, area.h)


def draw(page: Page, panel: Rect, title: Text, inside: Callable[[Rect], None]) -> None:
    """Draw the panel, its title, what is ``inside`` of it; nothing else can be pressed."""
    scale = page.theme.scale
    page.targets.clear()
    page.outside = CLOSE
    page.box(panel, Ink.PANEL, 18, Ink.LINE, 1)
    x, y, w = panel.x / scale, panel.y / scale, panel.w / scale
    side = 52.0
    close = page.rect(x + w - PAD / 2 - side, y + PAD / 2, side, side)
    room = w - 2 * PAD - side - 8
    page.text(page.rect(x + PAD, y + 8, room, TITLE_HIGH - 8), title, t.SUBHEAD, bold=True)
    inside(page.rect(x + PAD, y + TITLE_HIGH, w - 2 * PAD, panel.h / scale - TITLE_HIGH - PAD))
    page.box(close, Ink.BUTTON_PRESSED if page.pressed(CLOSE) else Ink.BUTTON, 14)
    page.target(CLOSE, close, 14, first=not page.targets)
    page.icon((x + w - PAD / 2 - side / 2, y + PAD / 2 + side / 2), 24, "close", Ink.TEXT)
