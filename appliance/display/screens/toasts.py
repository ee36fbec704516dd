"""The notices of a call, at the top right of the tiles: over nobody's name, and over nothing to press.

A toast stays where it appeared until it goes; the others do not move up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.core.grid import Rect
from appliance.core.view import Notice, Tone
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.text import line_height
from appliance.display.theme import Ink

EDGES = {Tone.CALM: Ink.ACCENT, Tone.WARNING: Ink.WARNING, Tone.BAD: Ink.BAD}
WIDEST = 0.42  # of the room for them
PAD = 13.0
BAND = 28.0  # beside the text, left: the coloured edge and its margins
GAP = 9.0
STEP = 6.0  # between two places that are tried, units


@dataclass(frozen=True, slots=True)
class _Toast:
    notice: Notice
    wide: float  # of its text, units
    high: float


class Toasts:
    """Remembers where each stands."""

    def __init__(self) -> None:
        self._places: dict[int, float] = {}  # notice -> its top, units

    def draw(self, page: Page, area: Rect, clear: Sequence[Rect]) -> None:
        """Draw those that find room in ``area`` (pixels) beside what is to stay ``clear``."""
        scale = page.theme.scale
        right, top, bottom = area.right / scale - 10, area.y / scale + 10, area.bottom / scale
        toasts = [_measured(page, notice, area.w / scale) for notice in page.moment.notices]
        taken = list(clear)
        self._places = {toast.notice.id: y for toast in toasts if (y := self._places.get(toast.notice.id))}
        for toast in sorted(
            toasts, key=lambda one: one.notice.id not in self._places
        ):  # those that stand first
            y = self._places.get(toast.notice.id, top)
            while y + toast.high <= bottom and _overlaps(rect := _rect(page, right, y, toast), taken):
                y += STEP
            if y + toast.high > bottom:
                self._places.pop(toast.notice.id, None)
                continue
            self._places[toast.notice.id] = y
            taken.append(rect.grown(page.theme.px(GAP)))
            _draw(page, right, y, toast)


def _measured(page: Page, notice: Notice, room: float) -> _Toast:
    wide = min(page.measure(notice.text, t.BODY) + 2, room * WIDEST if room > 700 else room - BAND - 40)
    px = page.theme.font_px(t.BODY)
    width = page.rect(0, 0, wide, 0).w
    count = len(page.typesetter.wrap(page.said(notice.text), px, False, width, 2))
    return _Toast(notice, wide, line_height(px) / page.theme.scale * count + 2 * PAD)


def _rect(page: Page, right: float, y: float, toast: _Toast) -> Rect:
    wide = toast.wide + BAND + 20
    return page.rect(right - wide, y, wide, toast.high)


def _overlaps(rect: Rect, taken: Sequence[Rect]) -> bool:
    return any(rect.overlaps(other) for other in taken)


def _draw(page: Page, right: float, y: float, toast: _Toast) -> None:
    x = right - toast.wide - BAND - 20
    page.box(_rect(page, right, y, toast), Ink.PANEL, 13, Ink.LINE, 1)
    page.box(page.rect(x + 11, y + 12, 5, toast.high - 24), EDGES[toast.notice.tone], 2.5)
    page.text(page.rect(x + BAND, y, toast.wide, toast.high), toast.notice.text, t.BODY, lines=2)
