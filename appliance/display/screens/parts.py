"""The pieces that screens are put together from. Positions and sizes are units (see ``theme``)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from appliance.core import limits
from appliance.core.grid import Rect
from appliance.core.view import Tone
from appliance.core.words import Text, Words
from appliance.display import bidi, mirror
from appliance.display import theme as t
from appliance.display.scene import Box, Draft, Icon, Spinner, Target, View
from appliance.display.scene import Text as TextNode
from appliance.display.stage import Moment
from appliance.display.text import clean
from appliance.display.theme import Ink

MARGIN = 48.0
RADIUS = 18.0


class Page(Draft):
    """A view in the making on a theme's scale."""

    def __init__(self, moment: Moment, background: Ink = Ink.BACKGROUND) -> None:
        super().__init__(background)
        self.moment = moment
        self.theme = moment.theme
        self.typesetter = moment.typesetter
        self.tr = moment.tr
        self.w, self.h = moment.theme.width, moment.theme.height

    def said(self, text: Text) -> str:
        """A text in the language of the screen, fit to be drawn; only our own line breaks survive.

        In a sentence that mixes directions, what fills its gaps is isolated, and each of its lines begins
        with a mark of the direction that it is read in.
        """
        if isinstance(text, str):
            return "\n".join(clean(part) for part in text.split("\n"))
        said = "\n".join(clean(part) for part in self.tr(text).split("\n"))
        rtl = self.moment.right_to_left
        if not rtl and bidi.is_plain(said):
            return said
        mark = bidi.RIGHT_TO_LEFT if rtl else bidi.LEFT_TO_RIGHT
        lines = self.tr(_isolated(text)).split("\n")
        return "\n".join(mark + clean(part, marked=True) for part in lines)

    # --- pages from right to left ----------------------------------------------------------------

    @contextmanager
    def unmirrored(self, block: Rect) -> Iterator[None]:
        """What is drawn in here, inside of ``block``, keeps its inner order on a mirrored page.

        The block as a whole goes to the other side: digits and letters of keys, what is typed, meters.
        """
        nodes, targets = len(self.nodes), len(self.targets)
        yield
        if self.moment.right_to_left:
            width = self.theme.size[0]
            dx = mirror.rect(block, width).x - block.x
            for i in range(nodes, len(self.nodes)):
                kept = self.nodes[i]
                self.nodes[i] = mirror.node(replace(kept, rect=mirror.moved(kept.rect, dx)), width)
            for i in range(targets, len(self.targets)):
                target = self.targets[i]
                self.targets[i] = mirror.target(replace(target, rect=mirror.moved(target.rect, dx)), width)

    def done(self) -> View:
        if self.moment.right_to_left:
            width = self.theme.size[0]
            self.nodes = [mirror.node(node, width) for node in self.nodes]
            self.targets = [mirror.target(target, width) for target in self.targets]
        return super().done()

    # --- nodes --------------------------------------------------------------------------------

    def rect(self, x: float, y: float, w: float, h: float) -> Rect:
        return self.theme.rect(x, y, w, h)

    def box(
        self,
        rect: Rect,
        fill: Ink | None,
        radius: float = RADIUS,
        border: Ink | None = None,
        border_width: float = 2,
    ) -> None:
        width = self.theme.px(border_width) if border is not None else 0
        self.add(Box(rect, fill, self.theme.px(radius), border, width))

    def text(
        self,
        rect: Rect,
        text: Text,
        size: float,
        color: Ink = Ink.TEXT,
        *,
        bold: bool = False,
        align: str = "left",
        lines: int = 1,
        top: bool = False,
        tracking: float = 0,
    ) -> None:
        """``text`` may come from anywhere; only the line breaks of our own sentences survive."""
        said = self.said(text)
        if lines == 1:
            said = said.replace("\n", " ")
        px = self.theme.font_px(size)
        self.add(TextNode(rect, said, px, color, bold, align, lines, top, self.theme.px(tracking)))

    def icon(self, center: tuple[float, float], side: float, name: str, color: Ink) -> None:
        px = max(12, self.theme.px(side))
        scale = self.theme.scale
        x, y = round(center[0] * scale - px / 2), round(center[1] * scale - px / 2)
        self.add(Icon(Rect(x, y, px, px), name, color))

    def dot(self, x: float, y: float, radius: float, color: Ink) -> None:
        px = max(2, self.theme.px(radius))
        center = round(x * self.theme.scale), round(y * self.theme.scale)
        self.add(Box(Rect(center[0] - px, center[1] - px, 2 * px, 2 * px), color, px))

    def spinner(self, center: tuple[float, float], side: float) -> None:
        """What is waited for: a turning ring; an hourglass, where nothing may move."""
        px = self.theme.px(side)
        x, y = round(center[0] * self.theme.scale - px / 2), round(center[1] * self.theme.scale - px / 2)
        if self.theme.still:
            self.add(Icon(Rect(x, y, px, px), "wait", Ink.ACCENT))
            return
        self.add(Spinner(Rect(x, y, px, px), Ink.ACCENT, Ink.LINE))

    def measure(self, text: Text, size: float, bold: bool = False, tracking: float = 0) -> float:
        """How wide a line is, in units."""
        width = self.typesetter.width(
            self.said(text), self.theme.font_px(size), bold, self.theme.px(tracking)
        )
        return width / self.theme.scale

    def lines(self, text: Text, size: float, width: float, most: int, *, bold: bool = False) -> int:
        """How many lines a text takes in a width (units), at most ``most``."""
        px, room = self.theme.font_px(size), self.rect(0, 0, width, 0).w
        return max(1, len(self.typesetter.wrap(self.said(text), px, bold, room, most)))

    # --- targets ------------------------------------------------------------------------------

    def target(self, name: str, rect: Rect, radius: float = RADIUS, *, first: bool = False) -> None:
        self.targets.append(Target(name, rect, self.theme.px(radius), first))

    def pressed(self, name: str) -> bool:
        return self.moment.pressed == name

    def button(
        self,
        name: str,
        rect: Rect,
        label: Text,
        size: float,
        *,
        fill: Ink = Ink.BUTTON,
        fill_pressed: Ink = Ink.BUTTON_PRESSED,
        color: Ink = Ink.TEXT,
        bold: bool = False,
        icon: str = "",
        radius: float = 14,
        first: bool = False,
        border: Ink | None = None,
    ) -> None:
        """A button: a label, with an icon before it if there is one."""
        self.box(rect, fill_pressed if self.pressed(name) else fill, radius, border)
        self.target(name, rect, radius, first=first)
        if not icon:
            inset = self.theme.px(10)
            inner = Rect(rect.x + inset, rect.y, rect.w - 2 * inset, rect.h)
            self.text(inner, label, size, color, bold=bold, align="center")
            return
        scale = self.theme.scale
        side, gap = size * 1.15, size * 0.42
        room = rect.w / scale - 16 - side - gap
        wide = min(self.measure(label, size, bold), room) if label else -gap
        x = (rect.x + rect.w / 2) / scale - (side + gap + wide) / 2
        middle = (rect.y + rect.h / 2) / scale
        self.icon((x + side / 2, middle), side, icon, color)
        if label:
            place = self.rect(x + side + gap, middle - size, wide + 1, 2 * size)
            self.text(place, label, size, color, bold=bold)

    def go_button(self, name: str, rect: Rect, label: Text, size: float, *, ready: bool) -> None:
        """The button that goes on: in the accent colour once what was typed is enough."""
        if ready:
            fill, fill_pressed, color = Ink.ACCENT, Ink.ACCENT_PRESSED, Ink.ON_ACCENT
        else:
            fill, fill_pressed, color = Ink.BUTTON, Ink.BUTTON_PRESSED, Ink.DIM
        self.button(
            name, rect, label, size, fill=fill, fill_pressed=fill_pressed, color=color, bold=ready, radius=16
        )

    # --- pieces that several screens share ------------------------------------------------------

    def header(self) -> None:
        """The box's name, and the clock."""
        clock = clock_text(self.moment)
        wide = self.measure(clock, t.TITLE) + 2
        name = self.rect(MARGIN, 34, self.w - 2 * MARGIN - wide - 40, 48)
        self.text(name, self.moment.snapshot.name, t.TITLE, bold=True)
        self.text(self.rect(self.w - MARGIN - wide, 34, wide, 48), clock, t.TITLE, align="right")
        self.until_next_minute()

    def until_next_minute(self) -> None:
        wall = self.moment.wall
        self.until(self.moment.now + 60.0 - wall.second - wall.microsecond / 1e6)

    def sentence_box(self, x: float, y: float, w: float, sentence: Text, tone: Tone) -> float:
        """A coloured box with a sentence or two, in up to five lines; return where it ends."""
        color, back = {
            Tone.CALM: (Ink.TEXT, Ink.PANEL),
            Tone.WARNING: (Ink.WARNING_TEXT, Ink.WARNING_BACK),
            Tone.BAD: (Ink.BAD_TEXT, Ink.BAD_BACK),
        }[tone]
        px = self.theme.font_px(t.BODY)
        inner = self.rect(x + 22, y, w - 44, 0).w
        parts = self.said(sentence).split("\n")
        count = min(5, sum(max(1, len(self.typesetter.wrap(part, px, False, inner, 5))) for part in parts))
        high = 27.2 * count + 34
        self.box(self.rect(x, y, w, high), back, 14)
        self.text(self.rect(x + 22, y + 4, w - 44, high - 8), sentence, t.BODY, color, lines=5)
        return y + high

    def toasts(self, right: float, top: float) -> None:
        """The notices of this moment, below each other at the top right."""
        y = top
        for notice in self.moment.notices:
            edge = {Tone.CALM: Ink.ACCENT, Tone.WARNING: Ink.WARNING, Tone.BAD: Ink.BAD}[notice.tone]
            wide = min(self.measure(notice.text, t.BODY) + 2, self.w * 0.42)
            px = self.theme.font_px(t.BODY)
            count = len(
                self.typesetter.wrap(self.said(notice.text), px, False, self.rect(0, 0, wide, 0).w, 2)
            )
            high = 27.2 * count + 26
            x = right - wide - 48
            self.box(self.rect(x, y, wide + 48, high), Ink.PANEL, 13, Ink.LINE, 1)
            self.box(self.rect(x + 11, y + 12, 5, high - 24), edge, 2.5)
            self.text(self.rect(x + 28, y, wide, high), notice.text, t.BODY, lines=2)
            y += high + 9


