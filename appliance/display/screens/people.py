"""Who is here: every box, since when, whether it is heard and how good its link is; and who is away."""

from __future__ import annotations

from datetime import timedelta

from appliance.core.call_view import CallView, TileState, TileView
from appliance.core.grid import Rect
from appliance.core.words import Text, say, say_n
from appliance.display import theme as t
from appliance.display.scene import Bars
from appliance.display.screens.parts import Page
from appliance.display.text import line_height
from appliance.display.theme import Ink

MESH = "people:mesh"
ROW = 56.0  # at most
NARROW = 430.0  # the panel's width, units; twice as wide for more than ...
ONE_COLUMN = 8
BUTTON = 60.0
SIGN = 24.0


def width(page: Page, call: CallView) -> float:
    """The panel's, units."""
    return min(NARROW if len(call.tiles) < ONE_COLUMN else 1.7 * NARROW, 0.62 * page.w)


def draw(page: Page, area: Rect, call: CallView) -> None:
    """The list, in pixels of ``area``, and below it a button that leads to all connections."""
    scale = page.theme.scale
    x, y, w, h = (value / scale for value in area)
    bottom = y + h - BUTTON
    label = say("All connections")
    page.button(MESH, page.rect(x, bottom, w, BUTTON), label, t.BODY, icon="mesh", first=True)
    bottom -= 12
    if call.away:
        high = 2 * line_height(page.theme.font_px(t.NOTE)) / scale
        bottom -= high
        page.text(page.rect(x, bottom, w, high), _away(call), t.NOTE, Ink.WARNING_TEXT, lines=2)
        bottom -= 6
    count = len(call.tiles) + 1
    columns = 1 if count <= ONE_COLUMN else 2
    rows = -(-count // columns)
    high = min(ROW, (bottom - y) / rows)
    wide = (w - (columns - 1) * 22) / columns
    for i in range(count):
        left, top = x + i // rows * (wide + 22), y + i % rows * high
        if i % rows:
            page.box(page.rect(left, top, wide, 1), Ink.LINE, 0)
        if i == 0:
            you = say("You · {name}", name=page.moment.snapshot.name)
            _row(page, left, top, wide, high, you, _since(page, call.since), "muted" if call.muted else "", 0)
        else:
            tile = call.tiles[i - 1]
            mute = "muted here" if tile.muted_here else "muted" if tile.muted else ""
            quality = tile.quality if tile.state is TileState.LIVE else 0
            _row(page, left, top, wide, high, tile.name, _how(page, tile), mute, quality)


def _away(call: CallView) -> Text:
    names = ", ".join(away.name for away in call.away)
    return say_n("{n} away: {names}", "{n} away: {names}", len(call.away), names=names)


def _since(page: Page, at: float) -> Text:
    when = page.moment.wall - timedelta(seconds=page.moment.now - at)
    return say("since {time}", time=f"{when:%H:%M}")


def _how(page: Page, tile: TileView) -> Text:
    if tile.state is TileState.RECONNECTING:
        return say("Reconnecting")
    if tile.state is TileState.CONNECTING:
        return say("Connecting")
    return say("On hold") if tile.held else _since(page, tile.since)


def _row(
    page: Page, x: float, y: float, w: float, h: float, name: Text, how: Text, mute: str, quality: int
) -> None:
    """Name above, how it is here below; at the right the link's bars and the microphone."""
    scale = page.theme.scale
    body, note = (line_height(page.theme.font_px(size)) / scale for size in (t.BODY, t.NOTE))
    inner, middle = w - 2 * SIGN - 30, y + h / 2
    two = body + note <= h + 4
    top = middle - (body + note) / 2 if two else middle - body / 2
    page.text(page.rect(x, top, inner, body), name, t.BODY, bold=True)
    if two:
        page.text(page.rect(x, top + body, inner, note), how, t.NOTE, Ink.DIM)
    icon = {"": "microphone", "muted": "microphone-off"}.get(mute, "sound-off")
    page.icon((x + w - SIGN / 2, middle), SIGN, icon, Ink.WARNING_TEXT if mute else Ink.DIM)
    if quality:
        lit = {1: Ink.BAD, 2: Ink.WARNING}.get(quality, Ink.ACCENT)
        page.add(Bars(page.rect(x + w - 2 * SIGN - 12, middle - 8.5, 20, 17), quality, lit, Ink.FAINT))
