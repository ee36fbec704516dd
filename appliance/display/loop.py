"""The display: one loop on one thread that turns snapshots and pictures into pixels, keys into intents.

    wait until something is new (a snapshot, a picture, a key, the next second on a clock)
    -> input -> the view, if it may have changed -> new pictures -> one update of the screen

Nothing is drawn that did not change. ``press``, ``screenshot`` and ``stop`` may be called from any
thread; everything else belongs to the thread that calls ``run``.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pygame

from appliance import config
from appliance.bridge import Bridge, FrameSlot
from appliance.core import limits, timecode
from appliance.core.idle import Idleness, Light
from appliance.core.languages import RIGHT_TO_LEFT
from appliance.core.redraw import RedrawPace
from appliance.core.view import LookView, Picture, Quit, Snapshot
from appliance.core.words import Text
from appliance.display import controls, events, language
from appliance.display.events import Outcome
from appliance.display.fonts import Fonts
from appliance.display.navigator import Navigator
from appliance.display.power import ScreenPower, find_power
from appliance.display.render import Renderer
from appliance.display.scene import Video, View
from appliance.display.screenshots import Screenshots
from appliance.display.stage import Moment
from appliance.display.text import Typesetter
from appliance.display.theme import DARK, PALETTES, Theme
from appliance.display.window import Window, screen_in_sight
from appliance.errors import ControlError, DeviceError

log = logging.getLogger(__name__)

LATENCY_MAX_MS = 10_000  # an older time code is a damaged one
SMALLEST_SIDE = 64  # pixels; a window dragged smaller than this shows nothing


@dataclass(slots=True)
class _Asked:
    """A script wants the screen open, or closed."""

    shown: bool
    done: threading.Event = field(default_factory=threading.Event)


class Display:
    """``clock``: monotonic seconds, shared with the snapshots. ``wall``: local time for the clock.
    ``power``: what switches the panel; None: what this machine has for it. ``speak``: by a language's code,
    what puts a text into it.
    """

    def __init__(
        self,
        bridge: Bridge,
        settings: config.Display,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = datetime.now,
        power: ScreenPower | None = None,
        speak: Callable[[str], Callable[[Text], str]] = language.find,
    ) -> None:
        self._bridge = bridge
        self._settings = settings
        self._clock = clock
        self._wall = wall
        self._speak = speak
        self._window = Window(settings)
        self._sdl = threading.Lock()  # held while SDL's driver changes, and while an event is posted
        self._keys: list[pygame.Event] = []  # pressed while the driver changes
        self._stopping = False
        self._thread: int | None = None  # the one that runs the loop
        self._shots = Screenshots()
        self._snapshot: Snapshot | None = None
        idleness = Idleness(settings.dim_after_minutes, settings.off_after_minutes, clock())
        self._navigator = Navigator(bridge.snapshot, bridge.send, idleness)
        self._events = events.Input(self._navigator, self._window)
        self._power = power or find_power()
        self._view = View()
        self._stale = True
        self._adopted_at = -math.inf  # the snapshot that is shown
        self._more_input = False  # the last turn left some: come back at once
        self._slots: dict[str, FrameSlot] = {}
        self._drawn: list[tuple[str, Picture]] = []
        self._flushed_at = -math.inf
        self._due = -math.inf  # when the next pictures may be brought to the screen
        self._pace = RedrawPace()
        self._crowded = False  # pictures come faster than updates
        self._spun_at = -math.inf
        self._looked_at = -math.inf
        self._wants_screen = False
        self._asked: deque[_Asked] = deque()  # by scripts: to open the screen, or to close it
        self._powered: Callable[[], None] | None = None  # what the panel was told last
        self._look = LookView()  # that of the theme
        self._theme: Theme | None = None
        self._typesetter: Typesetter | None = None
        self._renderer: Renderer | None = None
        self._old_faults: Counter[str] = Counter()
        self.server_ended = False
        """The display server ended, and this box is to end with it (``$MEETINGBOX_ENDS_WITH_SCREEN``)."""
        self.turns = 0
        """How often the loop has gone round with everything drawn: the proof that the renderer advances."""

    # --- life ---------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the screen, the window, or nothing (``headless``), as the settings say.

        ``auto`` takes the screen if there is one and otherwise draws headless until one appears;
        ``fullscreen`` and ``window`` raise DeviceError when there is none.
        """
        pygame.font.init()
        mode = self._settings.mode
        if mode == "headless":
            self._open_headless(wants_screen=False)
            return
        try:
            self._open_screen()
        except DeviceError as error:
            if mode != "auto":
                pygame.font.quit()
                raise
            log.warning("%s: %s Drawing without a screen until there is one.", error.code, error.sentence)
            self._open_headless(wants_screen=True)

    def open_headless(self) -> None:
        """Draw without a screen whatever the settings say, and take the screen when it appears."""
        pygame.font.init()
        self._open_headless(wants_screen=self._settings.mode != "headless")

    def run(self) -> None:
        """Show what there is until ``stop`` is called or the window is closed (then ``Quit`` is sent)."""
        self._thread = threading.get_ident()
        while not self._stopping:
            self._wait()
            try:
                self._turn()
                self.turns += 1
            except (pygame.error, DeviceError) as error:
                self._lost(error)

    def stop(self) -> None:
        """Have ``run`` return (any thread, or a signal handler)."""
        self._stopping = True
        # A handler interrupts the loop's own thread, maybe where it holds the bridge's lock: no wake then.
        if threading.get_ident() != self._thread:
            self._bridge.wake()

    def close(self) -> None:
        """Give the screen back. Whoever still waits for a screenshot is told that there is none."""
        self._stopping = True
        with self._sdl:
            self._window.close()
            if self._typesetter is not None:
                self._typesetter.close()
            pygame.font.quit()
        self._shots.close()
        self._answer()
        self._theme = self._typesetter = self._renderer = None  # their fonts and surfaces are gone

    # --- for scripts, from any thread -----------------------------------------------------------------

    def press(self, key: str) -> None:
        """Press and release a key: ``0``-``9 ok back up down left right delete tab`` or a character.

        It goes into SDL's event queue like a hardware key. Raises ControlError for an unknown name.
        """
        down_and_up = controls.key_events(key, self._clock())
        with self._sdl:
            if not self._window.is_open:
                raise ControlError("control.screen.closed", "The display is not running.")
            for event in down_and_up:
                pygame.event.post(event)
        self._bridge.wake()

    def screenshot(self, path: Path | str) -> None:
        """Write what is on the screen to a PNG file; it appears under its name when it is whole.

        Raises ControlError when the display does not answer in time or the file can't be written.
        """
        shot = self._shots.ask()
        self._bridge.wake()
        self._shots.write(shot, Path(path))

    def show_screen(self, shown: bool) -> bool:
        """Open the screen, or close it and draw on without one; the call does not notice.

        Returns whether there is a screen now: one that can't be opened yet is when it appears. Raises
        ControlError when a box has none by its configuration, or the display does not answer in time.
        """
        if self._settings.mode == "headless":
            raise ControlError("control.screen.headless", "This box draws without a screen: [display] mode.")
        if len(self._asked) >= limits.SCREENSHOTS_WAITING or self._stopping:
            raise ControlError("control.screen.closed", "The display is not running.")
        asked = _Asked(shown)
        self._asked.append(asked)
        self._bridge.wake()
        if not asked.done.wait(limits.SCREEN_SHOWN_WITHIN):
            raise ControlError("control.screen.timeout", "The display did not answer.")
        return not self.headless

    # --- what it is like --------------------------------------------------------------------------------

    @property
    def headless(self) -> bool:
        """Whether nobody can see what is drawn."""
        return self._window.headless

    @property
    def drawn(self) -> bool:
        """Whether a first page is on the screen, or where nobody sees it."""
        return self._flushed_at > -math.inf

    @property
    def view(self) -> View:
        """What is on the screen, or will be with the next update."""
        return self._view

    @property
    def size(self) -> tuple[int, int]:
        """Of the drawn surface, in pixels; (0, 0) while nothing is open."""
        return self._theme.size if self._theme is not None else (0, 0)

    @property
    def faults(self) -> dict[str, int]:
        """What could not be drawn, by kind, since the start: unusable pictures, failing nodes."""
        now = self._renderer.faults if self._renderer is not None else Counter[str]()
        return dict(self._old_faults + now)

    # --- opening ----------------------------------------------------------------------------------------

    def _open_screen(self) -> None:
        self._switch(lambda: self._window.open_screen(self._bridge.snapshot.name))
        self._wants_screen = False
        self._navigator.somebody(self._clock())  # who switched it on
        self._prepare()

    def _open_headless(self, *, wants_screen: bool) -> None:
        self._switch(self._window.open_headless)
        self._wants_screen = wants_screen
        self._looked_at = self._clock()
        self._prepare()

    def _switch(self, opening: Callable[[], None]) -> None:
        """Open another surface. SDL drops its queue with the old one: keys are carried over."""
        with self._sdl:
            if self._window.is_open:
                self._keys += events.take_keys()
            opening()
            events.allow_wanted()
            for key in self._keys:
                pygame.event.post(key)
            self._keys.clear()

    def _prepare(self) -> None:
        """Everything that depends on the surface: after opening, and when its size changed."""
        surface = self._window.surface
        self._look = self._bridge.snapshot.look
        self._theme = themed(surface.get_size(), self._look)
        self._typesetter = self._typesetter or Typesetter(Fonts())
        if self._renderer is not None:
            self._old_faults += self._renderer.faults
        self._renderer = Renderer(surface, self._typesetter, self._theme)
        self._powered = None
        self._stale = True
        self._shots.open()

    def _lost(self, error: Exception) -> None:
        """The screen went away under us: draw without one and look for it again, or end with it."""
        gone = isinstance(error, DeviceError) and error.code == "device.screen.lost"
        if gone and os.environ.get("MEETINGBOX_ENDS_WITH_SCREEN"):
            log.error("device.screen.lost: the display server has ended, and the box starts again with it")
            self.server_ended = True
            self._stopping = True
            return
        log.warning("device.screen.lost: %s", error)
        self._open_headless(wants_screen=self._settings.mode != "headless")

    def _look_for_screen(self, now: float) -> None:
        self._looked_at = now
        if screen_in_sight():
            self._try_screen()

    def _try_screen(self) -> None:
        try:
            self._open_screen()
        except DeviceError as error:
            log.info("%s: %s", error.code, error.sentence)
            self._open_headless(wants_screen=True)

    def _look_at_screen(self, now: float) -> None:
        """See that it is still the screen that was opened; open it again when it is another."""
        self._looked_at = now
        if self._window.lost:
            raise DeviceError("device.screen.lost", "The screen is gone.")
        if self._window.changed():
            log.info("display.changed: the screen is opened again")
            self._try_screen()

    def _answer(self) -> None:
        """Do what scripts asked for."""
        while self._asked:
            asked = self._asked.popleft()
            try:
                if self._stopping or asked.shown is not self._window.headless:
                    continue
                if asked.shown:
                    self._try_screen()
                else:
                    self._open_headless(wants_screen=False)
            finally:
                asked.done.set()

    # --- a turn of the loop -------------------------------------------------------------------------------

    def _wait(self) -> None:
        if self._crowded:  # pausing before the next picture comes saves waking up for it
            self._pause()
        now = self._clock()
        until = self._view.stale_at - now
        if self._renderer is not None and self._renderer.spinning:
            until = min(until, self._spun_at + self._spin_every - now)
        if self._bridge.snapshot is not self._snapshot:
            until = min(until, self._behind_for())
        # The bridge can wake us, SDL can't: with a screen its events are looked at every few milliseconds.
        if self._stale or self._more_input:
            pass
        elif self._window.headless:
            self._bridge.wait(max(0.0, min(until, limits.IDLE_WAIT)))
        elif self._slots:
            self._bridge.wait(max(0.0, min(until, limits.INPUT_EVERY)))
        else:
            self._idle(min(now + until, self._looked_at + limits.SCREEN_LOOKED_EVERY))
        self._crowded = self._pause()

    def _pause(self) -> bool:
        """Keep the pace of updates; return whether something came before it was time for one."""
        left = self._due - self._clock()
        if left > 0:
            time.sleep(min(left, limits.REDRAW_SLOWEST))
        return left > -limits.REDRAW_SAME

    def _idle(self, until: float) -> None:
        """Wait on a screen without pictures: so little work a round that a day of it costs minutes of CPU."""
        bridge, sleep, peek, clock = self._bridge, time.sleep, pygame.event.peek, self._clock
        resting = self._navigator.light is not Light.FULL
        every = limits.INPUT_EVERY_IDLE if resting else limits.INPUT_EVERY
        while clock() < until:
            sleep(every)
            if peek() or bridge.snapshot is not self._snapshot:
                return
            if self._shots or self._asked or self._stopping:
                return

    def _turn(self) -> None:
        now = self._clock()
        self._answer()
        if self._wants_screen:
            if now - self._looked_at >= limits.SCREEN_AGAIN_EVERY:
                self._look_for_screen(now)
        elif self._window.lost or now - self._looked_at >= limits.SCREEN_LOOKED_EVERY:
            self._look_at_screen(now)
        asked = len(self._shots)  # later ones are of the next turn: it has seen what happened before them
        self._adopt(at_once=asked > 0)
        self._input()
        if self._stale or now >= self._view.stale_at:
            self._show()
        self._take_pictures()
        self._spin(now)
        self._flush(now)
        if asked and not self._more_input and self._renderer is not None:
            self._shots.serve(self._renderer.copy, asked)

    def _adopt(self, *, at_once: bool) -> None:
        """Take the newest snapshot and show it, if it says something new and it is time for another view."""
        snapshot = self._bridge.snapshot
        if snapshot is self._snapshot or not (at_once or self._behind_for() <= 0):
            return
        changed = snapshot != self._snapshot
        self._snapshot = snapshot
        if changed:
            self._adopted_at = self._clock()
            self._navigator.adopt(snapshot, self._adopted_at)
            self._restyle(snapshot.look)
            self._show()

    def _behind_for(self) -> float:
        """Seconds for which a snapshot that is there already is not shown yet."""
        shown, newest = self._snapshot, self._bridge.snapshot
        if not self._navigator.in_call or shown is None or newest is None:
            return 0.0
        if newest.phase is not shown.phase or _room(newest) != _room(shown):
            return 0.0  # the next key is meant for another screen
        every = limits.ARRIVAL_VIEWS_EVERY if self._arriving else limits.VIEWS_EVERY
        return self._adopted_at + every - self._clock()

    @property
    def _arriving(self) -> bool:
        call = self._snapshot.call if self._snapshot is not None else None
        return call is not None and call.arriving

    @property
    def _spin_every(self) -> float:
        return limits.ARRIVAL_VIEWS_EVERY if self._arriving else limits.SPINNER_EVERY

    def _restyle(self, look: LookView) -> None:
        """Draw in another theme from now on. The pictures of the tiles stay."""
        if look == self._look or self._theme is None or self._renderer is None:
            return
        self._look = look
        self._theme = themed(self._theme.size, look)
        self._renderer.restyle(self._theme)

    def _input(self) -> None:
        self._more_input = False
        for _ in range(limits.EVENTS_PER_TURN):
            event = pygame.event.poll()
            if event.type == pygame.NOEVENT or self._theme is None:
                return
            # A key that came after a snapshot is for what that shows, as when a script presses one
            # once its "leave" was answered.
            self._adopt(at_once=True)
            self._act(self._events.handle(event, self._theme, self._clock()))
        self._more_input = True

    def _act(self, outcome: Outcome) -> None:
        match outcome:
            case Outcome.CHANGED:
                self._show()  # the next key finds the focus where this one put it
            case Outcome.RESIZED:
                if self._theme is None or self._window.surface.get_size() != self._theme.size:
                    self._prepare()
            case Outcome.EXPOSED:
                if self._renderer is not None:
                    self._renderer.expose()
                self._looked_at = -math.inf  # a screen that changed exposes what is on it
            case Outcome.CLOSED if self._settings.mode == "window":
                self._bridge.send(Quit())
                self.stop()
            case Outcome.CLOSED:
                log.info("display.closed: the box goes on without a screen")
                self._open_headless(wants_screen=False)
            case Outcome.LOST:
                raise DeviceError("device.screen.lost", "The display server has ended.")

    def _show(self) -> None:
        theme, typesetter, renderer = self._theme, self._typesetter, self._renderer
        if theme is None or typesetter is None or renderer is None or min(theme.size) < SMALLEST_SIDE:
            return
        now = self._clock()
        moment = Moment(
            self._navigator.snapshot,
            now,
            self._wall(),
            theme,
            typesetter,
            pictures=renderer.pictures,
            right_to_left=self._look.language in RIGHT_TO_LEFT,
            tr=self._speak(self._look.language),
        )
        self._view = self._navigator.build(moment)
        self._stale = False
        videos = self._view.videos()
        self._slots = {video.tile: self._bridge.slot(video.tile) for video in videos}
        for tile in renderer.pictures - self._slots.keys():
            renderer.drop_picture(tile)
        renderer.show(self._view)
        self._switch_panel()

    def _switch_panel(self) -> None:
        """A meeting, and home on a full screen, are to be seen; a window at home is one among others."""
        power, light = self._power, self._navigator.light
        if light is Light.OFF:
            told = power.off
        elif self._navigator.in_call or self._window.fullscreen:
            told = power.on
        else:
            told = power.free
        if told != self._powered:
            self._powered = told
            told()

    def _take_pictures(self) -> None:
        renderer = self._renderer
        if renderer is None:
            return
        had = renderer.pictures
        for video in self._view.videos():
            slot = self._slots.get(video.tile)
            fresh, picture = slot.take() if slot is not None else (False, None)
            if fresh:
                self._take_picture(renderer, video, picture)
        if renderer.pictures != had:
            self._show()  # what stood for the picture is not needed any more, or again

    def _take_picture(self, renderer: Renderer, video: Video, picture: Picture | None) -> None:
        if picture is None:
            renderer.drop_picture(video.tile)
        elif renderer.picture(video, picture):
            self._drawn.append((video.tile, picture))

    def _spin(self, now: float) -> None:
        renderer = self._renderer
        if renderer is not None and renderer.spinning and now - self._spun_at >= self._spin_every:
            self._spun_at = now
            renderer.spin(int(now / limits.SPINNER_EVERY))

    def _flush(self, turned_at: float) -> None:
        """Bring everything drawn in this turn to the screen, and note which pictures are on it."""
        if self._renderer is None or not self._renderer.flush():
            return
        self._flushed_at = self._clock()
        # On a grid, where there are pictures: what takes longer now and then delays nothing after it.
        every = self._pace.every if self._slots else limits.REDRAW_EVERY
        grid = self._due if 0 <= turned_at - self._due < every / 2 else turned_at
        self._due = grid + every
        drawn, self._drawn = self._drawn, []
        for tile, picture in drawn:
            self._pace.shown(tile, self._flushed_at)
            self._bridge.note_drawn(tile, picture, self._latency_ms(picture))

    def _latency_ms(self, picture: Picture) -> float | None:
        if not self._settings.measure:
            return None
        ms = timecode.read_rgb(picture.rgb, picture.width, picture.height, picture.pitch)
        if ms is None:
            return None
        age = timecode.age_ms(ms, int(self._flushed_at * 1000))
        return float(age) if 0 <= age <= LATENCY_MAX_MS else None


def themed(size: tuple[int, int], look: LookView) -> Theme:
    """The theme of a screen of ``size`` pixels; dark, when there is none of that name."""
    return Theme(size, PALETTES.get(look.theme, DARK), look.still)


def _room(snapshot: Snapshot) -> int | None:
    return snapshot.call.room if snapshot.call is not None else None
