"""How long a meeting stays open to newcomers after somebody joined."""

from __future__ import annotations

import bisect

from appliance.core.settings_view import SetJoiningMinutes, SettingsView
from appliance.core.words import Text, say, say_n
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.page import Area, SettingsPage, heading, problem
from appliance.display.theme import Ink

STEPS = (1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 240.0, 480.0, 1440.0)  # minutes
SIDE = 96.0
VALUE = 320.0
HINT = say("So long a meeting stays open after somebody joined. It counts from the next meeting on.")


class JoiningPage(SettingsPage):
    name, title, icon = "joining", say("Joining window"), "door-open"

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        y = heading(page, area, self.title, HINT) + 20
        minutes = settings.joining_minutes
        for name, icon, x, on in (
            ("less", "minus", area.x, shorter(minutes) is not None),
            ("more", "plus", area.x + SIDE + VALUE, longer(minutes) is not None),
        ):
            rect = page.rect(x, y, SIDE, SIDE)
            color = Ink.TEXT if on else Ink.DIM
            page.button(name, rect, "", t.DISPLAY, icon=icon, color=color, first=name == "more")
        place = page.rect(area.x + SIDE, y, VALUE, SIDE)
        page.text(place, duration(minutes), t.HEADLINE, bold=True, align="center")
        problem(page, area, settings)

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        step = {"less": shorter, "more": longer}[target](self.settings.joining_minutes)
        if step is not None:
            self.stage.send(SetJoiningMinutes(step))


def longer(minutes: float) -> float | None:
    """The next longer step; None at the end."""
    at = bisect.bisect_right(STEPS, minutes)
    return STEPS[at] if at < len(STEPS) else None


def shorter(minutes: float) -> float | None:
    """The next shorter one."""
    at = bisect.bisect_left(STEPS, minutes)
    return STEPS[at - 1] if at else None


def duration(minutes: float) -> Text:
    """``10 minutes``, ``2 hours``."""
    if minutes >= 60 and minutes % 60 == 0:
        return say_n("{n} hour", "{n} hours", round(minutes / 60))
    if minutes == int(minutes):
        return say_n("{n} minute", "{n} minutes", int(minutes))
    return say("{n} minutes", n=f"{minutes:g}")
