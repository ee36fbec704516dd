"""Which screen is shown, where the focus is, and what a key or a touch does. No pygame in here.

the snapshot says       shown
IDLE                    home, or the keypad, the settings or the address when somebody opened it; the idle
                        page, when nobody has done anything for long
JOINING                 joining (also from the last key until the snapshot answers)
IN_CALL                 start, while a meeting made up here waits for its first guest; else call; or the
                        keypad, when somebody opened it to join another room; or the settings' devices
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from appliance.core import focus, keypad, limits
from appliance.core.idle import Idleness, Light
from appliance.core.intents import CloseConnect, Intent, Join, Leave, StartMeeting, TilesShown
from appliance.core.picture import SELF_TILE
from appliance.core.settings_view import CALL_PAGES, CloseSettings, OpenSettings
from appliance.core.view import Notice, Phase, Snapshot
from appliance.display.scene import Box, View
from appliance.display.screens.address import AddressScreen
from appliance.display.screens.call import Call
from appliance.display.screens.home import Home
from appliance.display.screens.idle import IdlePage
from appliance.display.screens.joining import Joining
from appliance.display.screens.keypad import KeypadScreen
from appliance.display.screens.settings.screen import PREFIX, SettingsScreen
from appliance.display.screens.start import Start
from appliance.display.stage import Key, Moment, Screen
from appliance.display.theme import RING_GAP, RING_WIDTH, Ink

ARROWS = {
    "up": focus.Direction.UP,
    "down": focus.Direction.DOWN,
    "left": focus.Direction.LEFT,
    "right": focus.Direction.RIGHT,
}
SLOP = 14.0  # units beside a target that a finger still hits


@dataclass(frozen=True, slots=True)
class _Shown:
    """A notice, and when it appeared."""

    notice: Notice
    since: float


class Navigator:
    """The state of the interface. ``send`` takes the intents. Belongs to the display thread.

    ``idleness``: when the screen dims and goes off; None: never.
    """

    def __init__(
        self, snapshot: Snapshot, send: Callable[[Intent], None], idleness: Idleness | None = None
    ) -> None:
        self._snapshot = Snapshot(snapshot.name)  # the real one is adopted like every later one
        self._send = send
        self._keypad_open = False
        self._settings_open = False
        self._address_open = False
        self._sent_at: float | None = None  # a join or a start that the snapshot does not show yet
        self._sent_from: int | None = None  # the room that was on the screen then
        self._idleness = idleness or Idleness(0, 0, 0.0)
        self._idle = IdlePage()
        self.light = Light.FULL
        """How bright the screen was at the last ``build``."""
        self._home = Home(self)
        self._keypad = KeypadScreen(self)
        self._settings = SettingsScreen(self)
        self._address = AddressScreen(self)
        self._joining = Joining(self)
        self._start = Start(self)
        self._call = Call(self)
        self._last_notice = 0
        self._notices: list[_Shown] = []
        self._view = View()
        self._screen: Screen = self._home
        self._focus: str | None = None
        self._ring = True  # a key was used last; after a touch the ring would only distract
        self._keyed_at = -math.inf
        self._pressed: str | None = None
        self._down_at = (0.0, 0.0)  # where, in pixels
        self._tiles: tuple[tuple[str, int, int], ...] = ()

    # --- what screens use (Stage) -----------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    def send(self, intent: Intent) -> None:
        if isinstance(intent, Join | StartMeeting):
            self._sent_at = intent.pressed_at
            self._sent_from = self._room
            self._joining.room = intent.room if isinstance(intent, Join) else None
        elif isinstance(intent, Leave):
            self._sent_at = None
        self._send(intent)

    def go_home(self) -> None:
        self._keypad_open = False
        self._close_settings()
        if self._address_open:
            self._address_open = False
            self._send(CloseConnect())

    def open_settings(self, page: str = "") -> None:
        self._settings.reset(page if not self.in_call or page in CALL_PAGES else CALL_PAGES[0])
        self._settings_open = True
        self._screen = self._settings
        self._focus = f"{PREFIX}{self._settings.page}"
        self._send(OpenSettings(self._settings.page))

    def _close_settings(self) -> None:
        if self._settings_open:
            self._settings_open = False
            self._settings.reset()  # a PIN that was typed is not kept
            self._send(CloseSettings())

    def open_address(self) -> None:
        self._address.reset()
        self._address_open = True

    def open_keypad(self, room: int | None = None, char: str = "") -> None:
        valid = room is not None and limits.ROOM_MIN <= room <= limits.ROOM_MAX
        self._keypad.reset(keypad.for_room(room) if valid and room is not None else None)
        self._keypad_open = True
        self._screen = self._keypad
        self._focus = None
        if char:
            self._keypad.key(Key("text", char, char))

    def focus(self, target: str) -> None:
        self._focus = target

    # --- the world changes --------------------------------------------------------------------------

    @property
    def focused(self) -> str | None:
        return self._focus

    @property
    def in_call(self) -> bool:
        return self._snapshot.phase is Phase.IN_CALL

    @property
    def _room(self) -> int | None:
        call = self._snapshot.call
        return call.room if call is not None else None

    def adopt(self, snapshot: Snapshot, now: float) -> None:
        """Take a new snapshot."""
        before, self._snapshot = self._snapshot, snapshot
        if snapshot.phase is not before.phase or any(n.id > self._last_notice for n in snapshot.notices):
            self._idleness.act(now)
        refused = snapshot.refusal_id > before.refusal_id
        came_in = snapshot.phase is Phase.IN_CALL and self._room != self._sent_from
        if snapshot.phase is Phase.JOINING or came_in or refused:
            self._sent_at = None
        if snapshot.phase is not before.phase or (before.settings and not snapshot.settings):
            self._close_settings()  # a meeting begins or ends, or the box closed them
        if snapshot.phase is not Phase.IDLE:
            self._address_open = False
        if snapshot.phase is Phase.IDLE and before.phase is not Phase.IDLE:
            self._joining.room = None
        shown = before.call.room if before.call is not None else None
        if snapshot.phase is Phase.IN_CALL and (before.phase is not Phase.IN_CALL or self._room != shown):
            back = before.phase is Phase.JOINING and (refused or self._room == self._sent_from)
            if not back:  # who was refused, or gave up, and is back in a call may try again at once
                self._keypad_open = False
                self._keypad.reset()  # the password is not kept
            self._start.reset()
            self._call.reset()
        for notice in snapshot.notices:
            if notice.id > self._last_notice:
                self._last_notice = notice.id
                if now - notice.at < limits.NOTICE_FOR:
                    self._notices.append(_Shown(notice, now))

    def build(self, moment: Moment) -> View:
        """The view of this moment, with the focus ring; tell the box which tiles are on it."""
        now = moment.now
        self._notices = [n for n in self._notices if now - n.since < limits.NOTICE_FOR]
        shown = self._notices[-limits.NOTICES_SHOWN :]
        screen = self._lit(now) or self._screen_now(now)
        if screen is not self._screen:
            if screen is self._keypad and self._screen is self._joining:
                self._focus = "next"  # refused or given up: one press tries again
            elif not (screen is self._call and self._screen is self._start and self._focus == "leave"):
                self._focus = None
            self._pressed = None
            self._screen = screen
            self._call.moved(now)  # who comes back to it finds its bar
        moment = replace(moment, pressed=self._pressed, notices=tuple(n.notice for n in shown))
        view = screen.view(moment)
        if view.target(self._focus) is None:
            self._focus = view.first
        stale = [view.stale_at, *(n.since + limits.NOTICE_FOR for n in self._notices)]
        if self._sent_at is not None:
            stale.append(self._sent_at + limits.ANSWER_WITHIN)
        if self._snapshot.phase is Phase.IDLE:
            stale.append(self._idleness.changes_at(now))
        if screen is self._call and self._ring:
            stale.append(self._keyed_at + limits.RING_FOR)
            self._ring = now < stale[-1]
        self._view = replace(view, nodes=view.nodes + self._ring_of(view, moment), stale_at=min(stale))
        self._tell_tiles()
        return self._view

    def _lit(self, now: float) -> Screen | None:
        """The idle page, once nobody has done anything for long; what was typed is forgotten then."""
        if self._snapshot.phase is not Phase.IDLE or self._sent_at is not None:
            self._idleness.act(now)
        before, self.light = self.light, self._idleness.light(now)
        if self.light is Light.FULL:
            return None
        if before is Light.FULL:
            self.go_home()
            self._keypad.reset()
        self._idle.off = self.light is Light.OFF
        return self._idle

    def _screen_now(self, now: float) -> Screen:
        snapshot = self._snapshot
        if self._sent_at is not None and now - self._sent_at >= limits.ANSWER_WITHIN:
            self._sent_at = None
        if snapshot.phase is Phase.IN_CALL and snapshot.call is not None:
            if self._sent_at is not None:
                return self._joining
            if self._settings_now(now):
                return self._settings
            if self._keypad_open:
                return self._keypad
            waiting = snapshot.call.password is not None and not snapshot.call.tiles
            return self._start if waiting else self._call
        if snapshot.phase is Phase.JOINING or self._sent_at is not None:
            return self._joining
        if self._settings_now(now):
            return self._settings
        if self._address_open:
            return self._address
        return self._keypad if self._keypad_open else self._home

    def _settings_now(self, now: float) -> bool:
        """Are the settings open? Nobody touched them for a while: not any more."""
        if self._settings_open and self._settings.left(now):
            self.go_home()
        return self._settings_open

    def _ring_of(self, view: View, moment: Moment) -> tuple[Box, ...]:
        target = view.target(self._focus)
        if target is None or not self._ring:
            return ()
        out = moment.theme.px(RING_GAP + RING_WIDTH)
        width = moment.theme.px(RING_WIDTH)
        return (Box(target.rect.grown(out), None, target.radius + out, Ink.FOCUS, width),)

    def _tell_tiles(self) -> None:
        if self._view.tiles == self._tiles:
            return
        self._tiles = self._view.tiles
        peers = tuple(tile for tile in self._tiles if tile[0] != SELF_TILE)
        own = next(((w, h) for name, w, h in self._tiles if name == SELF_TILE), None)
        self._send(TilesShown(peers, own))

    # --- a person acts ----------------------------------------------------------------------------------

    def somebody(self, now: float) -> bool:
        """Somebody is there. True when the screen was idle: what they did has woken it, and does no more."""
        self._idleness.act(now)
        if self.light is Light.FULL:
            return False
        self.light = Light.FULL
        self._screen = self._home
        return True

    def key(self, key: Key) -> None:
        """A key went down. One that would act on a focus that nobody sees only shows it."""
        hidden, self._ring = not self._ring, True
        self._keyed_at = key.at
        self._pressed = None
        if self._screen.key(key) or hidden:
            return
        targets = [(target.name, target.rect) for target in self._view.targets]
        if key.name in ARROWS:
            self._focus = focus.move(targets, self._focus, ARROWS[key.name])
        elif key.name in ("tab", "backtab"):
            self._focus = focus.step(targets, self._focus, 1 if key.name == "tab" else -1)
        elif (key.name == "ok" or key.text == " ") and self._focus is not None:
            self._screen.press(self._focus, key.at, False)
        elif key.name == "delete":  # some remotes send it for "back"
            self._screen.key(Key("back", at=key.at))

    def pointer_down(self, x: float, y: float, slop: int) -> None:
        """A finger or the mouse button went down at a point, in pixels."""
        target = self._view.target_at(x, y, slop)
        self._ring = False
        self._down_at = (x, y)
        self._pressed = target.name if target else self._view.outside or None
        if target:
            self._focus = target.name

    def pointer_moved(self, x: float, y: float, far: int, at: float) -> bool:
        """The mouse moved, or a finger that is down; return whether the view may look different.

        What is pressed is dragged once it was moved ``far`` pixels.
        """
        if self._screen is not self._call:
            return False
        woke = self._call.moved(at)
        if self._pressed is None:
            return woke
        away = math.hypot(x - self._down_at[0], y - self._down_at[1])
        if not self._call.dragging and away < far:
            return woke
        over = self._view.target_at(x, y)
        return self._call.drag(self._pressed, over.name if over else None, at) or woke

    def pointer_up(self, x: float, y: float, slop: int, at: float) -> None:
        """It went up: a press, when that is still on the same target; or the end of a drag."""
        if self._call.dragging:
            self._pressed = None
            self._call.drop(at)
            return
        pressed, self._pressed = self._pressed, None
        target = self._view.target_at(x, y, slop)
        name = target.name if target else self._view.outside
        if name and name == pressed:
            self._screen.press(name, at, True)

    def cancel_pointer(self) -> None:
        """The touch ended elsewhere (the window lost it): nothing was pressed."""
        self._pressed = None
        self._call.cancel_drag()
