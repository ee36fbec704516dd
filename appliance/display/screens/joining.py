"""Between the last key and the meeting: calm, and one way back."""

from __future__ import annotations

from appliance.core.view import Leave
from appliance.display import theme as t
from appliance.display.scene import View
from appliance.display.screens.parts import Page
from appliance.display.stage import Key, Moment, Stage
from appliance.display.theme import Ink


class Joining:
    """``room``: the number somebody typed here, None while it is not known (a meeting being made up)."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.room: int | None = None

    def view(self, moment: Moment) -> View:
        page = Page(moment)
        page.header()
        room = self.room
        title = f"Joining room {room}" if room is not None else "Starting a meeting"
        line = "Looking for the others on this network." if room is not None else "One moment."
        if (back := moment.snapshot.coming_back) is not None:
            title, line = f"Coming back to room {back}", "This box restarted in the middle of a meeting."
        middle = page.h / 2 - 20
        page.spinner((page.w / 2, middle - 84), 76)
        page.text(page.rect(0, middle, page.w, 62), title, t.DISPLAY, bold=True, align="center")
        page.text(page.rect(0, middle + 62, page.w, 40), line, t.LEAD, Ink.DIM, align="center")
        rect = page.rect(page.w / 2 - 110, middle + 138, 220, 68)
        page.button("cancel", rect, "Cancel", t.LEAD, radius=16, first=True)
        return page.done()

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        if target == "cancel":
            self._stage.send(Leave())

    def key(self, key: Key) -> bool:
        if key.name == "back":
            self._stage.send(Leave())
            return True
        return False
