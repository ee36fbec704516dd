"""What this box is: its version, its identity, the licences of its parts; and a report on it for support."""

from __future__ import annotations

from appliance.core.settings_view import ReportView, SaveReport, SettingsView
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.page import BUTTON, ROW, Area, SettingsPage, heading, wide_button
from appliance.display.theme import Ink

GROUP = 4  # characters of a fingerprint that are read together
LINE = 33.0
SAVE = say("Save a report on the USB stick")
TOLD = {
    "no-stick": (say("Plug in a USB stick to save a report on this box."), Ink.TEXT),
    "working": (say("The report is being written. Leave the stick in."), Ink.TEXT),
    "written": (say("The report is on the stick. It can be pulled out now."), Ink.TEXT),
}


class AboutPage(SettingsPage):
    name, title, icon = "about", say("About"), "about"

    def reset(self) -> None:
        self._turned = 0

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        y = heading(page, area, self.title)
        for label, value in (
            (say("Version"), settings.version),
            (say("Identity of this box"), grouped(settings.fingerprint)),
        ):
            page.text(page.rect(area.x, y, area.w, 28), label, t.NOTE, Ink.DIM)
            page.text(page.rect(area.x, y + 28, area.w, 58), value, t.BODY, lines=2, top=True)
            y += 66 if len(value) < 40 else 94
        if settings.report is not None:
            y = self._report(page, Area(area.x, y, area.w, area.bottom - y), settings.report)
        self._licences(page, Area(area.x, y + 4, area.w, area.bottom - y - 4), settings)

    def _report(self, page: Page, area: Area, report: ReportView) -> float:
        """A button while there is a stick, else a sentence; return where it ends."""
        page.text(page.rect(area.x, area.y, area.w, 28), say("Report for support"), t.NOTE, Ink.DIM)
        y = area.y + 34
        if report.state == "ready":
            wide_button(page, "report", area.x, y, SAVE, icon="about", most=area.w, first=True)
        else:
            told, ink = TOLD.get(report.state, (report.problem, Ink.WARNING_TEXT))
            page.text(page.rect(area.x, y, area.w, BUTTON), told, t.BODY, ink, lines=2)
        return y + BUTTON + 14

    def _licences(self, page: Page, area: Area, settings: SettingsView) -> None:
        page.text(page.rect(area.x, area.y, area.w, 28), say("Made of"), t.NOTE, Ink.DIM)
        parts = settings.licences
        if not parts:
            return
        high = area.h - 36 - ROW - 12
        rows = max(1, int(high // LINE))
        pages = -(-len(parts) // rows)
        begin = self._turned % pages * rows
        half = area.w * 0.42
        for i, part in enumerate(parts[begin : begin + rows]):
            y = area.y + 34 + i * LINE
            page.text(page.rect(area.x, y, half - 16, LINE), part.part, t.NOTE)
            there = page.rect(area.x + half, y, area.w - half, LINE)
            page.text(there, part.licence, t.NOTE, Ink.DIM)
        if pages > 1:
            wide = page.measure(say("More"), t.BODY) + 84
            rect = page.rect(area.x, area.bottom - ROW, wide, ROW)
            page.button("more", rect, say("More"), t.BODY, color=Ink.DIM, icon="next", first=True)

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        if target == "report":
            self.stage.send(SaveReport())
        elif target == "more":
            self._turned += 1


def grouped(fingerprint: str) -> str:
    """In groups that can be read out."""
    return " ".join(fingerprint[i : i + GROUP] for i in range(0, len(fingerprint), GROUP))
