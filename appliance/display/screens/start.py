"""A meeting was made up here and nobody has joined yet: number and password, large, to be read out."""

from __future__ import annotations

from appliance.core.call_view import CallView
from appliance.core.intents import AdmitStranger, Leave
from appliance.core.words import Text, say
from appliance.display import theme as t
from appliance.display.scene import View
from appliance.display.screens import shut_out, tile
from appliance.display.screens.parts import MARGIN, Page, Question, countdown
from appliance.display.stage import Key, Moment, Stage
from appliance.display.theme import Ink

CARDS = (127.0, 231.0)  # top and height
BUTTON_HEIGHT = 62.0


class Start:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._leave = Question()
        self._hidden = False

    def reset(self) -> None:
        """Another meeting: its password is shown."""
        self._leave.close()
        self._hidden = False

    def view(self, moment: Moment) -> View:
        page = Page(moment)
        page.header()
        call = moment.snapshot.call
        if call is None or call.password is None:
            return page.done()
        width = page.w - 2 * MARGIN
        room_width = width * 0.39
        self._card(page, MARGIN, room_width, say("Room"), str(call.room))
        password = grouped(call.password)
        if self._hidden:
            password = "".join(c if c == " " else "•" for c in password)
        x = MARGIN + room_width + 22
        self._card(page, x, width - room_width - 22, say("Password"), password)
        self._below(page, call)
        self._buttons(page)
        shut_out.draw(page, call, page.w - MARGIN, page.h - 85)
        page.toasts(page.w - MARGIN, 92)
        return page.done()

    def _card(self, page: Page, x: float, w: float, label: Text, value: str) -> None:
        y, h = CARDS
        page.box(page.rect(x, y, w, h), Ink.PANEL)
        page.text(page.rect(x + 38, y + 24, w - 76, 40), label, t.LEAD, Ink.DIM)
        size, tracking = float(t.HUGE), 5.0
        while size > t.TITLE and page.measure(value, size, True, tracking) > w - 76:
            size -= 4
        page.text(page.rect(x + 38, y + 62, w - 60, h - 84), value, size, bold=True, tracking=tracking)

    def _below(self, page: Page, call: CallView) -> None:
        top = CARDS[0] + CARDS[1] + 35
        room = page.h - 117 - top  # as high as there is space above the end of the buttons
        high = min(room, 300.0)
        wide = high * 16 / 9
        rect = page.rect(page.w - MARGIN - wide, top, wide, high)
        tile.draw_self(page, rect, page.moment.snapshot, call)
        text_width = page.w - 2 * MARGIN - wide - 36
        page.text(
            page.rect(MARGIN, top - 2, text_width, 80),
            say("Read these out to the others.\nThey type them on their box."),
            t.TITLE - 2,
            lines=2,
            top=True,
        )
        page.text(
            page.rect(MARGIN, top + 86, text_width, 64),
            joining_line(page, call, alone=True),
            t.LEAD,
            Ink.DIM,
            lines=2,
            top=True,
        )

    def _buttons(self, page: Page) -> None:
        y = page.h - 96
        asked = self._leave.open(page.moment.now)
        page.until(self._leave.stale_at(page.moment.now))
        label = say("Press again to leave") if asked else say("Leave")
        wide = page.measure(label, t.LEAD, True) + 54
        page.button(
            "leave",
            page.rect(MARGIN, y, wide, BUTTON_HEIGHT),
            label,
            t.LEAD,
            fill=Ink.BAD,
            fill_pressed=Ink.BAD_PRESSED,
            color=Ink.ON_BAD,
            bold=True,
        )
        hide = say("Show password") if self._hidden else say("Hide password")
        rect = page.rect(MARGIN + wide + 14, y, page.measure(hide, t.LEAD) + 54, BUTTON_HEIGHT)
        page.button("hide", rect, hide, t.LEAD, first=True)

    def press(self, target: str, at: float, touched: bool) -> None:
        if target == "leave":
            if self._leave.press(at, touched):
                self._stage.send(Leave())
        elif target == "hide":
            self._leave.close()
            self._hidden = not self._hidden
        elif target == shut_out.TARGET:
            self._leave.close()
            self._stage.send(AdmitStranger())

    def key(self, key: Key) -> bool:
        if key.name != "back":
            return False
        if self._leave.open(key.at):
            self._leave.close()
        else:
            self._leave.press(key.at, False)
            self._stage.focus("leave")
        return True


def grouped(password: str) -> str:
    """Digits in threes, as people read them out; anything else stays as it is."""
    if not password.isdigit() or len(password) < 5:
        return password
    return " ".join(password[i : i + 3] for i in range(0, len(password), 3))


def joining_line(page: Page, call: CallView, *, alone: bool = False) -> Text:
    """How long others can join, kept up to date; and that nobody has, while this box is ``alone``."""
    joining, now = call.joining, page.moment.now
    if not joining.open:
        return say("Joining is closed.")
    if joining.closes_at is None:
        return say("Joining is open. Nobody has joined yet.") if alone else say("Joining is open.")
    left = joining.closes_at - now
    page.until(now + (left % 1.0 or 1.0))
    if alone:
        return say("Joining stays open for {left}. Nobody has joined yet.", left=countdown(left))
    return say("Joining stays open for {left}.", left=countdown(left))
