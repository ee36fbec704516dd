"""What a page of the settings is, and the pieces that several of them are put together from."""

from __future__ import annotations

from typing import NamedTuple

from appliance.core.settings_view import Choices, SettingsView
from appliance.core.view import Tone
from appliance.core.words import Text, Words, say
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.stage import Key, Stage
from appliance.display.theme import Ink

ROW = 56.0  # height of a row that can be pressed
GAP = 9.0
BUTTON = 60.0  # height of a button on its own
METER = 18.0
PROBLEM = 128.0  # height of a sentence of three lines, and a gap above it
MORE = "more"


class Area(NamedTuple):
    """Where a page may draw, units."""

    x: float
    y: float
    w: float
    h: float

    @property
    def bottom(self) -> float:
        return self.y + self.h


class SettingsPage:
    """One page. It keeps only what a person does on it; everything else is in the snapshot."""

    name = ""
    title: Words
    icon = ""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @property
    def settings(self) -> SettingsView:
        return self.stage.snapshot.settings or SettingsView()

    def reset(self) -> None:
        """The page is opened or left."""

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        """Draw it beside the list."""

    def draw_whole(self, page: Page) -> bool:  # noqa: ARG002 - for those that have such a level
        """Draw what takes the whole screen, and return whether there is such a thing now."""
        return False

    def press(self, target: str, at: float, touched: bool) -> None:
        """A target of this page was pressed."""

    def key(self, key: Key) -> bool:  # noqa: ARG002 - for those that take one
        """A key; True when the page took it."""
        return False

    def back(self) -> bool:
        """Go up a level within the page; False when it is at its top."""
        return False


# --- pieces -------------------------------------------------------------------------------------


def heading(page: Page, area: Area, title: Text, hint: Text = "") -> float:
    """The page's title, and two lines about it; return where they end."""
    page.text(page.rect(area.x, area.y, area.w, 50), title, t.HEADLINE, bold=True)
    if not hint:
        return area.y + 66
    page.text(page.rect(area.x, area.y + 56, area.w, 58), hint, t.BODY, Ink.DIM, lines=2, top=True)
    return area.y + 132


def option(
    page: Page,
    name: str,
    place: Area,
    label: Text,
    *,
    chosen: bool,
    first: bool = False,
) -> None:
    """One of several: a row with a ring, filled when it is the one in force."""
    rect = page.rect(*place)
    page.box(
        rect, Ink.BUTTON_PRESSED if page.pressed(name) else Ink.PANEL, 14, Ink.ACCENT if chosen else None
    )
    page.target(name, rect, 14, first=first)
    x, y = place.x + 30, place.y + place.h / 2
    page.dot(x, y, 11, Ink.ACCENT if chosen else Ink.FAINT)
    page.dot(x, y, 5.5 if chosen else 8.5, Ink.ON_ACCENT if chosen else Ink.PANEL)
    page.text(page.rect(place.x + 56, place.y, place.w - 70, place.h), label, t.BODY)


class OptionList:
    """Rows to choose from; where there are more than fit, the last one turns to the next ones.

    ``prefix`` of the targets: ``prefix:VALUE`` for a row.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._turned = 0

    def reset(self) -> None:
        self._turned = 0

    def draw(self, page: Page, area: Area, choices: Choices, *, first: bool = False) -> float:
        """Draw them from the top of the area; return where they end."""
        fit = max(2, int((area.h + GAP) // (ROW + GAP)))
        shown = choices.choices
        turns = len(shown) > fit
        if turns:
            pages = -(-len(shown) // (fit - 1))
            begin = self._turned % pages * (fit - 1)
            shown = shown[begin : begin + fit - 1]
        values = [choice.value for choice in shown]
        to = choices.value if choices.value in values else values[0] if values else ""
        y = area.y
        for choice in shown:
            option(
                page,
                f"{self._prefix}:{choice.value}",
                Area(area.x, y, area.w, ROW),
                choice.label,
                chosen=choice.value == choices.value,
                first=first and choice.value == to,
            )
            y += ROW + GAP
        if turns:
            y = area.y + (fit - 1) * (ROW + GAP)
            rect = page.rect(area.x, y, area.w, ROW)
            page.button(f"{self._prefix}-{MORE}", rect, say("More"), t.BODY, color=Ink.DIM, icon="next")
            y += ROW + GAP
        return y

    def pressed(self, target: str) -> str | None:
        """The value that was chosen; None for another target, or when the list only turned."""
        if target == f"{self._prefix}-{MORE}":
            self._turned += 1
        kind, _, value = target.partition(":")
        return value if kind == self._prefix else None


def meter(page: Page, x: float, y: float, w: float, level: float) -> None:
    """How loud the microphone is, 0 to 1."""
    page.box(page.rect(x, y, w, METER), Ink.LINE, METER / 2)
    if level > 0:
        color = Ink.WARNING if level >= 1 else Ink.ACCENT
        # A bar is never narrower than its round ends.
        page.box(page.rect(x, y, max(w * level, METER), METER), color, METER / 2)


def wide_button(
    page: Page,
    name: str,
    x: float,
    y: float,
    label: Text,
    *,
    icon: str = "",
    main: bool = False,
    first: bool = False,
    color: Ink = Ink.TEXT,
    most: float = 560.0,
) -> float:
    """A button as wide as its label needs; return its right edge."""
    wide = min(most, page.measure(label, t.LEAD, main) + (96 if icon else 64))
    rect = page.rect(x, y, wide, BUTTON)
    if main:
        page.button(
            name,
            rect,
            label,
            t.LEAD,
            fill=Ink.ACCENT,
            fill_pressed=Ink.ACCENT_PRESSED,
            color=Ink.ON_ACCENT,
            bold=True,
            icon=icon,
            first=first,
        )
    else:
        page.button(name, rect, label, t.LEAD, color=color, icon=icon, first=first)
    return x + wide


def problem(page: Page, area: Area, settings: SettingsView) -> None:
    """Why the last change was not made, at the bottom."""
    if settings.problem:
        page.sentence_box(area.x, area.bottom - PROBLEM + 10, area.w, settings.problem, Tone.WARNING)
