"""What this box is called."""

from __future__ import annotations

from appliance.core.settings_view import SetName, SettingsView
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.page import Area, SettingsPage, heading, problem, wide_button
from appliance.display.screens.settings.text_entry import Outcome, TextEntry
from appliance.display.stage import Key
from appliance.display.theme import Ink

HINT = say("The other boxes show this name in the list at home and on this box's picture.")


class NamePage(SettingsPage):
    name, title, icon = "name", say("Room name"), "name"

    def reset(self) -> None:
        self._entry: TextEntry | None = None

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        y = heading(page, area, self.title, HINT)
        page.box(page.rect(area.x, y, area.w, 104), Ink.PANEL)
        place = page.rect(area.x + 30, y, area.w - 60, 104)
        page.text(place, page.moment.snapshot.name, t.TITLE, bold=True)
        wide_button(page, "change", area.x, y + 104 + 22, say("Change the name"), main=True, first=True)
        problem(page, area, settings)

    def draw_whole(self, page: Page) -> bool:
        if self._entry is None:
            return False
        self._entry.draw(page)
        return True

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        if self._entry is None:
            if target == "change":
                self._entry = TextEntry(self.stage, self.title, self.stage.snapshot.name, say("Done"))
                self.stage.focus("key:q")
            return
        outcome = self._entry.press(target, touched)
        if outcome is Outcome.DONE:
            self.stage.send(SetName(self._entry.entry.label))
        if outcome is not Outcome.NOTHING:
            self.back()

    def key(self, key: Key) -> bool:
        return self._entry is not None and self._entry.key(key)

    def back(self) -> bool:
        if self._entry is None:
            return False
        self._entry = None
        self.stage.focus("change")
        return True
