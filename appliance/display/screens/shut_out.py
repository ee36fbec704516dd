"""Newcomers are shut out after wrong passwords: says so calmly, with a button that lets one try."""

from __future__ import annotations

from appliance.core.call_view import CallView, ShutOutView
from appliance.core.words import Text, say
from appliance.display import theme as t
from appliance.display.screens.parts import Page, countdown
from appliance.display.theme import Ink

TARGET = "admit"
HEIGHT = 51.0
_PAD = 18.0


def words(out: ShutOutView, now: float) -> Text:
    """What happens to newcomers, and how long."""
    if out.admitted:
        return say("One newcomer may try now")
    if out.until is None:
        return say("Wrong passwords: newcomers only by hand")
    return say("Wrong passwords: newcomers wait {left}", left=countdown(out.until - now))


def draw(page: Page, call: CallView, right: float, y: float) -> None:
    """A line that ends at ``right``, its top at ``y`` (units); nothing while newcomers are let in."""
    out = call.shut_out
    if out is None:
        return
    now = page.moment.now
    if out.until is not None and not out.admitted:
        page.until(now + ((out.until - now) % 1.0 or 1.0))
    text, label = words(out, now), say("Let one in")
    wide = page.measure(label, t.NOTE, True) + 2 * _PAD
    x = right - wide
    if not out.admitted:
        page.button(
            TARGET,
            page.rect(x, y, wide, HEIGHT),
            label,
            t.NOTE,
            fill=Ink.WARNING_BACK,
            color=Ink.WARNING_TEXT,
            border=Ink.WARNING,
            bold=True,
            radius=10,
        )
    else:
        x = right
    said = page.measure(text, t.NOTE) + 1
    page.text(page.rect(x - 14 - said, y, said, HEIGHT), text, t.NOTE, Ink.DIM)
