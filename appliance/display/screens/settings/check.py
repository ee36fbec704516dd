"""The sound check: does the microphone hear, does the loudspeaker play, do they get along?"""

from __future__ import annotations

from appliance.core.intents import CheckSound
from appliance.core.view import SoundCheckView, Tone
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.screens.settings.page import BUTTON, Area, heading, meter, wide_button
from appliance.display.stage import Stage
from appliance.display.theme import Ink

TITLE = say("Sound check")
HINT = say("Press the button, then be quiet for seven seconds: the box plays tones and listens to them.")
RESULT = 116.0


class SoundCheck:
    """Drawn in the place of the page about sound."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def draw(self, page: Page, area: Area) -> None:
        check = page.moment.snapshot.sound_check or SoundCheckView()
        y = heading(page, area, TITLE, HINT)
        page.box(page.rect(area.x, y, area.w, 160), Ink.PANEL)
        page.icon((area.x + 46, y + 44), 34, "microphone", Ink.TEXT)
        meter(page, area.x + 84, y + 36, area.w - 114, check.level)
        inner = page.rect(area.x + 84, y + 72, area.w - 114, 84)
        if check.running:
            page.spinner((area.x + 46, y + 114), 38)
            page.text(inner, say("Playing and listening"), t.LEAD)
        else:
            page.icon((area.x + 46, y + 114), 34, "sound", Ink.TEXT)
            page.text(inner, check.figures, t.NOTE, Ink.DIM, lines=3)
        y += 160 + 16
        if check.sentence:
            self._result(page, Area(area.x, y, area.w, RESULT), check)
        label = say("Play the tones again") if check.sentence else say("Play the tones")
        bottom = area.bottom - BUTTON
        if check.running:
            wide_button(page, "play", area.x, bottom, say("One moment"), color=Ink.DIM, first=True)
        else:
            wide_button(page, "play", area.x, bottom, label, icon="sound", main=True, first=True)

    def _result(self, page: Page, area: Area, check: SoundCheckView) -> None:
        edge, color, back = {
            Tone.CALM: (Ink.ACCENT, Ink.TEXT, Ink.PANEL),
            Tone.WARNING: (Ink.WARNING, Ink.WARNING_TEXT, Ink.WARNING_BACK),
            Tone.BAD: (Ink.BAD, Ink.BAD_TEXT, Ink.BAD_BACK),
        }[check.tone]
        page.box(page.rect(*area), back, 14)
        page.box(page.rect(area.x + 16, area.y + 18, 6, area.h - 36), edge, 3)
        text = page.rect(area.x + 42, area.y + 4, area.w - 66, area.h - 8)
        page.text(text, check.sentence, t.LEAD, color, lines=3)

    def press(self, target: str) -> None:
        check = self._stage.snapshot.sound_check
        if target == "play" and not (check is not None and check.running):
            self._stage.send(CheckSound())
