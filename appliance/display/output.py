"""Where the box draws: on its screen while there is one, and on nothing while there is none.

A screen comes and goes at any time: SDL fails or the display server ends, the resolution or the monitor is
another one, somebody closes the window, a script asks. Each time the surface is exchanged; keys that wait are
carried over, and whoever draws is told.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pygame

from appliance.core import limits
from appliance.display import events
from appliance.display.window import Window, screen_in_sight
from appliance.errors import ControlError, DeviceError

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Asked:
    """A script wants the screen open, or closed."""

    shown: bool
    done: threading.Event = field(default_factory=threading.Event)


class Output:
    """``post`` and ``show`` may be called from any thread; everything else belongs to the display thread.

    ``mode``: that of the settings. ``title``: the box's name, for a window. ``clock``: monotonic seconds.
    ``opened``: called after each opening, when the window's surface is a new one. ``wake``: ends the display
    thread's waiting.
    """

    def __init__(
        self,
        window: Window,
        mode: str,
        title: Callable[[], str],
        clock: Callable[[], float],
        *,
        opened: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self._window = window
        self._mode = mode
        self._title = title
        self._clock = clock
        self._opened = opened
        self._wake = wake
        self._sdl = threading.Lock()  # held while SDL's driver changes, and while an event is posted
        self._keys: list[pygame.Event] = []  # pressed while the driver changes
        self._wanted = False  # a screen, while there is none
        self.asked: deque[_Asked] = deque()
        """What scripts want, for ``answer``."""
        self.looked_at = -math.inf
        """When ``look`` looked last."""
        self.opened_once = threading.Event()
        """There is something to draw on, or was: set at the first opening."""

    # --- opening ----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the screen, the window, or nothing, as the mode says. Raises DeviceError.

        ``auto`` takes the screen if there is one and otherwise draws headless until one appears;
        ``fullscreen`` and ``window`` raise when there is none.
        """
        if self._mode == "headless":
            self.open_headless(wanted=False)
            return
        try:
            self._open_screen()
        except DeviceError as error:
            if self._mode != "auto":
                raise
            log.warning("%s: %s Drawing without a screen until there is one.", error.code, error.sentence)
            self.open_headless(wanted=True)

    def open_headless(self, *, wanted: bool) -> None:
        """Draw without a screen; ``wanted``: until one appears. Raises DeviceError."""
        self._exchange(self._window.open_headless)
        self._wanted = wanted
        self.looked_at = self._clock()
        self._opened()

    def retreat(self) -> None:
        """Draw without a screen, and look for one again where the mode wants one. Raises DeviceError."""
        self.open_headless(wanted=self._mode != "headless")

    def close(self) -> None:
        """Give the screen back. Scripts that still wait are told that nothing is done for them."""
        with self._sdl:
            self._window.close()
        while self.asked:
            self.asked.popleft().done.set()

    def _open_screen(self) -> None:
        self._exchange(lambda: self._window.open_screen(self._title()))
        self._wanted = False
        self._opened()

    def _try_screen(self) -> None:
        try:
            self._open_screen()
        except DeviceError as error:
            log.info("%s: %s", error.code, error.sentence)
            self.open_headless(wanted=True)

    def _open_again(self) -> None:
        try:
            self._open_screen()
        except DeviceError as error:
            raise DeviceError("device.screen.lost", error.sentence) from error

    def _exchange(self, opening: Callable[[], None]) -> None:
        """Open another surface. SDL drops its queue with the old one: keys are carried over."""
        with self._sdl:
            if self._window.is_open:
                self._keys += events.take_keys()
            opening()
            events.allow_wanted()
            for key in self._keys:
                pygame.event.post(key)
            self._keys.clear()
        self.opened_once.set()

    # --- in every turn of the loop ------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """See now and then whether there is a screen again, or still the one that was opened.

        Raises DeviceError when it is gone.
        """
        if self._wanted:
            if now - self.looked_at >= limits.SCREEN_AGAIN_EVERY:
                self.looked_at = now
                if screen_in_sight():
                    self._try_screen()
        elif self._window.lost or now - self.looked_at >= limits.SCREEN_LOOKED_EVERY:
            self.looked_at = now
            changed = self._window.changed()  # asks the display server, and may hear first of its end
            if self._window.lost:
                raise DeviceError("device.screen.lost", "The screen is gone.")
            if changed:
                log.info("display.changed: the screen is opened again")
                self._open_again()

    def look_soon(self) -> None:
        """Have the next ``look`` look: something hints at another screen."""
        self.looked_at = -math.inf

    def answer(self) -> None:
        """Do what scripts asked for."""
        while self.asked:
            asked = self.asked.popleft()
            try:
                if asked.shown is not self._window.headless:
                    continue
                if asked.shown:
                    self._try_screen()
                else:
                    self.open_headless(wanted=False)
            finally:
                asked.done.set()

    # --- for scripts, from any thread -----------------------------------------------------------------

    def post(self, keys: Iterable[pygame.Event]) -> None:
        """Put events into SDL's queue, like hardware does. Raises ControlError when nothing is open."""
        with self._sdl:
            if not self._window.is_open:
                raise ControlError("control.screen.closed", "The display is not running.")
            for event in keys:
                pygame.event.post(event)
        self._wake()

    def show(self, shown: bool) -> bool:
        """Have the screen opened, or closed, and wait for it; return whether there is one now.

        One that can't be opened yet is when it appears. Raises ControlError when a box has none by its
        mode, or the display does not answer in time.
        """
        if self._mode == "headless":
            raise ControlError("control.screen.headless", "This box draws without a screen: [display] mode.")
        if len(self.asked) >= limits.SCREENSHOTS_WAITING:
            raise ControlError("control.screen.closed", "The display is not running.")
        asked = _Asked(shown)
        self.asked.append(asked)
        self._wake()
        if not asked.done.wait(limits.SCREEN_SHOWN_WITHIN):
            raise ControlError("control.screen.timeout", "The display did not answer.")
        return not self._window.headless
