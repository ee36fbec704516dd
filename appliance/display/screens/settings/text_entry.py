"""A name typed on the screen: the full keyboard, with a field above it. It takes the whole screen."""

from __future__ import annotations

import enum

from appliance.core import label_entry
from appliance.core.label_entry import LabelEntry
from appliance.core.words import Text, say
from appliance.display import theme as t
from appliance.display.screens import keyboard
from appliance.display.screens.parts import MARGIN, Page
from appliance.display.stage import Key, Stage
from appliance.display.theme import Ink

FIELD = (112.0, 78.0)  # top and height
KEYS_TOP = 236.0
FOOTER = 62.0


class Outcome(enum.Enum):
    NOTHING = "nothing"
    DONE = "done"
    BACK = "back"


class TextEntry:
    """``title``: what is asked for. ``go``: the label of the key that ends it."""

    def __init__(self, stage: Stage, title: Text, text: str, go: Text) -> None:
        self._stage = stage
        self._title = title
        self._go = go
        self._keys = keyboard.Page(upper=not text)
        self.entry = LabelEntry(text)

    def draw(self, page: Page) -> None:
        page.header()
        page.text(page.rect(MARGIN, 118, page.w * 0.4 - MARGIN - 20, 42), self._title, t.TITLE, bold=True)
        if self.entry.problem:
            line = page.rect(MARGIN, 199, page.w - 2 * MARGIN, 32)
            page.text(line, self.entry.problem, t.NOTE, Ink.WARNING_TEXT)
        x = page.w * 0.4
        with page.unmirrored(page.rect(x, 0, page.w - MARGIN - x, page.h)):
            self._field(page, x)
        area = (MARGIN, KEYS_TOP, page.w - 2 * MARGIN, page.h - KEYS_TOP - 90)
        with page.unmirrored(page.rect(*area)):
            keyboard.draw(page, self._keys, area, ready=bool(self.entry.label), go=self._go)
        wide = page.measure(say("Back"), t.BODY) + 76
        back = page.rect(MARGIN - 24, page.h - 47 - FOOTER / 2, wide, FOOTER)
        page.button("back", back, say("Back"), t.BODY, color=Ink.DIM, fill=Ink.BACKGROUND, icon="back")

    def _field(self, page: Page, x: float) -> None:
        y, h = FIELD
        w = page.w - MARGIN - x
        page.box(page.rect(x, y, w, h), Ink.PANEL, 16, Ink.ACCENT)
        text, room = self.entry.text, w - 70
        while text and page.measure(text, t.TITLE, True) > room:  # a long one shows its end
            text = text[1:]
        wide = page.measure(text, t.TITLE, True) if text else 0.0
        page.text(page.rect(x + 28, y, wide + 2, h), text, t.TITLE, bold=True)
        page.box(page.rect(x + 28 + wide + 5, y + 17, 4, h - 34), Ink.TEXT, 2)

    def press(self, target: str, touched: bool) -> Outcome:
        kind, _, value = target.partition(":")
        if kind == "key":
            self._typed(value)
            self._keys = self._keys.after_key()
            if touched:
                self._stage.focus("next")
        elif kind == "layer":
            self._keys = self._keys.switched(value)
        elif target == "delete":
            self.entry = label_entry.deleted(self.entry)
        elif target == "next":
            self.entry = label_entry.checked(self.entry)
            return Outcome.NOTHING if self.entry.problem else Outcome.DONE
        elif target == "back":
            return Outcome.BACK
        return Outcome.NOTHING

    def key(self, key: Key) -> bool:
        """A typed character or "delete"; the rest is not for this."""
        if key.name == "delete":
            self.entry = label_entry.deleted(self.entry)
            return True
        if key.text:
            self._typed(key.text)
            self._stage.focus("next")
            return True
        return False

    def _typed(self, char: str) -> None:
        self.entry = label_entry.typed(self.entry, char)
