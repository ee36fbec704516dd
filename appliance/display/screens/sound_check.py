"""The sound check: does the microphone hear, does the loudspeaker play, do they get along?"""

from __future__ import annotations

from appliance.core.view import CheckSound, DeviceView, SoundCheckView, Tone
from appliance.display import theme as t
from appliance.display.scene import View
from appliance.display.screens.parts import MARGIN, Page
from appliance.display.stage import Key, Moment, Stage
from appliance.display.theme import Ink

TITLE_TOP = 118.0
PANEL_TOP = 246.0
PANEL_HEIGHT = 216.0
ROW = PANEL_HEIGHT / 2
RESULT_TOP = PANEL_TOP + PANEL_HEIGHT + 22
RESULT_HEIGHT = 104.0
METER_HEIGHT = 18.0
FOOTER = 62.0
HINT = "Press the button, then be quiet for seven seconds: the box plays tones and listens to them."


class SoundCheckScreen:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def view(self, moment: Moment) -> View:
        page = Page(moment)
        page.header()
        check = moment.snapshot.sound_check or SoundCheckView()
        width = page.w - 2 * MARGIN
        page.text(page.rect(MARGIN, TITLE_TOP, width, 58), "Sound check", t.DISPLAY, bold=True)
        page.text(page.rect(MARGIN, TITLE_TOP + 62, width, 60), HINT, t.LEAD, Ink.DIM, lines=2, top=True)
        page.box(page.rect(MARGIN, PANEL_TOP, width, PANEL_HEIGHT), Ink.PANEL)
        page.box(page.rect(MARGIN + 24, PANEL_TOP + ROW, width - 48, 1), Ink.LINE, 0)
        devices = {device.kind: device for device in moment.snapshot.devices}
        name_width = width * 0.45 - 110
        for i, (kind, icon, word) in enumerate(
            (("microphone", "microphone", "Microphone"), ("speaker", "sound", "Loudspeaker"))
        ):
            self._device(page, PANEL_TOP + i * ROW, name_width, icon, word, devices.get(kind))
        x = MARGIN + width * 0.45
        right = MARGIN + width - 30
        self._meter(page, x, PANEL_TOP, right - x, check.level)
        self._playing(page, x, PANEL_TOP + ROW, right - x, check)
        if check.sentence:
            self._result(page, width, check)
        self._footer(page, check)
        return page.done()

    def _device(
        self, page: Page, y: float, width: float, icon: str, word: str, device: DeviceView | None
    ) -> None:
        problem = device is not None and bool(device.problem)
        label = "Not there" if problem else device.label if device is not None else ""
        page.icon((MARGIN + 53, y + ROW / 2), 42, icon, Ink.TEXT)
        x = MARGIN + 96
        page.text(page.rect(x, y + 20, width, 34), word, t.SUBHEAD, bold=True)
        page.text(page.rect(x, y + 57, width, 30), label, t.NOTE, Ink.WARNING_TEXT if problem else Ink.DIM)

    def _meter(self, page: Page, x: float, y: float, w: float, level: float) -> None:
        page.text(page.rect(x, y + 20, w, 30), "Speak: the bar moves", t.NOTE, Ink.DIM)
        top = y + 60
        page.box(page.rect(x, top, w, METER_HEIGHT), Ink.LINE, METER_HEIGHT / 2)
        if level > 0:
            color = Ink.WARNING if level >= 1 else Ink.ACCENT
            # A bar is never narrower than its round ends.
            page.box(page.rect(x, top, max(w * level, METER_HEIGHT), METER_HEIGHT), color, METER_HEIGHT / 2)

    def _playing(self, page: Page, x: float, y: float, w: float, check: SoundCheckView) -> None:
        if check.running:
            page.spinner((x + 21, y + ROW / 2), 42)
            page.text(page.rect(x + 60, y, w - 60, ROW), "Playing and listening", t.LEAD)
        elif check.figures:
            page.text(page.rect(x, y + 8, w, ROW - 16), check.figures, t.NOTE, Ink.DIM, lines=3)

    def _result(self, page: Page, width: float, check: SoundCheckView) -> None:
        edge, color, back = {
            Tone.CALM: (Ink.ACCENT, Ink.TEXT, Ink.PANEL),
            Tone.WARNING: (Ink.WARNING, Ink.WARNING_TEXT, Ink.WARNING_BACK),
            Tone.BAD: (Ink.BAD, Ink.BAD_TEXT, Ink.BAD_BACK),
        }[check.tone]
        page.box(page.rect(MARGIN, RESULT_TOP, width, RESULT_HEIGHT), back, 14)
        page.box(page.rect(MARGIN + 16, RESULT_TOP + 18, 6, RESULT_HEIGHT - 36), edge, 3)
        text = page.rect(MARGIN + 42, RESULT_TOP + 6, width - 66, RESULT_HEIGHT - 12)
        page.text(text, check.sentence, t.SUBHEAD, color, lines=2)

    def _footer(self, page: Page, check: SoundCheckView) -> None:
        y = page.h - 96
        wide = page.measure("Back", t.LEAD) + 84
        page.button("back", page.rect(MARGIN, y, wide, FOOTER), "Back", t.LEAD, icon="back")
        label = "Play the tones again" if check.sentence else "Play the tones"
        wide = page.measure(label, t.LEAD, True) + 96
        rect = page.rect(page.w - MARGIN - wide, y, wide, FOOTER)
        if check.running:
            page.button("play", rect, "One moment", t.LEAD, color=Ink.DIM, first=True)
        else:
            page.button(
                "play",
                rect,
                label,
                t.LEAD,
                fill=Ink.ACCENT,
                fill_pressed=Ink.ACCENT_PRESSED,
                color=Ink.ON_ACCENT,
                bold=True,
                icon="sound",
                first=True,
            )

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        check = self._stage.snapshot.sound_check
        if target == "back":
            self._stage.go_home()
        elif target == "play" and not (check is not None and check.running):
            self._stage.send(CheckSound())

    def key(self, key: Key) -> bool:
        if key.name == "back":
            self._stage.go_home()
            return True
        return False
