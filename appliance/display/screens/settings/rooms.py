"""The rooms on the home screen that one press dials: add, change, remove."""

from __future__ import annotations

from dataclasses import replace

from appliance.core import keypad, limits
from appliance.core.keypad import Keypad
from appliance.core.settings_view import SetPresets, SettingsView
from appliance.core.words import say
from appliance.display import theme as t
from appliance.display.screens.parts import Page, Question
from appliance.display.screens.settings.digits import beside, draw_digits
from appliance.display.screens.settings.page import ROW, Area, SettingsPage, heading, problem, wide_button
from appliance.display.screens.settings.text_entry import Outcome, TextEntry
from appliance.display.stage import Key
from appliance.display.theme import Ink

GAP = 9.0
NUMBER = say("Room number")
SIDE = 64.0  # of the button that removes


class RoomsPage(SettingsPage):
    """A room is asked for in two steps: its name on the keyboard, then its number."""

    name, title, icon = "rooms", say("Rooms at home"), "keypad"

    def reset(self) -> None:
        self._entry: TextEntry | None = None
        self._pad: Keypad | None = None
        self._index: int | None = None  # of the room that is changed; None: another one is added
        self._label = ""
        self._remove = Question()
        self._removed: int | None = None  # the one that the question is about

    @property
    def _presets(self) -> list[tuple[str, int]]:
        return [(preset.label, preset.room) for preset in self.stage.snapshot.presets]

    # --- drawing --------------------------------------------------------------------------------

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        if self._pad is not None:
            y = heading(page, area, self._label)
            there = Area(area.x, y, area.w, area.bottom - y)
            ready = self._pad.complete
            draw_digits(page, there, self._pad.room, NUMBER, say("Done"), hidden=False, ready=ready)
            if self._pad.problem:
                beside(page, there, self._pad.problem)
            return
        y = heading(page, area, self.title)
        now = page.moment.now
        presets = page.moment.snapshot.presets[: limits.PRESETS_MAX]
        if not presets:
            hint = say("None yet. A room that stands here is joined by one press and its password.")
            page.text(page.rect(area.x, y, area.w, 62), hint, t.LEAD, Ink.DIM, lines=2, top=True)
            y += 76
        page.until(self._remove.stale_at(now))
        for i, preset in enumerate(presets):
            asked = self._removed == i and self._remove.open(now)
            sure = say("Press again to remove")
            side = SIDE if not asked else min(area.w * 0.45, page.measure(sure, t.NOTE) + 40)
            self._row(page, Area(area.x, y, area.w - side - GAP, ROW), i, preset.label, preset.room)
            rect = page.rect(area.x + area.w - side, y, side, ROW)
            if asked:
                page.button(f"remove:{i}", rect, sure, t.NOTE, color=Ink.BAD_TEXT, fill=Ink.BAD_BACK)
            else:
                page.button(f"remove:{i}", rect, "", t.LEAD, color=Ink.DIM, icon="close")
            y += ROW + GAP
        if len(presets) < limits.PRESETS_MAX:
            label = say("Add a room")
            wide_button(page, "add", area.x, y + 6, label, icon="plus", main=True, first=True)
        problem(page, area, settings)

    def _row(self, page: Page, area: Area, index: int, label: str, room: int) -> None:
        name = f"change:{index}"
        rect = page.rect(*area)
        page.box(rect, Ink.BUTTON_PRESSED if page.pressed(name) else Ink.PANEL, 14)
        page.target(name, rect, 14, first=index == 0)
        line = say("Room {number}", number=room)
        wide = page.measure(line, t.NOTE) + 2
        page.text(page.rect(area.x + 24, area.y, area.w - wide - 68, area.h), label, t.BODY, bold=True)
        place = page.rect(area.x + area.w - wide - 24, area.y, wide, area.h)
        page.text(place, line, t.NOTE, Ink.DIM)

    def draw_whole(self, page: Page) -> bool:
        if self._entry is None:
            return False
        self._entry.draw(page)
        return True

    # --- acting ---------------------------------------------------------------------------------

    def press(self, target: str, at: float, touched: bool) -> None:
        if self._entry is not None:
            outcome = self._entry.press(target, touched)
            if outcome is Outcome.DONE:
                self._ask_number(self._entry.entry.label)
            elif outcome is Outcome.BACK:
                self.back()
            return
        kind, _, value = target.partition(":")
        if self._pad is not None:
            self._press_pad(kind, value, touched)
        elif kind == "add":
            self._ask_label(None, "")
        elif kind == "change" and int(value) < len(self._presets):
            self._ask_label(int(value), self._presets[int(value)][0])
        elif kind == "remove":
            self._press_remove(int(value), at, touched)

    def _ask_label(self, index: int | None, label: str) -> None:
        self._index = index
        self._remove.close()
        self._entry = TextEntry(self.stage, say("Name of the room"), label, say("Next"))
        self.stage.focus("key:q")

    def _ask_number(self, label: str) -> None:
        self._label, self._entry = label, None
        changed = self._changed
        room = self._presets[changed][1] if changed is not None else ""
        self._pad = Keypad(room=str(room))
        self.stage.focus("next" if room else "key:1")

    @property
    def _changed(self) -> int | None:
        """The room that is changed, if it is still there."""
        return self._index if self._index is not None and self._index < len(self._presets) else None

    def _press_pad(self, kind: str, value: str, touched: bool) -> None:
        assert self._pad is not None
        if kind == "key":
            self._pad = keypad.typed(self._pad, value)
            if touched:
                self.stage.focus("next")
        elif kind == "delete":
            self._pad = keypad.deleted(self._pad)
        elif kind == "next":
            if self._pad.complete:
                self._keep(self._label, int(self._pad.room))
            else:
                self._pad = replace(self._pad, problem=keypad.ROOM_EMPTY)

    def _keep(self, label: str, room: int) -> None:
        presets = self._presets
        if (changed := self._changed) is not None:
            presets[changed] = (label, room)
        else:
            presets.append((label, room))
        self.stage.send(SetPresets(tuple(presets[: limits.PRESETS_MAX])))
        self._pad = None
        self.stage.focus("")

    def _press_remove(self, index: int, at: float, touched: bool) -> None:
        if self._removed != index:
            self._remove.close()
            self._removed = index
        if self._remove.press(at, touched):
            presets = self._presets
            if index < len(presets):
                del presets[index]
                self.stage.send(SetPresets(tuple(presets)))
            self._removed = None

    def key(self, key: Key) -> bool:
        if self._entry is not None:
            return self._entry.key(key)
        if self._pad is None:
            return False
        if key.name == "delete":
            self._pad = keypad.deleted(self._pad)
            return True
        if key.digit:
            self._pad = keypad.typed(self._pad, key.digit)
            self.stage.focus("next")
            return True
        return False

    def back(self) -> bool:
        if self._entry is None and self._pad is None:
            return False
        if self._pad is not None:
            self._ask_label(self._index, self._label)
            self._pad = None
            self.stage.focus("next")
        else:
            self._entry = None
            self.stage.focus("add" if self._index is None else f"change:{self._index}")
        return True
