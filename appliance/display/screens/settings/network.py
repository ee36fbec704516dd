"""What is in use for pictures and on the network."""

from __future__ import annotations

from appliance.core.settings_view import SettingsView
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.page import Area, SettingsPage, heading
from appliance.display.theme import Ink

FACT = 62.0


class NetworkPage(SettingsPage):
    name, title, icon = "network", say("Picture and network"), "network"

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        y = heading(page, area, self.title)
        if not settings.facts:
            return
        page.box(page.rect(area.x, y, area.w, FACT * len(settings.facts)), Ink.PANEL)
        half = area.w * 0.42
        for i, fact in enumerate(settings.facts):
            if i:
                page.box(page.rect(area.x + 24, y, area.w - 48, 1), Ink.LINE, 0)
            page.text(
                page.rect(area.x + 24, y + 2, half - 34, FACT - 4), fact.label, t.NOTE, Ink.DIM, lines=2
            )
            place = page.rect(area.x + half, y + 2, area.w - half - 24, FACT - 4)
            page.text(place, fact.value, t.BODY, lines=2)
            y += FACT
