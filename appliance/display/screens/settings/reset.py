"""The factory reset. It is asked twice, and each question has "no" under the focus and in another place."""

from __future__ import annotations

import math

from appliance.core import limits
from appliance.core.settings_view import FactoryReset, SettingsView
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.page import Area, SettingsPage, heading, problem, wide_button
from appliance.display.theme import Ink

HINT = say("The box is then as on its first day. Its configuration file stays.")
GOES = (
    say("its name, its rooms, its PIN and everything else that was set here"),
    say("its identity: the other boxes will take it for a new one"),
    say("the boxes that it met, and where they were"),
    say("a meeting that it is in: it leaves"),
)
NO = say("No, keep everything")
YES = (say("Yes, reset this box"), say("Erase everything now"))
ASKED = (say("Really forget all this?"), say("This can't be undone. Erase everything?"))


class ResetPage(SettingsPage):
    name, title, icon = "reset", say("Factory reset"), "reset"

    def reset(self) -> None:
        self._asked = 0  # questions that stand or were answered with yes
        self._asked_at = -math.inf

    def _stage_of(self, now: float) -> int:
        """0: nothing was pressed; 1 and 2: the questions."""
        return self._asked if now - self._asked_at < limits.RESET_ASKED_FOR else 0

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        y = heading(page, area, self.title, HINT)
        page.text(page.rect(area.x, y, area.w, 34), say("It forgets:"), t.LEAD)
        y += 44
        for line in GOES:
            page.dot(area.x + 10, y + 17, 4, Ink.DIM)
            page.text(page.rect(area.x + 28, y, area.w - 28, 56), line, t.BODY, lines=2, top=True)
            y += 56 if page.measure(line, t.BODY) > area.w - 28 else 36
        asked = self._stage_of(page.moment.now)
        y += 18
        if not asked:
            wide_button(
                page, "ask", area.x, y, say("Reset this box"), icon="reset", color=Ink.BAD_TEXT, first=True
            )
            problem(page, area, settings)
            return
        page.until(self._asked_at + limits.RESET_ASKED_FOR)
        page.text(page.rect(area.x, y, area.w, 40), ASKED[asked - 1], t.SUBHEAD, Ink.WARNING_TEXT, bold=True)
        y += 54
        half = (area.w - 20) / 2
        left, right = page.rect(area.x, y, half, 64), page.rect(area.x + half + 20, y, half, 64)
        no, yes = (left, right) if asked == 1 else (right, left)
        page.button("no", no, NO, t.BODY, first=True)
        page.button(f"yes:{asked}", yes, YES[asked - 1], t.BODY, color=Ink.BAD_TEXT, fill=Ink.BAD_BACK)

    def press(self, target: str, at: float, touched: bool) -> None:
        if touched and at - self._asked_at < limits.LEAVE_TOUCH_GAP:
            return  # the bounce of a finger is not an answer
        asked = self._stage_of(at)
        if target == "ask":
            self._ask(1, at)
        elif target == "yes:1" and asked == 1:
            self._ask(2, at)
        elif target == "yes:2" and asked == 2:
            self.reset()
            self.stage.send(FactoryReset())
        elif target == "no":
            self.back()

    def _ask(self, question: int, at: float) -> None:
        self._asked, self._asked_at = question, at
        self.stage.focus("no")

    def back(self) -> bool:
        if not self._asked:
            return False
        self.reset()
        self.stage.focus("ask")
        return True
