"""In a call: everybody's tiles, a bar with what one does in a meeting, a panel beside the tiles on demand.

The bar lies over the tiles and hides in peace, so that no picture changes its place or size when it comes or
goes. The first touch or key then only shows it; keys that mean one thing (m, v, h, back) act at once.
"""

from __future__ import annotations

from appliance.core import grid, limits
from appliance.core.call_view import CallView
from appliance.core.intents import (
    AdmitStranger,
    AllowJoining,
    HideTiles,
    Leave,
    MoveTile,
    PinPeer,
    SetCamera,
    SetLayout,
    SetMuted,
)
from appliance.core.words import say
from appliance.display.scene import View
from appliance.display.screens import (
    call_bar,
    call_header,
    call_tiles,
    mesh_panel,
    people,
    shut_out,
    side_panel,
    tile,
    tile_move,
)
from appliance.display.screens.call_bar import Plan
from appliance.display.screens.call_header import EDGE, HIGH
from appliance.display.screens.call_tiles import Places
from appliance.display.screens.parts import Page, Question
from appliance.display.screens.room_menu import ANOTHER, RoomMenu
from appliance.display.screens.room_menu import PREFIX as ROOMS
from appliance.display.screens.tile_menu import MOVE, TileMenu
from appliance.display.screens.tile_move import TileMove
from appliance.display.screens.toasts import Toasts
from appliance.display.stage import Key, Moment, Stage
from appliance.display.theme import Ink, Theme

BOTTOM = 16.0  # below the tiles, units
WAKE = "call:wake"  # a touch anywhere while the bar is hidden


def tiles_area(theme: Theme) -> grid.Rect:
    """Where everybody's tiles are while nothing stands beside them."""
    return theme.rect(EDGE, HIGH, theme.width - 2 * EDGE, theme.height - HIGH - BOTTOM)


