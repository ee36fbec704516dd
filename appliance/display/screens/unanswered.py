"""Others are in the room, and none of them answers: they let no newcomers in, and this box is one."""

from __future__ import annotations

from appliance.core.call_view import CallView
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.theme import Ink


def draw(page: Page, call: CallView, x: float, width: float, middle: float) -> None:
    """Say so, and what to do, beside the self-view; ``middle``: of the column, units."""
    title = say("Nobody answers this box")
    page.text(page.rect(x, middle - 132, width, 116), title, t.DISPLAY, bold=True, lines=2, top=True)
    there = say("Others are in room {room}, and let no newcomers in now.", room=call.room)
    page.text(page.rect(x, middle - 6, width, 100), there, t.LEAD, lines=3, top=True)
    remedy = say("Ask one of them to let you in on their box.")
    page.text(page.rect(x, middle + 100, width, 64), remedy, t.LEAD, Ink.DIM, lines=2, top=True)
