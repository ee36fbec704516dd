"""Between the last key and the meeting: what happens, how long that takes, and one way back."""

from __future__ import annotations

import math

from appliance.core.intents import Leave
from appliance.core.view import JoinView, Phase
from appliance.core.words import Words, say, say_n
from appliance.display import theme as t
from appliance.display.scene import View
from appliance.display.screens.parts import MARGIN, Page, fitting
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
        snapshot = moment.snapshot
        join = snapshot.joining if snapshot.phase is Phase.JOINING else None
        title, line = self._words(join, snapshot.coming_back)
        middle, width = page.h / 2 - 20, page.w - 2 * MARGIN
        page.spinner((page.w / 2, middle - 84), 76)
        size = fitting(page, title, t.DISPLAY, width)
        page.text(page.rect(MARGIN, middle, width, 62), title, size, bold=True, align="center")
        page.text(page.rect(MARGIN, middle + 62, width, 40), line, t.LEAD, Ink.DIM, align="center")
        if join is not None and (left := join.until - moment.now) > 0:
            seconds = math.ceil(left)
            page.until(moment.now + (left - (seconds - 1)))
            most = say_n("{n} second more at most", "{n} seconds more at most", seconds)
            page.text(page.rect(MARGIN, middle + 100, width, 34), most, t.BODY, Ink.DIM, align="center")
        label = say("Cancel")
        wide = max(220.0, page.measure(label, t.LEAD) + 60)
        rect = page.rect(page.w / 2 - wide / 2, middle + 158, wide, 68)
        page.button("cancel", rect, label, t.LEAD, radius=16, first=True)
        return page.done()

    def _words(self, join: JoinView | None, coming_back: int | None) -> tuple[Words, Words]:
        """What is going on, in a few words and in a sentence."""
        if coming_back is not None:
            title = say("Coming back to room {room}", room=coming_back)
            return title, say("This box restarted in the middle of a meeting.")
        if self.room is None:
            return say("Starting a meeting"), say("One moment.")
        title = say("Joining room {room}", room=self.room)
        if join is not None and join.proving:
            return title, say("Somebody is there. The password is being checked.")
        return title, say("Looking for the others on this network.")

    def press(self, target: str, at: float, touched: bool) -> None:  # noqa: ARG002 - the protocol's
        if target == "cancel":
            self._stage.send(Leave())

    def key(self, key: Key) -> bool:
        if key.name == "back":
            self._stage.send(Leave())
            return True
        return False
