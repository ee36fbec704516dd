"""The menu of rooms: those that this box is in, and a way to join another one."""

from __future__ import annotations

import math

from appliance.core import limits
from appliance.core.intents import Intent, SwitchRoom
from appliance.core.view import RoomView, Snapshot
from appliance.core.words import Text, say, say_n
from appliance.display import theme as t
from appliance.display.screens.parts import Page
from appliance.display.theme import Ink

PREFIX = "rooms:"
AWAY = "rooms:away"  # pressed by a touch beside the menu
ANOTHER = "rooms:another"
WIDTH = 340.0
PAD = 12.0
ROW = 64.0
ROW_GAP = 10.0
BESIDE = 76.0  # what is beside the words of a row


class RoomMenu:
    """Open above the bar, or closed. It closes by itself when nobody uses it."""

    def __init__(self) -> None:
        self._opened_at = self._used_at = -math.inf

    def toggle(self, at: float) -> None:
        self._opened_at = self._used_at = -math.inf if self.open(at) else at

    def close(self) -> None:
        self._used_at = -math.inf

    def used(self, at: float) -> None:
        """A key was pressed while it is open: somebody is still choosing."""
        self._used_at = at

    def open(self, now: float) -> bool:
        return now - self._used_at < limits.MENU_FOR

    def press(self, target: str, at: float, touched: bool) -> Intent | None:
        """Act on a pressed target; return what is wanted, if anything. Then the menu is closed, unless it
        was the bounce of the finger that opened it.
        """
        if touched and at - self._opened_at < limits.LEAVE_TOUCH_GAP:
            return None
        self.close()
        room = target.removeprefix(PREFIX)
        return SwitchRoom(int(room)) if room.isdecimal() else None

    def draw(self, page: Page, middle: float, bottom: float) -> None:
        """Draw it above ``bottom`` around ``middle``, in units; nothing else can be pressed then."""
        page.until(self._used_at + limits.MENU_FOR)
        rooms = page.moment.snapshot.rooms
        rows = len(rooms) + 1
        high = 2 * PAD + rows * ROW + (rows - 1) * ROW_GAP
        full = len(rooms) >= limits.ROOMS_MAX
        line = say("Leave one first") if full else say("This one is put on hold")
        another = say("Join another"), line
        titles = [*map(words, rooms), another]
        said = max(max(page.measure(a, t.BODY, True), page.measure(b, t.NOTE)) for a, b in titles)
        wide = min(max(WIDTH, said + BESIDE + 2 * PAD), page.w - 2 * PAD)
        x, y = max(PAD, min(middle - wide / 2, page.w - wide - PAD)), max(PAD, bottom - high)
        page.targets.clear()
        page.outside = AWAY
        page.box(page.rect(x, y, wide, high), Ink.PANEL, 16, Ink.FAINT, 1)
        y += PAD
        for room in rooms:
            self._row(page, f"{PREFIX}{room.room}", "grid", *words(room), x, y, wide, on=room.active)
            y += ROW + ROW_GAP
        self._row(page, ANOTHER, "keypad", *another, x, y, wide, on=False, first=len(rooms) < 2)

    def _row(
        self, page: Page, name: str, icon: str, title: Text, line: Text, x: float, y: float, wide: float, *,
        on: bool,
        first: bool = False,
    ) -> None:  # fmt: skip
        rect = page.rect(x + PAD, y, wide - 2 * PAD, ROW)
        fill = Ink.BUTTON_PRESSED if page.pressed(name) else Ink.BUTTON
        page.box(rect, fill, 12, Ink.ACCENT if on else None)
        page.target(name, rect, 12, first=first or (not on and name != ANOTHER))
        page.icon((x + PAD + 32, y + ROW / 2), 25, icon, Ink.TEXT)
        inner = wide - 2 * PAD - BESIDE + 2
        page.text(page.rect(x + PAD + 62, y + 6, inner, 30), title, t.BODY, bold=True)
        page.text(page.rect(x + PAD + 62, y + 34, inner, 24), line, t.NOTE, Ink.DIM)


def words(room: RoomView) -> tuple[Text, Text]:
    """What a room is called, and how it is there."""
    title = say("Room {room}", room=room.room)
    if room.active:
        return title, say_n("{n} box", "{n} boxes", room.boxes)
    return title, say_n("On hold · {n} box", "On hold · {n} boxes", room.boxes)


def held(snapshot: Snapshot) -> tuple[RoomView, ...]:
    """The rooms on hold."""
    return tuple(room for room in snapshot.rooms if not room.active)
