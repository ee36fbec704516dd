"""The bar of a call: icons above short labels, as wide as its words need in the language of the screen.

A button is as wide as the longest thing that it may say, so that nothing moves under a finger. Where the
labels of one line are too wide for the screen they get two, and less room beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.core.call_view import CallView
from appliance.core.grid import Rect
from appliance.core.words import Text, say, say_n
from appliance.display import theme as t
from appliance.display.screens.parts import Page, countdown
from appliance.display.text import clean, line_height
from appliance.display.theme import Ink

BOTTOM = 8.0  # below it, units
PAD = 9.0
GAP = 10.0
LEAST = 92.0  # a button's width
BESIDE = (14.0, 5.0)  # left and right of a label of one line, of two
ICON = 27.0
TOP = 9.0  # above the icon
COUNTDOWN = "00:00"  # as wide as one gets, within an hour


@dataclass(frozen=True, slots=True)
class Button:
    """``may``: everything else that its label may say."""

    name: str
    icon: str
    label: Text
    look: str = "plain"
    may: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything is. ``rect``: the bar's, pixels."""

    buttons: tuple[Button, ...]
    widths: tuple[float, ...]
    lines: int
    x: float
    y: float
    high: float
    rect: Rect


LOOKS = {
    "plain": (Ink.BUTTON, Ink.BUTTON_PRESSED, Ink.TEXT, None),
    "dim": (Ink.BUTTON, Ink.BUTTON_PRESSED, Ink.DIM, None),
    "on": (Ink.BUTTON, Ink.BUTTON_PRESSED, Ink.TEXT, Ink.ACCENT),
    "warning": (Ink.WARNING_BACK, Ink.BUTTON_PRESSED, Ink.WARNING_TEXT, Ink.WARNING),
    "leave": (Ink.BAD, Ink.BAD_PRESSED, Ink.ON_BAD, None),
}


def buttons(page: Page, call: CallView, asked: bool) -> tuple[Button, ...]:
    """What can be done now. ``asked``: whether to leave is the question."""
    return (
        _two("mute", ("microphone-off", say("Unmute")), ("microphone", say("Mute")), call.muted),
        _two(
            "camera", ("camera-off", say("Start camera")), ("camera", say("Stop camera")), not call.camera_on
        ),
        _layout(call),
        _joining(page, call),
        _rooms(page),
        _people(call),
        Button("settings", "settings", say("Settings")),
        Button("leave", "hang-up", say("Press again"), "leave", (say("Leave"),))
        if asked
        else Button("leave", "hang-up", say("Leave"), "leave", (say("Press again"),)),
    )


def _two(name: str, off: tuple[str, Text], on: tuple[str, Text], is_off: bool) -> Button:
    if is_off:
        return Button(name, off[0], off[1], "warning", (on[1],))
    return Button(name, on[0], on[1], "plain", (off[1],))


def _layout(call: CallView) -> Button:
    if call.hidden:
        return Button("layout", "grid", say("Show pictures"), "warning", (say("Layout"),))
    large = call.layout == "speaker" or call.large is not None
    return Button("layout", "speaker-view" if large else "grid", say("Layout"))


def _joining(page: Page, call: CallView) -> Button:
    joining, now = call.joining, page.moment.now
    # Digits are equally wide, so the longest countdown stands for all of them.
    may = (say("Joining closed"), say("Joining open"), say("Open {left}", left=COUNTDOWN))
    if not joining.open:
        return Button("joining", "door-closed", say("Joining closed"), "dim", may)
    if joining.closes_at is None:
        return Button("joining", "door-open", say("Joining open"), "on", may)
    left = joining.closes_at - now
    page.until(now + (left % 1.0 or 1.0))
    return Button("joining", "door-open", say("Open {left}", left=countdown(left)), "on", may)


def _rooms(page: Page) -> Button:
    others = len(page.moment.snapshot.rooms) - 1
    if others > 0:
        return Button("rooms", "switch", say_n("{n} on hold", "{n} on hold", others), "on")
    return Button("rooms", "switch", say("Rooms"))


def _people(call: CallView) -> Button:
    return Button("people", "people", say_n("{n} here", "{n} here", len(call.tiles) + 1))


def plan(page: Page, shown: tuple[Button, ...]) -> Plan:
    """Where the bar's parts go on this page."""
    room = page.w - 2 * PAD - 2 * BOTTOM - (len(shown) - 1) * GAP
    lines = 1
    widths = [max(LEAST, _line_width(page, button) + 2 * BESIDE[0]) for button in shown]
    if sum(widths) > room:
        lines = 2
        widths = [max(LEAST, _two_lines_width(page, button) + 2 * BESIDE[1]) for button in shown]
        if sum(widths) > room:
            widths = [width * room / sum(widths) for width in widths]
        else:
            widths = [width + (room - sum(widths)) / len(widths) for width in widths]
    label = line_height(page.theme.font_px(t.NOTE)) / page.theme.scale
    high = TOP + ICON + 4 + lines * label + 5
    total = sum(widths) + (len(shown) - 1) * GAP
    x, y = (page.w - total) / 2, page.h - BOTTOM - PAD - high
    rect = page.rect(x - PAD, y - PAD, total + 2 * PAD, high + 2 * PAD)
    return Plan(shown, tuple(widths), lines, x, y, high, rect)


def _line_width(page: Page, button: Button) -> float:
    return (
        max(page.measure(label, t.NOTE, button.look == "leave") for label in (button.label, *button.may)) + 1
    )


def _two_lines_width(page: Page, button: Button) -> float:
    """The least width at which every label takes no more than two lines."""
    px, bold = page.theme.font_px(t.NOTE), button.look == "leave"
    widest = 0
    for label in (button.label, *button.may):
        said = clean(page.tr(label))
        words = said.split(" ")
        lines = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words) + 1)]
        widest = max(
            widest,
            min(max(page.typesetter.width(part, px, bold) for part in both) for both in lines),
        )
    return widest / page.theme.scale + 1


def draw(page: Page, placed: Plan) -> None:
    """Draw it, with its targets."""
    page.box(placed.rect, Ink.BACKGROUND, 20, Ink.LINE, 1)
    x, y = placed.x, placed.y
    label_high = placed.high - TOP - ICON - 4 - 5
    for button, wide in zip(placed.buttons, placed.widths, strict=True):
        fill, fill_pressed, color, border = LOOKS[button.look]
        rect = page.rect(x, y, wide, placed.high)
        page.box(rect, fill_pressed if page.pressed(button.name) else fill, 14, border)
        page.target(button.name, rect, 14, first=button.name == "mute")
        page.icon((x + wide / 2, y + TOP + ICON / 2), ICON, button.icon, color)
        page.text(
            page.rect(x + 4, y + TOP + ICON + 4, wide - 8, label_high),
            button.label,
            t.NOTE,
            color,
            bold=button.look == "leave",
            align="center",
            lines=placed.lines,
        )
        x += wide + GAP
