"""Nobody is in front of the box: its name, the clock and the network, dimmed; later nothing at all."""

from __future__ import annotations

from appliance.core.idle import wander
from appliance.core.words import say
from appliance.display.scene import View
from appliance.display.screens.home import network_line
from appliance.display.screens.parts import MARGIN, Page, clock_text, fitting
from appliance.display.stage import Key, Moment
from appliance.display.theme import Ink

CLOCK = 190.0  # the size of its digits, units
NAME = 54.0
LINE = 24.0


class IdlePage:
    """``off``: the screen is to be black. Nothing can be pressed: whatever comes first wakes the screen."""

    def __init__(self) -> None:
        self.off = False

    def view(self, moment: Moment) -> View:
        page = Page(moment, Ink.NIGHT)
        if self.off:
            return page.done()
        wall = moment.wall
        x, y = wander(wall.toordinal() * 24 * 60 + wall.hour * 60 + wall.minute)
        middle = page.h / 2 + y
        left, width = MARGIN + 60 + x, page.w - 2 * (MARGIN + 60)
        ink = Ink.NIGHT_TEXT
        name = moment.snapshot.name
        size = max(LINE, fitting(page, name, NAME, width))
        page.text(page.rect(left, middle - 214, width, 84), name, size, ink, bold=True, align="center")
        clock = page.rect(left, middle - 134, width, 264)
        page.text(clock, clock_text(moment), CLOCK, ink, align="center")
        network, _ = network_line(moment.snapshot.network)
        page.text(page.rect(left, middle + 132, width, 40), network, LINE, ink, align="center")
        touch = say("Touch the screen or press a key")
        page.text(page.rect(left, middle + 182, width, 40), touch, LINE, ink, align="center")
        page.until_next_minute()
        return page.done()

    def press(self, target: str, at: float, touched: bool) -> None:
        """There is nothing to press."""

    def key(self, key: Key) -> bool:  # noqa: ARG002 - the protocol's
        return True
