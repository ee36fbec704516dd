"""A number pad with a field above it, for PINs and room numbers."""

from __future__ import annotations

from appliance.core.view import Tone
from appliance.core.words import Text
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.page import Area
from appliance.display.theme import Ink

FIELD = 74.0
GAP = 10.0
WIDE = 430.0
DOT = 26.0  # from one hidden digit to the next


def draw_digits(
    page: Page,
    area: Area,
    typed: str,
    hint: Text,
    go: Text,
    *,
    hidden: bool,
    ready: bool,
    shut: bool = False,
) -> None:
    """Draw field and pad at the left of an area. ``ready``: ``go`` would be accepted. ``shut``: nothing can
    be typed now.

    Targets: ``key:DIGIT``, ``delete`` and ``next``.
    """
    x, y, w = area.x, area.y, min(area.w, WIDE)
    with page.unmirrored(page.rect(x, y, w, area.bottom - y)):
        page.box(page.rect(x, y, w, FIELD), Ink.PANEL, 16, Ink.LINE if shut else Ink.ACCENT)
        if not typed:
            page.text(page.rect(x + 26, y, w - 52, FIELD), hint, t.LEAD, Ink.DIM)
        elif hidden:
            for i in range(len(typed)):
                page.dot(x + 26 + (i + 0.4) * DOT, y + FIELD / 2, 7, Ink.TEXT)
        else:
            page.text(page.rect(x + 26, y, w - 52, FIELD), typed, t.DISPLAY, bold=True)
        y += FIELD + GAP
        each = (w - 2 * GAP) / 3
        high = min(92.0, (area.bottom - y - 3 * GAP) / 4)
        for i, digit in enumerate("123456789"):
            rect = page.rect(x + i % 3 * (each + GAP), y + i // 3 * (high + GAP), each, high)
            color = Ink.DIM if shut else Ink.TEXT
            page.button(f"key:{digit}", rect, digit, t.TITLE, radius=14, color=color, first=digit == "1")
        y += 3 * (high + GAP)
        page.button(
            "delete", page.rect(x, y, each, high), "", t.TITLE, color=Ink.DIM, icon="delete", radius=14
        )
        rect = page.rect(x + each + GAP, y, each, high)
        page.button("key:0", rect, "0", t.TITLE, radius=14, color=Ink.DIM if shut else Ink.TEXT)
        there = page.rect(x + 2 * (each + GAP), y, each, high)
        page.go_button("next", there, go, t.LEAD, ready=ready and not shut)


def beside(page: Page, area: Area, sentence: Text, tone: Tone = Tone.WARNING) -> None:
    """A sentence to the right of the pad."""
    x = area.x + min(area.w, WIDE) + 32
    page.sentence_box(x, area.y, area.x + area.w - x, sentence, tone)
