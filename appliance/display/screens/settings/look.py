"""Dark or light, moving or still."""

from __future__ import annotations

from appliance.core.settings_view import ChangeLook, SettingsView
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.page import GAP, ROW, Area, SettingsPage, heading, option, problem
from appliance.display.theme import Ink

THEMES = (("dark", say("Dark")), ("light", say("Light")))
MOTION = ((False, say("As usual")), (True, say("Reduced")))


class LookPage(SettingsPage):
    name, title, icon = "look", say("Look"), "look"

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        y = heading(page, area, self.title)
        look = page.moment.snapshot.look
        wide = min((area.w - 32) / 2, 400.0)
        page.text(page.rect(area.x, y, wide, 36), say("Colours"), t.LEAD, Ink.DIM)
        page.text(page.rect(area.x + wide + 32, y, wide, 36), say("Movement"), t.LEAD, Ink.DIM)
        for i, (theme, label) in enumerate(THEMES):
            place = Area(area.x, y + 50 + i * (ROW + GAP), wide, ROW)
            on = look.theme == theme
            option(page, f"theme:{theme}", place, label, chosen=on, first=on)
        for i, (still, label) in enumerate(MOTION):
            place = Area(area.x + wide + 32, y + 50 + i * (ROW + GAP), wide, ROW)
            option(page, f"still:{int(still)}", place, label, chosen=look.still is still)
        problem(page, area, settings)

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        kind, _, value = target.partition(":")
        if kind == "theme":
            self.stage.send(ChangeLook(theme=value))
        elif kind == "still":
            self.stage.send(ChangeLook(still=value == "1"))
