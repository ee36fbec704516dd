"""SDL's events, each turned into what it means for the interface.

Touches and mice both press. SDL is told not to repeat a touch as a mouse (``window.HINTS``); where
it does all the same, the copy carries a mark and is ignored. Under Xwayland touches are mouse events.
"""

from __future__ import annotations

import enum

import pygame

from appliance.core.limits import DRAG_FROM
from appliance.display import controls
from appliance.display.navigator import SLOP, Navigator
from appliance.display.theme import Theme
from appliance.display.window import Window

WANTED = (
    pygame.QUIT,
    pygame.WINDOWCLOSE,
    pygame.KEYDOWN,
    pygame.TEXTINPUT,
    pygame.FINGERDOWN,
    pygame.FINGERUP,
    pygame.FINGERMOTION,
    pygame.MOUSEBUTTONDOWN,
    pygame.MOUSEBUTTONUP,
    pygame.MOUSEMOTION,
    pygame.VIDEORESIZE,
    pygame.WINDOWSIZECHANGED,
    pygame.WINDOWEXPOSED,
    pygame.WINDOWLEAVE,
)


class Outcome(enum.Enum):
    NOTHING = "nothing"
    CHANGED = "changed"  # the view may look different
    RESIZED = "resized"  # the surface may be another
    EXPOSED = "exposed"  # what is on the surface must be shown again
    CLOSED = "closed"  # somebody closed the window
    LOST = "lost"  # the display server ended


def allow_wanted() -> None:
    """Have SDL queue what is handled here and nothing else; after every opening of the display."""
    pygame.event.set_blocked(None)
    pygame.event.set_allowed(WANTED)


def take_keys() -> list[pygame.Event]:
    """The keys that wait in SDL's queue; none where SDL has lost it."""
    try:
        return pygame.event.get(pygame.KEYDOWN)
    except pygame.error:
        return []


class Input:
    """Acts on events. Belongs to the display thread."""

    def __init__(self, navigator: Navigator, window: Window) -> None:
        self._navigator = navigator
        self._window = window
        self._typing = controls.Typing()

    def handle(self, event: pygame.Event, theme: Theme, now: float) -> Outcome:
        """Act on one event. The first sign of a person only wakes an idle screen; a script's key does more,
        for a script can't see whether there is one.
        """
        navigator, window = self._navigator, self._window
        match event.type:
            case pygame.KEYDOWN:
                return self._key(event, now)
            case pygame.TEXTINPUT:
                return self._text(event, now)
            case pygame.FINGERDOWN | pygame.FINGERUP:
                window.show_cursor(False)
                x, y = event.x * theme.size[0], event.y * theme.size[1]
                return self._pointer(event.type == pygame.FINGERDOWN, x, y, theme, now)
            case pygame.MOUSEBUTTONDOWN | pygame.MOUSEBUTTONUP:
                if event.button != pygame.BUTTON_LEFT or getattr(event, "touch", False):
                    return Outcome.NOTHING
                x, y = event.pos
                return self._pointer(event.type == pygame.MOUSEBUTTONDOWN, x, y, theme, now)
            case pygame.MOUSEMOTION:
                if not getattr(event, "touch", False):
                    window.show_cursor(True)
                    return self._moved(float(event.pos[0]), float(event.pos[1]), theme, now)
            case pygame.FINGERMOTION:
                return self._moved(event.x * theme.size[0], event.y * theme.size[1], theme, now)
            case pygame.WINDOWLEAVE:
                navigator.cancel_pointer()
                return Outcome.CHANGED
            case pygame.WINDOWSIZECHANGED | pygame.VIDEORESIZE:
                return Outcome.RESIZED
            case pygame.WINDOWEXPOSED:
                return Outcome.EXPOSED
            case pygame.WINDOWCLOSE:
                return Outcome.CLOSED
            case pygame.QUIT:  # of a window that was closed it comes second
                return Outcome.LOST
        return Outcome.NOTHING

    def _key(self, event: pygame.Event, now: float) -> Outcome:
        scripted = controls.is_scripted(event)
        if self._navigator.somebody(now) and not scripted:
            self._typing.skip()
            return Outcome.CHANGED
        key = self._typing.key(event, now)
        if key is None:
            return Outcome.NOTHING
        self._window.show_cursor(False)
        self._navigator.key(key)
        return Outcome.CHANGED

    def _text(self, event: pygame.Event, now: float) -> Outcome:
        keys = self._typing.text(event, now)
        if not keys:
            return Outcome.NOTHING
        if not self._navigator.somebody(now):
            for key in keys:
                self._navigator.key(key)
        return Outcome.CHANGED

    def _pointer(self, down: bool, x: float, y: float, theme: Theme, now: float) -> Outcome:
        slop = theme.px(SLOP)
        if self._navigator.somebody(now):
            return Outcome.CHANGED
        if down:
            self._navigator.pointer_down(x, y, slop)
        else:
            self._navigator.pointer_up(x, y, slop, now)
        return Outcome.CHANGED

    def _moved(self, x: float, y: float, theme: Theme, now: float) -> Outcome:
        woken = self._navigator.somebody(now)
        changed = self._navigator.pointer_moved(x, y, theme.px(DRAG_FROM), now)
        return Outcome.CHANGED if woken or changed else Outcome.NOTHING
