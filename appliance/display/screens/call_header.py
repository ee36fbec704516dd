"""The line above the tiles of a call: room, boxes, how long; who wants in and can't; the time of day."""

from __future__ import annotations

from appliance.core import grid
from appliance.core.call_view import CallView
from appliance.core.words import Text, say, say_n
from appliance.display import theme as t
from appliance.display.screens import shut_out
from appliance.display.screens.parts import Page, clock_text, duration
from appliance.display.theme import Ink

EDGE = 24.0  # left and right of it, and of the tiles
HIGH = 52.0


def draw(page: Page, call: CallView) -> grid.Rect:
    """Draw it; return where it is, in pixels."""
    now = page.moment.now
    x = EDGE
    boxes = len(call.tiles) + 1
    passed = now - call.since
    said: list[tuple[Text, Ink]] = [
        (say("Room {room}", room=call.room), Ink.TEXT),
        (say_n("{n} box", "{n} boxes", boxes), Ink.DIM),
        (duration(passed), Ink.DIM),
    ]
    if call.away:
        said.append((say_n("{n} away", "{n} away", len(call.away)), Ink.WARNING_TEXT))
    for text, color in said:
        wide = page.measure(text, t.BODY) + 1
        page.text(page.rect(x, 12, wide, 34), text, t.BODY, color)
        x += wide + 20
    page.until(now + 1.0 - passed % 1.0)
    clock = clock_text(page.moment)
    wide = page.measure(clock, t.BODY) + 1
    page.text(page.rect(page.w - EDGE - wide, 12, wide, 34), clock, t.BODY, Ink.DIM, align="right")
    page.until_next_minute()
    shut_out.draw(page, call, page.w - EDGE - wide - 24, 0.5)
    return page.rect(0, 0, page.w, HIGH)
