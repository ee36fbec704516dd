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
    pygame.TEXTINPUT,  # not handled: pygame takes a KEYDOWN's character from it
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


def handle(event: pygame.Event, navigator: Navigator, window: Window, theme: Theme, now: float) -> Outcome:
    """Act on one event."""
    match event.type:
        case pygame.KEYDOWN:
            return _key(event, navigator, window, now)
        case pygame.FINGERDOWN | pygame.FINGERUP:
            window.show_cursor(False)
            x, y = event.x * theme.size[0], event.y * theme.size[1]
            return _pointer(event.type == pygame.FINGERDOWN, x, y, navigator, theme, now)
        case pygame.MOUSEBUTTONDOWN | pygame.MOUSEBUTTONUP:
            if event.button != pygame.BUTTON_LEFT or getattr(event, "touch", False):
                return Outcome.NOTHING
            x, y = event.pos
            return _pointer(event.type == pygame.MOUSEBUTTONDOWN, x, y, navigator, theme, now)
        case pygame.FINGERMOTION:
            x, y = event.x * theme.size[0], event.y * theme.size[1]
            return _moved(x, y, navigator, theme, now)
        case pygame.MOUSEMOTION:
            if not getattr(event, "touch", False):
                window.show_cursor(True)
                return _moved(float(event.pos[0]), float(event.pos[1]), navigator, theme, now)
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


def _key(event: pygame.Event, navigator: Navigator, window: Window, now: float) -> Outcome:
    key = controls.key_of(event, now)
    if key is None:
        return Outcome.NOTHING
    window.show_cursor(False)
    navigator.key(key)
    return Outcome.CHANGED


def _pointer(down: bool, x: float, y: float, navigator: Navigator, theme: Theme, now: float) -> Outcome:
    slop = theme.px(SLOP)
    if down:
        navigator.pointer_down(x, y, slop)
    else:
        navigator.pointer_up(x, y, slop, now)
    return Outcome.CHANGED


def _moved(x: float, y: float, navigator: Navigator, theme: Theme, now: float) -> Outcome:
    changed = navigator.pointer_moved(x, y, theme.px(DRAG_FROM), now)
    return Outcome.CHANGED if changed else Outcome.NOTHING
