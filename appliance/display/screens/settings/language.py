"""The language of the screen: each one in its own words, so that everybody finds his own."""

from __future__ import annotations

from appliance.core.languages import NAMES
from appliance.core.settings_view import ChangeLook, Choice, Choices, SettingsView
from appliance.core.words import say
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.page import Area, OptionList, SettingsPage, heading, problem

LANGUAGES = tuple(Choice(code, name) for code, name in NAMES.items())


class LanguagePage(SettingsPage):
    name, title, icon = "language", say("Language"), "language"

    def reset(self) -> None:
        self._list = OptionList("language")

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        y = heading(page, area, self.title, say("The screen changes at once."))
        look = page.moment.snapshot.look
        there = Area(area.x, y, min(area.w, 460), area.bottom - y)
        self._list.draw(page, there, Choices(look.language, LANGUAGES), first=True)
        problem(page, area, settings)

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        language = self._list.pressed(target)
        if language is not None:
            self.stage.send(ChangeLook(language=language))
