"""The menu of one remote tile: what a person here can do about that peer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from appliance.core import limits
from appliance.core.call_view import CallView, TileView
from appliance.core.grid import Rect
from appliance.core.intents import ClosePeer, Intent, MutePeer, PinPeer
from appliance.core.words import Text, say
from appliance.display import theme as t
from appliance.display.screens.parts import Page, Question
from appliance.display.theme import Ink

AWAY = "menu:away"  # pressed by a touch beside the menu
MOVE = "menu:move"  # what comes of it is the call's business
WIDTH = 280.0
PAD = 12.0
TITLE_HIGH = 44.0
ROW = 60.0
ROW_GAP = 10.0
BESIDE = 68.0  # what is beside the words of a row


@dataclass(frozen=True, slots=True)
class _Row:
    """``may``: what else it may say; the menu is as wide as that needs."""

    name: str
    icon: str
    label: Text
    may: tuple[Text, ...] = ()
    color: Ink = Ink.TEXT


class TileMenu:
    """Open over one tile, or closed. It closes by itself when nobody uses it."""

    def __init__(self) -> None:
        self._peer: str | None = None
        self._opened_at = self._used_at = -math.inf
        self._close = Question()

    def open(self, peer: str, at: float) -> None:
        self._peer = peer
        self._opened_at = self._used_at = at
        self._close.close()

    def close(self) -> None:
        self._peer = None

    def used(self, at: float) -> None:
        """A key was pressed while it is open: somebody is still choosing."""
        self._used_at = at

    def tile(self, call: CallView, now: float) -> TileView | None:
        """The tile it is open for; None while it is closed, and when that peer has left."""
        if self._peer is None or now - self._used_at >= limits.MENU_FOR:
            return None
        return next((tile for tile in call.tiles if tile.peer == self._peer), None)

    def press(self, target: str, tile: TileView, call: CallView, at: float, touched: bool) -> Intent | None:
        """Act on a pressed target; return what is wanted, if anything. Then the menu is closed.

        Closing the connection is asked once, and the bounce of the finger that opened the menu presses
        nothing.
        """
        if touched and at - self._opened_at < limits.LEAVE_TOUCH_GAP:
            return None
        self._used_at = at
        if target == "menu:close" and not self._close.press(at, touched):
            return None
        self._peer = None
        match target:
            case "menu:mute":
                return MutePeer(tile.peer, not tile.muted_here)
            case "menu:pin":
                return PinPeer(None if call.pinned == tile.peer else tile.peer)
            case "menu:close":
                return ClosePeer(tile.peer)
        return None

    def draw(self, page: Page, area: Rect, over: Rect, tile: TileView, call: CallView) -> None:
        """Draw it over the middle of its tile, inside ``area``; nothing else can be pressed then."""
        now = page.moment.now
        page.until(self._used_at + limits.MENU_FOR)
        page.until(self._close.stale_at(now))
        rows = _rows(tile, call, self._close.open(now))
        said = max(page.measure(text, t.BODY) for row in rows for text in (row.label, *row.may))
        scale = page.theme.scale
        wide = min(max(WIDTH, said + 2 * PAD + BESIDE), area.w / scale)
        high = 2 * PAD + TITLE_HIGH + len(rows) * ROW + (len(rows) - 1) * ROW_GAP
        x = _between(area.x / scale, over.center[0] / scale - wide / 2, area.right / scale - wide)
        y = _between(area.y / scale, over.center[1] / scale - high / 2, area.bottom / scale - high)
        page.targets.clear()
        page.outside = AWAY
        page.box(page.rect(x, y, wide, high), Ink.PANEL, 16, Ink.FAINT, 1)
        page.text(
            page.rect(x + PAD + 6, y + PAD - 2, wide - 2 * PAD - 12, TITLE_HIGH - 6),
            tile.name,
            t.BODY,
            bold=True,
        )
        y += PAD + TITLE_HIGH
        for row in rows:
            rect = page.rect(x + PAD, y, wide - 2 * PAD, ROW)
            page.box(rect, Ink.BUTTON_PRESSED if page.pressed(row.name) else Ink.BUTTON, 12)
            page.target(row.name, rect, 12, first=row.name == "menu:mute")
            page.icon((x + PAD + 30, y + ROW / 2), 25, row.icon, row.color)
            inner = wide - 2 * PAD - BESIDE + 4
            page.text(page.rect(x + PAD + 56, y, inner, ROW), row.label, t.BODY, row.color)
            y += ROW + ROW_GAP


def _rows(tile: TileView, call: CallView, asked: bool) -> tuple[_Row, ...]:
    """What can be done. ``asked``: whether to close is the question."""
    mute, unmute, pin, unpin = say("Mute here"), say("Unmute here"), say("Pin"), say("Unpin")
    close, again = say("Close"), say("Press again to close")
    rows = [
        _Row("menu:mute", "sound", unmute, (mute,))
        if tile.muted_here
        else _Row("menu:mute", "sound-off", mute, (unmute,)),
        _Row("menu:pin", "pin-off", unpin, (pin,))
        if call.pinned == tile.peer
        else _Row("menu:pin", "pin", pin, (unpin,)),
    ]
    if len(call.tiles) > 1 and tile.peer != call.large:
        rows.append(_Row(MOVE, "move", say("Move")))
    question = (again, (close,)) if asked else (close, (again,))
    return *rows, _Row("menu:close", "close", *question, Ink.BAD_TEXT)


def _between(low: float, value: float, high: float) -> float:
    return max(low, min(value, high))
