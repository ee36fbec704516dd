"""In a call: everybody's tiles, and a bar with what one does in a meeting."""

from __future__ import annotations

from appliance.core import grid
from appliance.core.view import (
    AdmitStranger,
    AllowJoining,
    CallView,
    HideTiles,
    Leave,
    PinPeer,
    SetCamera,
    SetLayout,
    SetMuted,
)
from appliance.display import theme as t
from appliance.display.scene import View
from appliance.display.screens import shut_out, tile, unanswered
from appliance.display.screens.parts import Page, Question, clock_text, countdown, duration
from appliance.display.screens.room_menu import ANOTHER, RoomMenu
from appliance.display.screens.room_menu import PREFIX as ROOMS
from appliance.display.screens.start import joining_line
from appliance.display.screens.tile_menu import TileMenu
from appliance.display.stage import Key, Moment, Stage
from appliance.display.theme import Ink

EDGE = 27.0
TOP = 52.0
BAR_HEIGHT = 96.0
BAR_BOTTOM = 24.0
GAP = 16.0
BUTTON = (136.0, 72.0)
WIDE_BUTTON = 186.0
BUTTON_GAP = 10.0


class Call:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._leave = Question()
        self._menu = TileMenu()
        self._rooms = RoomMenu()

    def reset(self) -> None:
        """Another meeting is on the screen."""
        self._leave.close()
        self._menu.close()
        self._rooms.close()

    # --- drawing --------------------------------------------------------------------------------

    def view(self, moment: Moment) -> View:
        page = Page(moment, Ink.STAGE)
        call = moment.snapshot.call
        if call is None:
            return page.done()
        self._header(page, call)
        places: dict[str, grid.Rect] = {}
        if call.tiles:
            places = self._tiles(page, call)
        else:
            self._alone(page, call)
        self._bar(page, call)
        page.toasts(page.w - EDGE - 10, TOP + 10)
        chosen = self._menu.tile(call, moment.now)
        if chosen is not None:
            self._menu.draw(page, self._area(page), places[chosen.peer], chosen, call)
        elif self._rooms.open(moment.now):
            self._rooms.draw(page, page.w / 2, page.h - BAR_BOTTOM - BAR_HEIGHT - 12)
        return page.done()

    def _header(self, page: Page, call: CallView) -> None:
        now = page.moment.now
        x = EDGE
        boxes = len(call.tiles) + 1
        passed = now - call.since
        for text, color in (
            (f"Room {call.room}", Ink.TEXT),
            (f"{boxes} boxes" if boxes > 1 else "1 box", Ink.DIM),
            (duration(passed), Ink.DIM),
        ):
            wide = page.measure(text, t.BODY) + 1
            page.text(page.rect(x, 12, wide, 34), text, t.BODY, color)
            x += wide + 20
        page.until(now + 1.0 - passed % 1.0)
        clock = clock_text(page.moment)
        wide = page.measure(clock, t.BODY) + 1
        page.text(page.rect(page.w - EDGE - wide, 12, wide, 34), clock, t.BODY, Ink.DIM, align="right")
        page.until_next_minute()
        shut_out.draw(page, call, page.w - EDGE - wide - 24, 0.5)

    def _area(self, page: Page) -> grid.Rect:
        height = page.h - TOP - BAR_HEIGHT - BAR_BOTTOM - 18
        return page.rect(EDGE, TOP, page.w - 2 * EDGE, height)

    def _tiles(self, page: Page, call: CallView) -> dict[str, grid.Rect]:
        """Everybody, the self-view last; return where each peer's tile is."""
        arrange = grid.arrange if call.large is None else grid.arrange_speaker
        rects = arrange(len(call.tiles) + 1, self._area(page), page.theme.px(GAP))
        order = sorted(call.tiles, key=lambda peer: peer.peer != call.large)  # the others stay in order
        places = {}
        for peer, rect in zip(order, rects, strict=False):
            tile.draw_peer(page, rect, peer, pinned=peer.peer == call.pinned, hidden=call.hidden)
            places[peer.peer] = rect
        tile.draw_self(page, rects[-1], page.moment.snapshot, call)
        return places

    def _alone(self, page: Page, call: CallView) -> None:
        area = self._area(page)
        scale = page.theme.scale
        wide = min(0.6 * page.w, area.h / scale * grid.PICTURE_ASPECT)
        high = wide / grid.PICTURE_ASPECT
        top = TOP + (area.h / scale - high) / 2
        tile.draw_self(page, page.rect(EDGE, top, wide, high), page.moment.snapshot, call)
        x = EDGE + wide + 44
        width = page.w - EDGE - 20 - x
        middle = top + high / 2
        if call.unanswered:
            unanswered.draw(page, call, x, width, middle)
            return
        page.text(
            page.rect(x, middle - 132, width, 116),
            "You are the first one here",
            t.DISPLAY,
            bold=True,
            lines=2,
            top=True,
        )
        page.text(
            page.rect(x, middle - 6, width, 100),
            f"The others type room {call.room} and the same password on their box.",
            t.LEAD,
            lines=3,
            top=True,
        )
        page.text(
            page.rect(x, middle + 100, width, 64),
            joining_line(page, call, ""),
            t.LEAD,
            Ink.DIM,
            lines=2,
            top=True,
        )

    def _bar(self, page: Page, call: CallView) -> None:
        asked = self._leave.open(page.moment.now)
        page.until(self._leave.stale_at(page.moment.now))
        widths = [BUTTON[0], BUTTON[0], BUTTON[0], WIDE_BUTTON, BUTTON[0], BUTTON[0]]
        others = len(page.moment.snapshot.rooms) - 1
        total = sum(widths) + (len(widths) - 1) * BUTTON_GAP
        y = page.h - BAR_BOTTOM - BAR_HEIGHT
        x = (page.w - total) / 2
        page.box(page.rect(x - 12, y, total + 24, BAR_HEIGHT), Ink.BACKGROUND, 20, Ink.LINE, 1)
        y += (BAR_HEIGHT - BUTTON[1]) / 2
        for (name, icon, label, look), wide in zip(
            (
                ("mute", "microphone-off", "Unmute", "warning")
                if call.muted
                else ("mute", "microphone", "Mute", "plain"),
                ("camera", "camera", "Stop camera", "plain")
                if call.camera_on
                else ("camera", "camera-off", "Start camera", "warning"),
                ("layout", "grid", "Show pictures", "warning")
                if call.hidden
                else ("layout", "speaker-view" if _speaker_layout(call) else "grid", "Layout", "plain"),
                self._joining_button(page, call),
                ("rooms", "keypad", f"{others} on hold", "on")
                if others > 0
                else ("rooms", "keypad", "Rooms", "plain"),
                ("leave", "hang-up", "Press again" if asked else "Leave", "leave"),
            ),
            widths,
            strict=True,
        ):
            self._button(page, name, icon, label, look, x, y, wide)
            x += wide + BUTTON_GAP

    def _joining_button(self, page: Page, call: CallView) -> tuple[str, str, str, str]:
        joining, now = call.joining, page.moment.now
        if not joining.open:
            return "joining", "door-closed", "Joining closed", "dim"
        if joining.closes_at is None:
            return "joining", "door-open", "Joining open", "on"
        left = joining.closes_at - now
        page.until(now + (left % 1.0 or 1.0))
        return "joining", "door-open", f"Joining open {countdown(left)}", "on"

    def _button(
        self, page: Page, name: str, icon: str, label: str, look: str, x: float, y: float, w: float
    ) -> None:
        fill, fill_pressed, color, border = {
            "plain": (Ink.BUTTON, Ink.BUTTON_PRESSED, Ink.TEXT, None),
            "dim": (Ink.BUTTON, Ink.BUTTON_PRESSED, Ink.DIM, None),
            "on": (Ink.BUTTON, Ink.BUTTON_PRESSED, Ink.TEXT, Ink.ACCENT),
            "warning": (Ink.WARNING_BACK, Ink.BUTTON_PRESSED, Ink.WARNING_TEXT, Ink.WARNING),
            "leave": (Ink.BAD, Ink.BAD_PRESSED, Ink.ON_BAD, None),
        }[look]
        rect = page.rect(x, y, w, BUTTON[1])
        page.box(rect, fill_pressed if page.pressed(name) else fill, 14, border)
        page.target(name, rect, 14, first=name == "mute")
        page.icon((x + w / 2, y + 24), 27, icon, color)
        bold = look == "leave"
        page.text(page.rect(x + 6, y + 40, w - 12, 28), label, t.NOTE, color, bold=bold, align="center")

    # --- acting ---------------------------------------------------------------------------------

    def press(self, target: str, at: float, touched: bool) -> None:
        call = self._stage.snapshot.call
        if call is None:
            return
        chosen = self._menu.tile(call, at)
        if chosen is not None and target.startswith("menu:"):
            intent = self._menu.press(target, chosen, call, at, touched)
            if intent is not None:
                self._stage.send(intent)
            if self._menu.tile(call, at) is None:
                self._stage.focus(tile.target_of(chosen.peer))
            return
        if target.startswith(ROOMS) and self._rooms.open(at):
            self._choose_room(target, at, touched)
            return
        if target == "leave":
            if self._leave.press(at, touched):
                self._stage.send(Leave())
            return
        self._leave.close()
        if target == "mute":
            self._stage.send(SetMuted(not call.muted))
        elif target == "camera":
            self._stage.send(SetCamera(not call.camera_on))
        elif target == "layout":
            self._change_layout(call)
        elif target == shut_out.TARGET:
            self._stage.send(AdmitStranger())
        elif target == "joining":
            self._stage.send(AllowJoining(not call.joining.open))
        elif target == "rooms":
            self._rooms.toggle(at)
        elif (peer := tile.peer_of(target)) is not None:
            self._menu.open(peer, at)

    def _choose_room(self, target: str, at: float, touched: bool) -> None:
        intent = self._rooms.press(target, at, touched)
        if self._rooms.open(at):
            return
        if target == ANOTHER:
            self._stage.open_keypad()
            return
        if intent is not None:
            self._stage.send(intent)
        self._stage.focus("rooms")

    def _change_layout(self, call: CallView) -> None:
        """What is on the screen decides: a pinned tile is large in either layout."""
        if call.hidden:
            self._stage.send(HideTiles(False))
            return
        if not _speaker_layout(call):
            self._stage.send(SetLayout("speaker"))
            return
        if call.large == call.pinned and call.pinned is not None:
            self._stage.send(PinPeer(None))
        if call.layout != "grid":
            self._stage.send(SetLayout("grid"))

    def key(self, key: Key) -> bool:
        """Back closes a menu, or asks whether to leave and takes the question back; m mutes, v hides
        pictures and shows them again.
        """
        call = self._stage.snapshot.call
        chosen = self._menu.tile(call, key.at) if call is not None else None
        if chosen is not None:
            self._menu.used(key.at)
            if key.name == "back":
                self._menu.close()
                self._stage.focus(tile.target_of(chosen.peer))
                return True
        if self._rooms.open(key.at):
            self._rooms.used(key.at)
            if key.name == "back":
                self._rooms.close()
                self._stage.focus("rooms")
                return True
        if key.name == "back":
            if self._leave.open(key.at):
                self._leave.close()
            else:
                self._leave.press(key.at, False)
                self._stage.focus("leave")
            return True
        if key.text == "m":
            self.press("mute", key.at, False)
            return True
        if key.text == "v" and call is not None:
            self._stage.send(HideTiles(not call.hidden))
            return True
        return False


def _speaker_layout(call: CallView) -> bool:
    """Whether one tile is large, or will be as soon as somebody is here."""
    return call.layout == "speaker" or call.large is not None
