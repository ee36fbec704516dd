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
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pygame

from appliance import config
from appliance.bridge import Bridge
from appliance.core import limits
from appliance.core.idle import Idleness, Light
from appliance.core.intents import Quit
from appliance.core.view_pace import ViewPace
from appliance.core.words import Text
from appliance.display import controls, events, language
from appliance.display.canvas import Canvas
from appliance.display.events import Outcome
from appliance.display.navigator import Navigator
from appliance.display.output import Output
from appliance.display.power import Panel, ScreenPower, find_power
from appliance.display.rehearsal import Rehearsal
from appliance.display.scene import View
from appliance.display.screenshots import Screenshots
from appliance.display.window import Window
from appliance.errors import ControlError, DeviceError

log = logging.getLogger(__name__)


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
        self._stopping = False
        self._thread: int | None = None  # the one that runs the loop
        self._window = Window(settings)
        self._output = Output(
            self._window,
            settings.mode,
            lambda: bridge.snapshot.name,
            clock,
            opened=self._opened,
            wake=bridge.wake,
        )
        self._canvas = Canvas(bridge, clock, wall, speak, measure=settings.measure)
        self._rehearsal = Rehearsal(self._canvas.prepare, clock)
        self._panel = Panel(power or find_power())
        self._shots = Screenshots()
        self._pace = ViewPace()
        idleness = Idleness(settings.dim_after_minutes, settings.off_after_minutes, clock())
        self._navigator = Navigator(bridge.snapshot, bridge.send, idleness)
        self._events = events.Input(self._navigator, self._window)
        self._stale = True  # the view is to be built again
        self._more_input = False  # the last turn left some: come back at once
        self._crowded = False  # pictures come faster than updates
        self.server_ended = False
        """The display server ended, and this box is to end with it (``$MEETINGBOX_ENDS_WITH_SCREEN``)."""
        self._drawn = threading.Event()  # a first page, or there will be none
        self.turns = 0
        """How often the loop has gone round with everything drawn: the proof that the renderer advances."""

    # --- life ---------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the screen, the window, or nothing (``headless``), as the settings say.

        ``auto`` takes the screen if there is one and otherwise draws headless until one appears;
        ``fullscreen`` and ``window`` raise DeviceError when there is none.
        """
        pygame.font.init()
        try:
            self._output.open()
        except DeviceError:
            pygame.font.quit()
            raise

    def open_headless(self) -> None:
        """Draw without a screen whatever the settings say, and take the screen when it appears."""
        pygame.font.init()
        self._output.retreat()

    def run(self) -> None:
        """Show what there is until ``stop`` is called or the window is closed (then ``Quit`` is sent)."""
        self._thread = threading.get_ident()
        while not self._stopping:
            self._wait()
            try:
                self._turn()
                self.turns += 1
                if not self._drawn.is_set() and self.drawn:
                    self._drawn.set()
            except (pygame.error, DeviceError) as error:
                self._lost(error)

    def stop(self) -> None:
        """Have ``run`` return (any thread, or a signal handler)."""
        self._stopping = True
        # A handler interrupts the loop's own thread, maybe where it holds the bridge's lock: no wake then.
        if threading.get_ident() != self._thread:
            self._bridge.wake()

    def close(self) -> None:
        """Give the screen back. Scripts that still wait for it, or for a screenshot, are told."""
        self._stopping = True
        self._drawn.set()
        self._output.close()
        self._canvas.close()
        pygame.font.quit()
        self._shots.close()

    def _opened(self) -> None:
        """The window has another surface."""
        if not self._window.headless:
            self._navigator.somebody(self._clock())  # who switched it on
        self._prepare()

    def _prepare(self) -> None:
        """Everything that depends on the surface: after opening, and when its size changed."""
        self._canvas.open(self._window.surface, self._bridge.snapshot.look)
        self._panel.forget()
        self._rehearsal.soon()
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
        self._output.retreat()

    # --- for scripts, from any thread -----------------------------------------------------------------

    @property
    def opened(self) -> bool:
        """Whether there is something to draw on since the start; it may have ended since."""
        return self._output.opened_once.is_set()

    def wait_opened(self) -> None:
        """Wait until there is something to draw on, if that takes no longer than ``SCREEN_SHOWN_WITHIN``."""
        self._output.opened_once.wait(limits.SCREEN_SHOWN_WITHIN)

    def wait_drawn(self, seconds: float) -> None:
        """Wait until a first page is drawn, or nothing will be; at most so many seconds."""
        self._drawn.wait(seconds)

    def press(self, key: str) -> None:
        """Press and release a key: ``0``-``9 ok back up down left right delete tab`` or a character.

        It goes into SDL's event queue like a hardware key. Raises ControlError for an unknown name.
        """
        self._output.post(controls.key_events(key, self._clock()))

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
        if self._stopping:
            raise ControlError("control.screen.closed", "The display is not running.")
        return self._output.show(shown)

    # --- what it is like --------------------------------------------------------------------------------

    @property
    def headless(self) -> bool:
        """Whether nobody can see what is drawn."""
        return self._window.headless

    @property
    def drawn(self) -> bool:
        """Whether a first page is on the screen, or where nobody sees it."""
        return self._canvas.flushed_at > -math.inf

    @property
    def view(self) -> View:
        """What is on the screen, or will be with the next update."""
        return self._canvas.view

    @property
    def size(self) -> tuple[int, int]:
        """Of the drawn surface, in pixels; (0, 0) while nothing is open."""
        return self._canvas.size

    @property
    def faults(self) -> dict[str, int]:
        """What could not be drawn, by kind, since the start: unusable pictures, failing nodes."""
        return dict(self._canvas.faults)

    # --- waiting for something new ------------------------------------------------------------------------

    def _wait(self) -> None:
        if self._crowded:  # pausing before the next picture comes saves waking up for it
            self._pause()
        now = self._clock()
        until = min(self._canvas.view.stale_at, self._canvas.spin_at(self._pace.spin_every)) - now
        if self._bridge.snapshot is not self._pace.shown:
            until = min(until, self._behind_for())
        if self._rehearsal.going_on:
            until = min(until, limits.REHEARSAL_PAUSE)
        # The bridge can wake us, SDL can't: with a screen its events are looked at every few milliseconds.
        if self._stale or self._more_input:
            pass
        elif self._window.headless:
            self._bridge.wait(max(0.0, min(until, limits.IDLE_WAIT)))
        elif self._canvas.has_tiles:
            self._bridge.wait(max(0.0, min(until, limits.INPUT_EVERY)))
        else:
            self._idle(min(now + until, self._output.looked_at + limits.SCREEN_LOOKED_EVERY))
        self._crowded = self._pause()

    def _pause(self) -> bool:
        """Keep the pace of updates; return whether something came before it was time for one."""
        left = self._canvas.due - self._clock()
        if left > 0:
            time.sleep(min(left, limits.REDRAW_REST_MAX))
        return left > -limits.REDRAW_SAME

    def _idle(self, until: float) -> None:
        """Wait on a screen without pictures: so little work a round that a day of it costs minutes of CPU."""
        bridge, sleep, peek, clock = self._bridge, time.sleep, pygame.event.peek, self._clock
        shown, asked = self._pace.shown, self._output.asked
        resting = self._navigator.light is not Light.FULL
        every = limits.INPUT_EVERY_IDLE if resting else limits.INPUT_EVERY
        while clock() < until:
            sleep(every)
            if peek() or bridge.snapshot is not shown:
                return
            if self._shots or asked or self._stopping:
                return

    # --- a turn of the loop -------------------------------------------------------------------------------

    def _turn(self) -> None:
        now = self._clock()
        if self._output.asked and not self._stopping:
            self._output.answer()
        self._output.look(now)
        asked = len(self._shots)  # later ones are of the next turn: it has seen what happened before them
        self._adopt(at_once=asked > 0)
        self._input()
        if self._stale or now >= self._canvas.view.stale_at:
            self._show()
        if self._canvas.take_pictures():
            self._show()  # what stood for a picture is not needed any more, or again
        self._canvas.spin(now, self._pace.spin_every)
        self._canvas.flush(now)
        if asked and not self._more_input and self._canvas.theme is not None:
            self._shots.serve(self._canvas.copy, asked)
        self._rehearsal.go_on(self._navigator.snapshot, self._canvas.moment)

    def _adopt(self, *, at_once: bool) -> None:
        """Take the newest snapshot and show it, if it says something new and it is time for another view."""
        snapshot = self._bridge.snapshot
        if snapshot is self._pace.shown or not (at_once or self._behind_for() <= 0):
            return
        now = self._clock()
        if self._pace.show(snapshot, now):
            self._navigator.adopt(snapshot, now)
            if self._canvas.restyle(snapshot.look):
                self._rehearsal.soon()
            self._show()

    def _behind_for(self) -> float:
        """Seconds for which a snapshot that is there already is not shown yet."""
        return self._pace.wait(self._bridge.snapshot, self._navigator.in_call, self._clock())

    def _input(self) -> None:
        self._more_input = False
        for _ in range(limits.EVENTS_PER_TURN):
            event = pygame.event.poll()
            theme = self._canvas.theme
            if event.type == pygame.NOEVENT or theme is None:
                return
            # A key that came after a snapshot is for what that shows, as when a script presses one
            # once its "leave" was answered.
            self._adopt(at_once=True)
            self._act(self._events.handle(event, theme, self._clock()))
        self._more_input = True

    def _act(self, outcome: Outcome) -> None:
        match outcome:
            case Outcome.CHANGED:
                self._show()  # the next key finds the focus where this one put it
            case Outcome.RESIZED:
                if self._window.surface.get_size() != self._canvas.size:
                    self._prepare()
            case Outcome.EXPOSED:
                self._canvas.expose()
                self._output.look_soon()  # a screen that changed exposes what is on it
            case Outcome.CLOSED if self._settings.mode == "window":
                self._bridge.send(Quit())
                self.stop()
            case Outcome.CLOSED:
                log.info("display.closed: the box goes on without a screen")
                self._output.open_headless(wanted=False)
            case Outcome.LOST:
                raise DeviceError("device.screen.lost", "The display server has ended.")

    def _show(self) -> None:
        moment = self._canvas.moment(self._navigator.snapshot)
        if moment is None:
            return
        self._canvas.show(self._navigator.build(moment))
        self._stale = False
        self._panel.tell(self._navigator.light, self._navigator.in_call or self._window.fullscreen)
