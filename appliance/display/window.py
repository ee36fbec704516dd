"""The surface that everything is drawn on: a screen, a window, or none at all (SDL's dummy driver).

SDL has one video driver at a time in a process; which one, is decided here alone.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pygame

from appliance import config
from appliance.core import limits
from appliance.core.grid import Rect
from appliance.display import x11
from appliance.display.icons import icon
from appliance.display.shapes import draw_box
from appliance.display.theme import Ink, Theme
from appliance.errors import DeviceError

log = logging.getLogger(__name__)

HEADLESS_SIZE = WINDOW_SIZE = (1280, 720)
NO_SCREEN = ("dummy", "offscreen")  # drivers that show nothing; SDL takes "offscreen" by itself
DRM = Path("/sys/class/drm")
RENDER_NODES = Path("/dev/dri")
X_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - where X servers listen; only looked at

# Touches arrive as touches only, mice as mice only: nothing is pressed twice.
HINTS = {
    "SDL_TOUCH_MOUSE_EVENTS": "0",
    "SDL_MOUSE_TOUCH_EVENTS": "0",
    "SDL_VIDEO_ALLOW_SCREENSAVER": "1",  # only a call keeps the screen awake
    "SDL_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR": "0",
    "SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS": "0",
    "SDL_VIDEO_X11_WMCLASS": "meetingbox",
    "SDL_VIDEO_WAYLAND_WMCLASS": "meetingbox",
}

NOTHING: Mapping[str, str] = MappingProxyType({})
IN_SOFTWARE = {"SDL_FRAMEBUFFER_ACCELERATION": "0", "SDL_RENDER_DRIVER": "software"}


class Window:
    """Opens and closes the surface. Belongs to the display thread."""

    def __init__(self, settings: config.Display) -> None:
        self._settings = settings
        self._open = False
        self._connections: x11.Connections | None = None  # to the X server, if that is where the screen is
        self._looks: object = None  # what the screen was like when it was opened
        self.headless = True
        self.fullscreen = False

    @property
    def surface(self) -> pygame.Surface:
        surface = pygame.display.get_surface()
        if surface is None:
            raise DeviceError("device.screen.lost", "The screen is gone.")
        return surface

    @property
    def is_open(self) -> bool:
        return self._open

    def open_screen(self, title: str) -> None:
        """Open the screen or window that the settings ask for. Raises DeviceError; then nothing is open."""
        self.close()
        watch = x11.connections() if os.environ.get("DISPLAY") else None
        if watch is not None:
            watch.forget()
        try:
            with _hints({}):
                pygame.display.init()
            driver = pygame.display.get_driver()
            # Other drivers have no way of their own to show a surface.
            with _hints(IN_SOFTWARE if driver == "x11" and not graphics_in_sight() else {}):
                self._open_window(title, driver)
        except pygame.error as error:
            self.close()
            raise DeviceError("device.screen.mode", f"The screen can't be used: {error}.") from error
        except DeviceError:
            self.close()
            raise
        if watch is not None and driver == "x11":
            watch.adopt(pygame.display.get_wm_info().get("window", 0))
            self._connections = watch
        self._looks = self._look()
        log.info("display.open driver=%s size=%dx%d", driver, *self.surface.get_size())

    def _open_window(self, title: str, driver: str) -> None:
        _refuse_blind(driver)
        self._open = True
        self.headless = False
        pygame.display.set_icon(_icon())
        pygame.display.set_caption(f"{title} - meetingbox")
        if self._settings.mode == "window":
            self._set_mode(self._size(WINDOW_SIZE), pygame.RESIZABLE)
        else:
            self._set_fullscreen()
        pygame.mouse.set_visible(not self.fullscreen)

    @property
    def lost(self) -> bool:
        """Whether the screen is known to have gone; costs nothing."""
        return self._connections is not None and self._connections.lost

    def changed(self) -> bool:
        """Say whether the screen is another than when it was opened, or gone: then it is to be opened again.

        SDL does not tell when the resolution of an X screen changes, nor when a TV is unplugged from a
        machine that draws without a display server.
        """
        return not self.headless and (self.lost or self._look() != self._looks)

    def _look(self) -> object:
        """What the screen is like at this moment, as far as SDL does not say it."""
        if not self.fullscreen:
            return None  # a window has its size by itself
        if self._connections is not None:
            return self._connections.screen_size()
        return monitors() if pygame.display.get_driver() == "KMSDRM" else None

    def open_headless(self) -> None:
        """Open a surface that nobody sees; it is drawn on all the same. Raises DeviceError."""
        self.close()
        try:
            with _hints({}, {"SDL_VIDEODRIVER": "dummy"}):
                pygame.display.init()
            self._open = True
            self.headless = True
            self._set_mode(self._size(HEADLESS_SIZE), 0)
        except pygame.error as error:
            self.close()
            raise DeviceError("device.screen.headless", f"Nothing can be drawn on: {error}.") from error

    def show_cursor(self, shown: bool) -> None:
        """A full screen shows the mouse only while there is one that moves."""
        if self.fullscreen and pygame.mouse.get_visible() != shown:
            pygame.mouse.set_visible(shown)

    def close(self) -> None:
        self._open = False
        self.fullscreen = False
        if self._connections is not None:
            self._connections.let_go()
        self._connections = None
        pygame.display.quit()

    def _size(self, default: tuple[int, int]) -> tuple[int, int]:
        wanted = self._settings.width or default[0], self._settings.height or default[1]
        low, high = limits.SCREEN_SIDE_MIN, limits.SCREEN_SIDE_MAX
        return min(max(wanted[0], low), high), min(max(wanted[1], low), high)

    def _set_fullscreen(self) -> None:
        self.fullscreen = True
        desktop = pygame.display.get_desktop_sizes()[0]
        wished = self._settings.width > 0 and self._settings.height > 0
        size = self._size(desktop) if wished else desktop
        # More pixels than software can draw in time: drawn smaller, scaled up by the graphics processor.
        large = size[0] > limits.SCREEN_DRAWN_MAX[0] or size[1] > limits.SCREEN_DRAWN_MAX[1]
        if large:
            factor = min(limits.SCREEN_DRAWN_MAX[0] / size[0], limits.SCREEN_DRAWN_MAX[1] / size[1])
            size = round(size[0] * factor), round(size[1] * factor)
        self._set_mode(size, pygame.FULLSCREEN | (pygame.SCALED if large or size != desktop else 0))

    def _set_mode(self, size: tuple[int, int], flags: int) -> None:
        with warnings.catch_warnings():  # scaling in software is slow, which we know
            warnings.filterwarnings("ignore", "no fast renderer")
            pygame.display.set_mode(size, flags)


def _icon() -> pygame.Surface:
    """For task bars: a camera on our colour."""
    surface = pygame.Surface((64, 64), pygame.SRCALPHA)
    colors = Theme((64, 64))
    draw_box(surface, Rect(0, 0, 64, 64), colors.color(Ink.ACCENT), 14)
    surface.blit(icon("camera", 44, colors.color(Ink.ON_ACCENT)), (10, 10))
    return surface


def _refuse_blind(driver: str) -> None:
    if driver in NO_SCREEN and os.environ.get("SDL_VIDEODRIVER") != driver:
        sentence = "No screen found. Switch the TV on: the picture starts by itself."
        raise DeviceError("device.screen.missing", sentence)


def screen_in_sight() -> bool:
    """Say cheaply whether opening a screen may work: a display server listens, or a monitor is connected."""
    wayland = os.environ.get("WAYLAND_DISPLAY")
    if wayland and (Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / wayland).exists():
        return True
    display = os.environ.get("DISPLAY")
    if display:
        host, _, number = display.partition(":")
        return bool(host) or (X_SOCKETS / f"X{number.partition('.')[0]}").exists()
    return bool(monitors())


def monitors() -> frozenset[tuple[str, str]]:
    """(connector, its resolutions) of every monitor that is plugged in, as the kernel knows them."""
    return frozenset(
        (status.parent.name, _read(status.parent / "modes"))
        for status in DRM.glob("card*-*/status")
        if _read(status).strip() == "connected"
    )


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def graphics_in_sight() -> bool:
    """Say whether there is a graphics processor that this process may use.

    Without one OpenGL works all the same, in software: SDL would draw on our surface's behalf through it, at
    several times the cost of copying the surface.
    """
    return any(os.access(node, os.R_OK | os.W_OK) for node in RENDER_NODES.glob("renderD*"))


@contextmanager
def _hints(more: Mapping[str, str], forced: Mapping[str, str] = NOTHING) -> Iterator[None]:
    """SDL takes its hints from the environment; what a person set there wins over ours, unless ``forced``."""
    wanted = {name: value for name, value in {**HINTS, **more}.items() if name not in os.environ}
    wanted |= forced
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
