"""Another box's address: for boxes that discovery does not show."""

from __future__ import annotations

from appliance.core import address_entry
from appliance.core.address_entry import Entry
from appliance.core.intents import Connect
from appliance.core.view import ConnectView, Tone
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.scene import View
from appliance.display.screens.parts import MARGIN, Page, fitting
from appliance.display.stage import Key, Moment, Stage
from appliance.display.theme import Ink

TITLE = say("Another box's address")
HINT = say("For a box that is not in the list at home. Its home screen shows its address at the bottom.")
GAP = 14.0
PAD_TOP = 204.0
FIELD = (112.0, 78.0)  # top and height
FOOTER = 62.0
PAD = ("123", "456", "789", ".0:")


class AddressScreen:
    """Keeps what was typed until somebody goes home."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.entry = Entry()
        self._asked: str | None = None  # what was looked at last, while it stands there unchanged

    def reset(self) -> None:
        self.entry = Entry()
        self._asked = None

    # --- drawing --------------------------------------------------------------------------------

    def view(self, moment: Moment) -> View:
        page = Page(moment)
        page.header()
        answer = self._answer()
        x = page.w * 0.49
        self._question(page, x - MARGIN - 72, answer)
        with page.unmirrored(page.rect(x, 0, page.w - MARGIN - x, page.h)):
            self._field(page, x, page.w - MARGIN - x)
            self._pad(page, x, page.w - MARGIN - x, answer is not None and answer.busy)
        label = say("Back")
        wide = page.measure(label, t.BODY) + 76
        back = page.rect(MARGIN - 24, page.h - 47 - FOOTER / 2, wide, FOOTER)
        page.button("back", back, label, t.BODY, color=Ink.DIM, fill=Ink.BACKGROUND, icon="back")
        return page.done()

    def _answer(self) -> ConnectView | None:
        """What the box says about what stands in the field."""
        answer = self._stage.snapshot.connect
        return answer if answer is not None and answer.address == self._asked else None

    def _question(self, page: Page, width: float, answer: ConnectView | None) -> None:
        y = 153.0
        rows = page.lines(TITLE, t.DISPLAY, width, 2, bold=True)
        page.text(page.rect(MARGIN, y, width, 57 * rows + 4), TITLE, t.DISPLAY, bold=True, lines=2, top=True)
        y += 57 * rows + 8
        rows = page.lines(HINT, t.LEAD, width, 4)
        page.text(page.rect(MARGIN, y, width, 30 * rows + 4), HINT, t.LEAD, Ink.DIM, lines=4, top=True)
        y += 30 * rows + 28
        if self.entry.problem:
            page.sentence_box(MARGIN, y, width, self.entry.problem, Tone.WARNING)
        elif answer is not None and answer.busy:
            page.spinner((MARGIN + 21, y + 26), 42)
            page.text(page.rect(MARGIN + 60, y, width - 60, 52), say("Looking"), t.LEAD)
        elif answer is not None:
            page.sentence_box(MARGIN, y, width, answer.sentence, answer.tone)

    def _field(self, page: Page, x: float, w: float) -> None:
        y, h = FIELD
        page.box(page.rect(x, y, w, h), Ink.PANEL, 16, Ink.ACCENT)
        text, room = self.entry.text, w - 70
        if not text:
            page.box(page.rect(x + 28, y + 17, 4, h - 34), Ink.TEXT, 2)
            page.text(page.rect(x + 46, y, room - 18, h), "10.20.0.14", t.SUBHEAD, Ink.DIM)
            return
        while page.measure(text, t.TITLE, True) > room:  # a long one shows its end
            text = text[1:]
        wide = page.measure(text, t.TITLE, True)
        page.text(page.rect(x + 28, y, wide + 2, h), text, t.TITLE, bold=True)
        page.box(page.rect(x + 28 + wide + 5, y + 17, 4, h - 34), Ink.TEXT, 2)

    def _pad(self, page: Page, x: float, w: float, busy: bool) -> None:
        each = (w - 3 * GAP) / 4.4
        high = min(104.0, (page.h - 114 - PAD_TOP - 3 * GAP) / 4)
        for i, row in enumerate(PAD):
            for j, char in enumerate(row):
                rect = page.rect(x + j * (each + GAP), PAD_TOP + i * (high + GAP), each, high)
                page.button(f"key:{char}", rect, char, t.DISPLAY, radius=16, first=char == "1")
        side = x + 3 * (each + GAP)
        wide, tall = w - 3 * (each + GAP), 2 * high + GAP
        delete = page.rect(side, PAD_TOP, wide, tall)
        page.button("delete", delete, "", t.TITLE, color=Ink.DIM, icon="delete", radius=16)
        go = page.rect(side, PAD_TOP + tall + GAP, wide, tall)
        label = say("Connect")
        size = fitting(page, label, t.LEAD, wide - 24)
        page.go_button("go", go, label, size, ready=bool(self.entry.text) and not busy)

    # --- acting ---------------------------------------------------------------------------------

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        kind, _, value = target.partition(":")
        if kind == "key":
            self._edited(address_entry.typed(self.entry, value))
            if touched:
                self._stage.focus("go")
        elif target == "delete":
            self._edited(address_entry.deleted(self.entry))
        elif target == "back":
            self._stage.go_home()
        elif target == "go":
            self._go()

    def key(self, key: Key) -> bool:
        if key.name == "delete":
            self._edited(address_entry.deleted(self.entry))
            return True
        if key.name == "back":
            self._stage.go_home()
            return True
        char = key.digit or key.text
        if key.text in address_entry.SIGNS + ",":
            char = key.text or char
        if char and char != " ":
            self._edited(address_entry.typed(self.entry, char))
            self._stage.focus("go")
            return True
        return False

    def _edited(self, entry: Entry) -> None:
        if entry.text != self.entry.text:
            self._asked = None
        self.entry = entry

    def _go(self) -> None:
        answer = self._answer()
        if answer is not None and answer.busy:
            return
        if not self.entry.text:
            self.entry = Entry(problem=address_entry.EMPTY)
            return
        self.entry = Entry(self.entry.text)
        self._asked = self.entry.text
        self._stage.send(Connect(self.entry.text))
