"""Microphone and loudspeaker: which ones, whether they work; and the sound check."""

from __future__ import annotations

from appliance.core.settings_view import ChooseDevice, PlayTestSound, SettingsView
from appliance.core.view import SoundCheckView
from appliance.core.words import Words, say
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.check import SoundCheck
from appliance.display.screens.settings.page import (
    BUTTON,
    GAP,
    PROBLEM,
    Area,
    OptionList,
    SettingsPage,
    heading,
    meter,
    problem,
)
from appliance.display.theme import Ink

BETWEEN = 28.0  # the two columns
SPEAK = say("Speak: the bar moves")


class SoundPage(SettingsPage):
    name, title, icon = "sound", say("Sound"), "sound"

    def reset(self) -> None:
        self._microphones = OptionList("microphone")
        self._speakers = OptionList("speaker")
        self._check = SoundCheck(self.stage)
        self._checking = False

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        if self._checking:
            self._check.draw(page, area)
            return
        y = heading(page, area, self.title)
        wide = (area.w - BETWEEN) / 2
        right = area.x + wide + BETWEEN
        check = page.moment.snapshot.sound_check or SoundCheckView()
        self._column(page, Area(area.x, y, wide, 0), "microphone", say("Microphone"))
        self._column(page, Area(right, y, wide, 0), "speaker", say("Loudspeaker"))
        page.text(page.rect(area.x, y + 74, wide, 28), SPEAK, t.NOTE, Ink.DIM)
        meter(page, area.x, y + 110, wide, check.level)
        label = say("Playing") if settings.testing else say("Play a test sound")
        place = page.rect(right, y + 76, wide, BUTTON)
        page.button(
            "test", place, label, t.BODY, icon="sound", color=Ink.DIM if settings.testing else Ink.TEXT
        )
        y += 76 + BUTTON + GAP + 4
        end = area.bottom - (0 if self._in_call else BUTTON + 16)
        there = Area(area.x, y, wide, end - y)
        below = self._microphones.draw(page, there, settings.microphone, first=True) + GAP
        end = area.bottom - (PROBLEM if settings.problem else 0)
        self._speakers.draw(page, Area(right, y, wide, end - y), settings.speaker)
        if not self._in_call:
            place = page.rect(area.x, below, wide, BUTTON)
            page.button("check", place, say("Sound check"), t.BODY, icon="next")
        problem(page, Area(right, area.y, wide, area.h), settings)

    @property
    def _in_call(self) -> bool:
        return self.stage.snapshot.call is not None

    def _column(self, page: Page, area: Area, kind: str, title: Words) -> None:
        device = next((d for d in page.moment.snapshot.devices if d.kind == kind), None)
        page.text(page.rect(area.x, area.y, area.w, 34), title, t.LEAD, bold=True)
        line = page.rect(area.x, area.y + 36, area.w, 30)
        if device is not None and device.problem:
            page.text(line, say("Not there"), t.NOTE, Ink.WARNING_TEXT)
        elif device is not None:
            page.text(line, device.label, t.NOTE, Ink.DIM)

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        if self._checking:
            self._check.press(target)
        elif target == "check":
            self._checking = True
            self.stage.focus("")
        elif target == "test":
            self.stage.send(PlayTestSound())
        elif (value := self._microphones.pressed(target)) is not None:
            self.stage.send(ChooseDevice("microphone", value))
        elif (value := self._speakers.pressed(target)) is not None:
            self.stage.send(ChooseDevice("speaker", value))

    def back(self) -> bool:
        if not self._checking:
            return False
        self._checking = False
        self.stage.focus("check")
        return True