class Call:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._leave = Question()
        self._menu = TileMenu()
        self._rooms = RoomMenu()
        self._move = TileMove()
        self._toasts = Toasts()
        self._panel = ""  # "people" or "mesh"
        self._used_at: float | None = None  # the last key, touch or move of the mouse; None: not shown yet

    def reset(self) -> None:
        """Another meeting is on the screen."""
        self._leave.close()
        self._menu.close()
        self._rooms.close()
        self._move.end()
        self._panel = ""
        self._used_at = None

    # --- drawing --------------------------------------------------------------------------------

    def view(self, moment: Moment) -> View:
        page = Page(moment, Ink.STAGE)
        call = moment.snapshot.call
        if call is None:
            return page.done()
        if self._used_at is None:
            self._used_at = moment.now
        self._move.look(call, moment.now)
        clear = [call_header.draw(page, call)]
        area = self._area(page)
        panel = None
        if self._panel:
            wide = people.width(page, call) if self._panel == "people" else mesh_panel.WIDTH * page.w
            area, panel = side_panel.split(page, area, wide)
        bar = self._bar(page, call)
        shown = bar if self._shows_bar(page, call) else None
        hint = self._move.hint(page, call)
        places: Places = {}
        if call.tiles:
            over = hint.place if hint is not None else shown.rect if shown is not None else None
            below = bar.rect if panel is None else None
            places, names = call_tiles.draw(page, call, area, over, below)
            clear += names
        else:
            call_tiles.draw_alone(page, call, area, shown.rect if shown is not None else None)
        if hint is not None:
            self._move.draw(page, places, hint)
            clear.append(hint.place)
        elif shown is not None:
            call_bar.draw(page, shown)
            clear.append(shown.rect)
        self._toasts.draw(page, area, clear)
        chosen = self._menu.tile(call, moment.now)
        if panel is not None:
            self._side(page, panel, call)
        elif chosen is not None:
            self._menu.draw(page, self._area(page), places[chosen.peer], chosen, call)
        elif self._rooms.open(moment.now) and shown is not None:
            self._rooms.draw(page, page.w / 2, shown.rect.y / page.theme.scale - 12)
        elif shown is None and hint is None:
            page.targets.clear()
            page.outside = WAKE
        return page.done()

    def _area(self, page: Page) -> grid.Rect:
        return tiles_area(page.theme)

    def _bar(self, page: Page, call: CallView) -> Plan:
        """Where the bar is, or would be."""
        asked = self._leave.open(page.moment.now)
        page.until(self._leave.stale_at(page.moment.now))
        return call_bar.plan(page, call_bar.buttons(page, call, asked))

    def _shows_bar(self, page: Page, call: CallView) -> bool:
        if self._panel or self._move.peer is not None or self.hidden(call, page.moment.now):
            return False
        if call.tiles and self._used_at is not None:
            page.until(self._used_at + limits.BAR_FOR)
        return True

    def hidden(self, call: CallView, now: float) -> bool:
        """Is the bar hidden, because nobody uses it and there is somebody to look at?"""
        busy = self._leave.open(now) or self._menu.tile(call, now) is not None or self._rooms.open(now)
        idle = self._used_at is not None and now - self._used_at >= limits.BAR_FOR
        return idle and not busy and bool(call.tiles)

    def _side(self, page: Page, panel: grid.Rect, call: CallView) -> None:
        if self._panel == "people":
            side_panel.draw(page, panel, say("Who is here"), lambda area: people.draw(page, area, call))
        elif (mesh := call.mesh) is not None:
            title = say("All connections")
            side_panel.draw(page, panel, title, lambda area: mesh_panel.draw(page, area, mesh))

    # --- acting ---------------------------------------------------------------------------------

    def press(self, target: str, at: float, touched: bool) -> None:
        call = self._stage.snapshot.call
        if call is None:
            return
        self._used_at = at
        if target == WAKE:
            return
        if self._move.peer is not None:
            self._put(self._move.press(target), call)
            return
        if self._panel:
            self._press_panel(target)
            return
        chosen = self._menu.tile(call, at)
        if chosen is not None and target.startswith("menu:"):
            self._press_menu(target, chosen.peer, call, at, touched)
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
        elif target == "people":
            self._panel = "people"
        elif target == "settings":
            self._stage.open_settings("sound")
        elif (peer := tile.peer_of(target)) is not None:
            self._menu.open(peer, at)

    def _press_menu(self, target: str, peer: str, call: CallView, at: float, touched: bool) -> None:
        chosen = self._menu.tile(call, at)
        assert chosen is not None
        intent = self._menu.press(target, chosen, call, at, touched)
        if intent is not None:
            self._stage.send(intent)
        if self._menu.tile(call, at) is None:
            if target == MOVE:
                self._move.begin(peer, at)
                self._stage.focus(tile_move.target_of(peer))
            else:
                self._stage.focus(tile.target_of(peer))

    def _press_panel(self, target: str) -> None:
        if target == people.MESH:
            self._panel = "mesh"
            self._stage.focus(side_panel.CLOSE)
        elif target == side_panel.CLOSE:
            self._panel = ""
            self._stage.focus("people")

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
        if call.layout != "speaker" and call.large is None:
            self._stage.send(SetLayout("speaker"))
            return
        if call.large == call.pinned and call.pinned is not None:
            self._stage.send(PinPeer(None))
        if call.layout != "grid":
            self._stage.send(SetLayout("grid"))

    def _put(self, moved: tuple[str, str] | None, call: CallView) -> None:
        """A tile was put at the place of another one's; at the large one's, it becomes that."""
        if moved is None:
            return
        peer, there = moved
        self._stage.focus(tile.target_of(peer))
        order = [tile.peer for tile in call.tiles]
        if peer == there or peer not in order or there not in order:
            return
        if there == call.large:
            self._stage.send(PinPeer(peer))
        else:
            self._stage.send(MoveTile(peer, order.index(there)))

    def key(self, key: Key) -> bool:
        """Back closes what is open, or asks whether to leave and takes the question back; m mutes, v hides
        pictures and shows them again, h shows all connections.
        """
        call = self._stage.snapshot.call
        self._used_at = key.at
        self._move.used(key.at)
        if key.name == "back":
            self._back(call, key.at)
            return True
        chosen = self._menu.tile(call, key.at) if call is not None else None
        if chosen is not None:
            self._menu.used(key.at)
        if self._rooms.open(key.at):
            self._rooms.used(key.at)
        if key.text == "m":
            if call is not None:
                self._leave.close()
                self._stage.send(SetMuted(not call.muted))
            return True
        if key.text == "v" and call is not None:
            self._stage.send(HideTiles(not call.hidden))
            return True
        if key.text == "h":
            self._toggle_mesh()
            return True
        return False

    def _back(self, call: CallView | None, at: float) -> None:
        chosen = self._menu.tile(call, at) if call is not None else None
        if self._move.peer is not None:
            self._stage.focus(tile.target_of(self._move.peer))
            self._move.end()
        elif self._panel:
            self._press_panel(side_panel.CLOSE)
        elif chosen is not None:
            self._menu.close()
            self._stage.focus(tile.target_of(chosen.peer))
        elif self._rooms.open(at):
            self._rooms.close()
            self._stage.focus("rooms")
        elif self._leave.open(at):
            self._leave.close()
        else:
            self._leave.press(at, False)
            self._stage.focus("leave")

    def _toggle_mesh(self) -> None:
        self._menu.close()
        self._rooms.close()
        self._move.end()
        self._leave.close()
        opened = self._panel == "mesh"
        self._panel = "" if opened else "mesh"
        self._stage.focus("people" if opened else side_panel.CLOSE)

    # --- a finger or the mouse moves ----------------------------------------------------------------

    def moved(self, at: float) -> bool:
        """The mouse moved: show the bar; return whether it was hidden."""
        call = self._stage.snapshot.call
        was_hidden = call is not None and self._used_at is not None and self.hidden(call, at)
        if self._used_at is not None:
            self._used_at = max(self._used_at, at)
        return was_hidden

    @property
    def dragging(self) -> bool:
        return self._move.dragging

    def drag(self, pressed: str, over: str | None, at: float) -> bool:
        """What a finger ``pressed`` is dragged, and is ``over`` another target now; return whether that shows
        something new.
        """
        self._used_at = at
        call = self._stage.snapshot.call
        peer = tile.peer_of(pressed)
        if not self._move.dragging:
            if call is None or peer is None or peer == call.large or len(call.tiles) < 2:
                return False
            self._leave.close()
            self._move.begin(peer, at, dragging=True)
        return self._move.over(over)

    def drop(self, at: float) -> None:
        """The finger went up."""
        self._used_at = at
        call = self._stage.snapshot.call
        moved = self._move.dropped()
        if call is not None:
            self._put(moved, call)

    def cancel_drag(self) -> None:
        """The finger is gone elsewhere: nothing was moved."""
        if self._move.dragging:
            self._move.end()
