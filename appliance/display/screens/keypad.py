"""The keypad: a room number, then a password, on a number pad or a full keyboard."""

from __future__ import annotations

from appliance.core import keypad as pads
from appliance.core import limits
from appliance.core.intents import Join
from appliance.core.keypad import Keypad, Ready, Step
from appliance.core.view import Tone
from appliance.core.words import Text, say
from appliance.display import theme as t
from appliance.display.scene import View
from appliance.display.screens import keyboard
from appliance.display.screens.parts import MARGIN, Page, fitting
from appliance.display.stage import Key, Moment, Stage
from appliance.display.theme import Ink

KEY_GAP = 14.0
PAD_TOP = 204.0
FIELD = (112.0, 78.0)  # top and height
TRACKING = 5.0  # between typed characters
DOT_PITCH = 30.0  # from one hidden character to the next
FOOTER = 62.0  # height of the buttons at the bottom
HINT_ROOM = say(
    "Everybody in a meeting types the same number, {least} to {most}.",
    least=limits.ROOM_MIN,
    most=limits.ROOM_MAX,
)
HINT_PASSWORD = say("Ask somebody who is already in the meeting. It never leaves this box in readable form.")


class KeypadScreen:
    """Keeps what was typed until the meeting begins or somebody goes home."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.pad = Keypad()
        self._keyboard: keyboard.Page | None = None  # None: the number pad
        self._answered = 0  # the newest refusal that somebody typed after
        self._by_digits = False  # the last character came from real keys, not from the focus

    def reset(self, pad: Keypad | None = None) -> None:
        """Start afresh: another room, an empty password."""
        self.pad = pad if pad is not None else Keypad()
        self._keyboard = None
        self._answered = self._stage.snapshot.refusal_id
        self._by_digits = False

    # --- drawing --------------------------------------------------------------------------------

    def view(self, moment: Moment) -> View:
        page = Page(moment)
        page.header()
        if self._keyboard is None:
            left = page.w * 0.49 - MARGIN - 72
            self._question(page, left, two_lines=True)
            x = page.w * 0.49
            with page.unmirrored(page.rect(x, 0, page.w - MARGIN - x, page.h)):
                self._field(page, x, page.w - MARGIN - x)
                self._pad(page, x, page.w - MARGIN - x)
        else:
            left = page.w * 0.4 - MARGIN - 20
            self._question(page, left, two_lines=False)
            x = page.w * 0.4
            with page.unmirrored(page.rect(x, 0, page.w - MARGIN - x, page.h)):
                self._field(page, x, page.w - MARGIN - x)
            keys = (MARGIN, 236.0, page.w - 2 * MARGIN, page.h - 236 - 90)
            with page.unmirrored(page.rect(*keys)):
                keyboard.draw(page, self._keyboard, keys, ready=self.pad.complete)
        self._footer(page)
        return page.done()

    def _question(self, page: Page, width: float, two_lines: bool) -> None:
        password = self.pad.step is Step.PASSWORD
        y = 153.0 if two_lines else 124.0
        for i in range(2):
            on = i == 0 or password
            page.box(page.rect(MARGIN + i * 90, y, 80, 7), Ink.ACCENT if on else Ink.LINE, 3.5)
        problem = self._problem(page.moment)
        if not two_lines:
            title = say("Password for room {room}", room=self.pad.room)
            size = fitting(page, title, t.TITLE, width)
            page.text(page.rect(MARGIN, y + 17, width, 42), title, size, bold=True)
            if problem:
                color = Ink.BAD_TEXT if problem[1] is Tone.BAD else Ink.WARNING_TEXT
                line = page.rect(MARGIN, 199, page.w - 2 * MARGIN, 32)
                page.text(line, problem[0], t.NOTE, color)
            return
        title = say("Password for room {room}", room=self.pad.room) if password else say("Which room?")
        y += 28
        rows = page.lines(title, t.DISPLAY, width, 2, bold=True)
        page.text(page.rect(MARGIN, y, width, 57 * rows + 4), title, t.DISPLAY, bold=True, lines=2, top=True)
        y += 57 * rows + 8
        hint = HINT_PASSWORD if password else HINT_ROOM
        rows = page.lines(hint, t.LEAD, width, 4)
        page.text(page.rect(MARGIN, y, width, 30 * rows + 4), hint, t.LEAD, Ink.DIM, lines=4, top=True)
        y += 30 * rows - 60
        if problem:
            page.sentence_box(MARGIN, y + 88, width, *problem)

    def _problem(self, moment: Moment) -> tuple[Text, Tone] | None:
        if self.pad.problem:
            return self.pad.problem, Tone.WARNING
        snapshot = moment.snapshot
        if snapshot.refusal and snapshot.refusal_id > self._answered:
            return snapshot.refusal, Tone.BAD
        return None

    def _field(self, page: Page, x: float, w: float) -> None:
        y, h = FIELD
        page.box(page.rect(x, y, w, h), Ink.PANEL, 16, Ink.ACCENT)
        right = x + w - 12
        if self.pad.step is Step.PASSWORD:
            label = say("Hide") if self.pad.shown else say("Show")
            wide = page.measure(label, t.NOTE) + 36
            right -= wide
            rect = page.rect(right, y + 12, wide, h - 24)
            page.button("show", rect, label, t.NOTE, color=Ink.DIM, fill=Ink.PANEL, radius=10)
        text = self.pad.visible
        room = right - x - 28 - 14
        if not text:
            page.box(page.rect(x + 28, y + 17, 4, h - 34), Ink.TEXT, 2)
            hint = say("Password") if self.pad.step is Step.PASSWORD else say("Room number")
            page.text(page.rect(x + 46, y, room - 18, h), hint, t.SUBHEAD, Ink.DIM)
            return

        def length(part: str) -> float:
            return page.measure(part, t.DIGITS, True, TRACKING) + TRACKING if part else 0.0

        dots = len(text) - len(text.lstrip("•"))
        rest = text[dots:]
        while dots * DOT_PITCH + length(rest) > room - 14:  # a long password shows its end
            dots, rest = (dots - 1, rest) if dots else (0, rest[1:])
        for i in range(dots):
            page.dot(x + 28 + (i + 0.36) * DOT_PITCH, y + h / 2, 7.5, Ink.TEXT)
        end = x + 28 + dots * DOT_PITCH
        page.text(page.rect(end, y, length(rest) + 2, h), rest, t.DIGITS, bold=True, tracking=TRACKING)
        page.box(page.rect(end + length(rest) + 5, y + 17, 4, h - 34), Ink.TEXT, 2)

    def _pad(self, page: Page, x: float, w: float) -> None:
        each = (w - 2 * KEY_GAP) / 3
        high = min(104.0, (page.h - 114 - PAD_TOP - 3 * KEY_GAP) / 4)
        for i, name in enumerate("123456789"):
            self._digit(
                page, name, x + i % 3 * (each + KEY_GAP), PAD_TOP + i // 3 * (high + KEY_GAP), each, high
            )
        y = PAD_TOP + 3 * (high + KEY_GAP)
        delete, label = page.rect(x, y, each, high), say("Delete")
        size = fitting(page, label, t.SUBHEAD, each - 70)
        page.button("delete", delete, label, size, color=Ink.DIM, icon="delete", radius=16)
        self._digit(page, "0", x + each + KEY_GAP, y, each, high)
        self._next(page, x + 2 * (each + KEY_GAP), y, each, high)

    def _digit(self, page: Page, digit: str, x: float, y: float, w: float, h: float) -> None:
        page.button(f"key:{digit}", page.rect(x, y, w, h), digit, t.DISPLAY, radius=16, first=digit == "1")

    def _next(self, page: Page, x: float, y: float, w: float, h: float) -> None:
        label = say("Next") if self.pad.step is Step.ROOM else say("Join")
        size = fitting(page, label, t.TITLE, w - 24)
        page.go_button("next", page.rect(x, y, w, h), label, size, ready=self.pad.complete)

    def _footer(self, page: Page) -> None:
        y = page.h - 47 - FOOTER / 2
        back = say("Back")
        wide = page.measure(back, t.BODY) + 76
        page.button(
            "back",
            page.rect(MARGIN - 24, y, wide, FOOTER),
            back,
            t.BODY,
            color=Ink.DIM,
            fill=Ink.BACKGROUND,
            icon="back",
        )
        if self.pad.step is not Step.PASSWORD:
            return
        label = say("Full keyboard") if self._keyboard is None else say("Number pad")
        sign = "keyboard" if self._keyboard is None else "keypad"
        wide = page.measure(label, t.BODY) + 86
        rect = page.rect(page.w - MARGIN + 24 - wide, y, wide, FOOTER)
        page.button("keyboard", rect, label, t.BODY, color=Ink.DIM, fill=Ink.BACKGROUND, icon=sign)

    # --- acting ---------------------------------------------------------------------------------

    def press(self, target: str, at: float, touched: bool) -> None:
        kind, _, value = target.partition(":")
        self._by_digits = self._by_digits and kind == "next"
        if kind == "key":
            self._type(value)
            if self._keyboard is not None:
                self._keyboard = self._keyboard.after_key()
            if touched:
                self._stage.focus("next")  # whoever goes on with a remote or a keyboard wants this
        elif kind == "layer" and self._keyboard is not None:
            self._keyboard = self._keyboard.switched(value)
        elif target == "delete":
            self._edited(pads.deleted(self.pad))
        elif target == "show":
            self.pad = pads.toggled(self.pad)
        elif target == "keyboard":
            self._keyboard = keyboard.Page() if self._keyboard is None else None
            self._stage.focus("key:q" if self._keyboard is not None else "key:1")
        elif target == "back":
            self._back()
        elif target == "next":
            self._proceed(at)

    def key(self, key: Key) -> bool:
        if key.name == "delete":
            self._edited(pads.deleted(self.pad))
            return True
        if key.name == "back":
            self._back()
            return True
        in_room = self.pad.step is Step.ROOM
        char = (key.digit or key.text) if in_room else key.text
        if char and not (in_room and char == " "):
            self._type(char)
            self._by_digits = True
            self._stage.focus("next")
            return True
        return False

    def _type(self, char: str) -> None:
        self._edited(pads.typed(self.pad, char))

    def _edited(self, pad: Keypad) -> None:
        self.pad = pad
        self._answered = self._stage.snapshot.refusal_id

    def _back(self) -> None:
        if self._keyboard is not None:
            self._keyboard = None
            self._stage.focus("key:1")
            return
        pad = pads.back(self.pad)
        self._edited(pad if pad is not None else Keypad())
        if pad is None:
            self._stage.go_home()
        else:
            self._stage.focus("next" if self._by_digits else "key:1")

    def _proceed(self, at: float) -> None:
        after = pads.proceed(self.pad)
        if isinstance(after, Ready):
            self._edited(pads.masked(self.pad))
            self._stage.send(Join(after.room, after.password, at))
            return
        stepped = after.step is not self.pad.step
        self._edited(after)
        if stepped and not self._by_digits:
            self._stage.focus("key:1")
