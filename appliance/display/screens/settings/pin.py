"""The admin PIN: typed to open the settings; set, changed and removed here."""

from __future__ import annotations

from appliance.core import limits, pin_entry
from appliance.core.pin_entry import PinEntry
from appliance.core.settings_view import EnterPin, SetPin, SettingsView
from appliance.core.view import Tone
from appliance.core.words import Text, say, say_n
from appliance.display.screens.parts import Page, Question, countdown
from appliance.display.screens.settings.digits import beside, draw_digits
from appliance.display.screens.settings.page import Area, SettingsPage, heading, problem, wide_button
from appliance.display.stage import Key, Stage
from appliance.display.theme import Ink

FIELD = say("PIN")
ASKED = say("The settings of this box are protected by a PIN.")
PROTECTS = say("With a PIN only those who know it can change this box's settings. Meetings need none.")
WRONG = say("That is not the PIN.")
OTHER = say("That is another PIN than the first one. Type it twice again.")


class PinPad:
    """Digits typed, on keys or on the screen."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.entry = PinEntry()

    def press(self, target: str, touched: bool) -> bool:
        """A target; True when it is complete and OK was pressed."""
        kind, _, value = target.partition(":")
        if kind == "key":
            self.entry = pin_entry.typed(self.entry, value)
            if touched:
                self._stage.focus("next")
        elif kind == "delete":
            self.entry = pin_entry.deleted(self.entry)
        elif kind == "next":
            self.entry = pin_entry.checked(self.entry)
            return not self.entry.problem
        return False

    def key(self, key: Key) -> bool:
        if key.name == "delete":
            self.entry = pin_entry.deleted(self.entry)
        elif key.digit:
            self.entry = pin_entry.typed(self.entry, key.digit)
            self._stage.focus("next")
        else:
            return False
        return True


class Lock(SettingsPage):
    """What is shown of the settings before the PIN was typed."""

    name, title = "lock", say("Settings")

    def reset(self) -> None:
        self._pad = PinPad(self.stage)
        self._told = 0  # wrong ones when the last key was pressed

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        now = page.moment.now
        pin = settings.pin
        y = heading(page, area, say("Type the PIN"), ASKED)
        area = Area(area.x, y, area.w, area.bottom - y)
        waits = pin.until is not None and now < pin.until
        digits = self._pad.entry
        draw_digits(
            page,
            area,
            digits.digits,
            FIELD,
            say("Open"),
            hidden=True,
            ready=digits.complete and not pin.busy,
            shut=waits,
        )
        if waits and pin.until is not None:
            left = pin.until - now
            line = say("Too many wrong ones. The next one is looked at in {time}.", time=countdown(left))
            beside(page, area, line, Tone.BAD)
            page.until(now + (left % 1.0 or 1.0))
        elif digits.problem:
            beside(page, area, digits.problem)
        elif pin.wrong > self._told:
            beside(page, area, wrong(pin.left), Tone.BAD)

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        pin = self.settings.pin
        if target != "next":
            self._told = pin.wrong
        if self._pad.press(target, touched) and not pin.busy:
            self._told = pin.wrong
            self.stage.send(EnterPin(self._pad.entry.digits))
            self._pad = PinPad(self.stage)
            self.stage.focus("key:1")

    def key(self, key: Key) -> bool:
        taken = self._pad.key(key)
        if taken:
            self._told = self.settings.pin.wrong
        return taken


class PinPage(SettingsPage):
    name, title, icon = "pin", say("Admin PIN"), "lock"

    def reset(self) -> None:
        self._pad: PinPad | None = None
        self._first = ""  # typed once, to be typed again
        self._differs = False
        self._remove = Question()

    def draw(self, page: Page, area: Area, settings: SettingsView) -> None:
        if self._pad is not None:
            self._draw_pad(page, area)
            return
        y = heading(page, area, self.title, PROTECTS)
        page.until(self._remove.stale_at(page.moment.now))
        if not settings.pin.kept:
            wide_button(page, "set", area.x, y + 8, say("Set a PIN"), icon="lock", main=True, first=True)
        else:
            wide_button(page, "set", area.x, y + 8, say("Change the PIN"), icon="lock", first=True)
            asked = self._remove.open(page.moment.now)
            label = say("Press again to remove it") if asked else say("Remove the PIN")
            color = Ink.BAD_TEXT if asked else Ink.TEXT
            wide_button(page, "remove", area.x, y + 84, label, icon="close", color=color)
        problem(page, area, settings)

    def _draw_pad(self, page: Page, area: Area) -> None:
        assert self._pad is not None
        entry = self._pad.entry
        title = say("The same PIN again") if self._first else say("A new PIN")
        hint = say("{least} to {most} digits.", least=limits.PIN_DIGITS_MIN, most=limits.PIN_DIGITS_MAX)
        y = heading(page, area, title, hint)
        there = Area(area.x, y, area.w, area.bottom - y)
        go = say("Done") if self._first else say("Next")
        draw_digits(page, there, entry.digits, FIELD, go, hidden=True, ready=entry.complete)
        if entry.problem:
            beside(page, there, entry.problem)
        elif self._differs:
            beside(page, there, OTHER)

    def press(self, target: str, at: float, touched: bool) -> None:
        if self._pad is None:
            if target == "set":
                self._begin("")
            elif target == "remove" and self._remove.press(at, touched):
                self.stage.send(SetPin(""))
                self.stage.focus("")
            return
        self._differs = self._differs and target == "next"
        if not self._pad.press(target, touched):
            return
        typed = self._pad.entry.digits
        if not self._first:
            self._begin(typed)
        elif typed == self._first:
            self.stage.send(SetPin(typed))
            self.reset()
            self.stage.focus("")
        else:
            self._begin("")
            self._differs = True

    def _begin(self, first: str) -> None:
        self._first, self._pad, self._differs = first, PinPad(self.stage), False
        self._remove.close()
        self.stage.focus("key:1")

    def key(self, key: Key) -> bool:
        if self._pad is None:
            return False
        taken = self._pad.key(key)
        self._differs = self._differs and not taken
        return taken

    def back(self) -> bool:
        if self._pad is None:
            return False
        self.reset()
        self.stage.focus("set")
        return True


def wrong(left: int) -> Text:
    """That it was wrong, and how many tries there are before a wait."""
    if left >= limits.PIN_TRIES:
        return WRONG
    return say_n(
        "That is not the PIN. {n} more try before a wait.",
        "That is not the PIN. {n} more tries before a wait.",
        left,
    )