def fitting(page: Page, text: Text, size: float, width: float, bold: bool = True) -> float:
    """The size of type, or as much of it as a longer language leaves room for; at least the smallest."""
    while size > t.NOTE and page.measure(text, size, bold) > width:
        size -= 1
    return size


def _isolated(words: Words) -> Words:
    """A sentence whose gaps can't change the direction of what is around them."""
    gaps = tuple(
        (
            name,
            _isolated(gap)
            if isinstance(gap, Words)
            else f"{bidi.ISOLATE}{clean(gap)}{bidi.END_OF_ISOLATE}"
            if isinstance(gap, str)
            else gap,
        )
        for name, gap in words.gaps
    )
    return replace(words, gaps=gaps)


class Question:
    """What can't be taken back is asked once: the first press asks, a second within seconds does it."""

    def __init__(self) -> None:
        self._asked_at: float | None = None

    def open(self, now: float) -> bool:
        return self._asked_at is not None and now - self._asked_at < limits.LEAVE_ASKED_FOR

    def press(self, at: float, touched: bool) -> bool:
        """Whether to do it now. The bounce of a finger is not an answer."""
        if self._asked_at is not None and self.open(at):
            if touched and at - self._asked_at < limits.LEAVE_TOUCH_GAP:
                return False
            self._asked_at = None
            return True
        self._asked_at = at
        return False

    def close(self) -> None:
        self._asked_at = None

    def stale_at(self, now: float) -> float:
        """When the question goes away by itself; never, when it is not asked."""
        if self._asked_at is None or not self.open(now):
            return math.inf
        return self._asked_at + limits.LEAVE_ASKED_FOR


def clock_text(moment: Moment) -> str:
    return f"{moment.wall:%H:%M}"


def duration(seconds: float) -> str:
    """``00:14:07``, for how long a meeting lasts."""
    whole = max(0, int(seconds))
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def countdown(seconds: float) -> str:
    """``7:42``, or ``1:07:42`` from an hour on: what is left, rounded up so that 0:00 is the end."""
    whole = max(0, -int(-seconds // 1))
    if whole >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}"


def ago(seconds: float) -> str:
    """``just now``, ``3 min ago``, ``2 h ago``."""
    minutes = int(max(0.0, seconds) // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago"
