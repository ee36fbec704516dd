"""Xlib ends the process when its server goes away; here its connections are told not to.

A box on a desktop, or behind a TV with an X server of its own, goes on with its call when that server dies.
Xlib has an exit handler for each connection (``XSetIOErrorExitHandler``, since libX11 1.7), but SDL opens two
and names only one. Xlib calls the function in ``_XInitDisplayLock_fn`` for every connection that it opens:
ours looks at the connection and calls the one that stood there. Protocol errors, as after somebody destroyed
our window, end the process by default too; here they are only noted.

Everything belongs to the display's thread. What this relies on, ``test_x_server_lost.py`` checks.
"""

from __future__ import annotations

import ctypes
from functools import cache

LIBRARY = "libX11.so.6"
BAD_WINDOW, BAD_DRAWABLE, UNMAP_NOTIFY = 3, 9, 18  # <X11/X.h>

_Opened = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_IoError = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_IoExit = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


class _ErrorEvent(ctypes.Structure):
    """``XErrorEvent`` of <X11/Xlib.h>."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("resource", ctypes.c_ulong),
        ("serial", ctypes.c_ulong),
        ("code", ctypes.c_ubyte),
        ("request", ctypes.c_ubyte),
        ("minor", ctypes.c_ubyte),
    )


class _UnmapEvent(ctypes.Structure):
    """``XUnmapEvent``, as long as any ``XEvent``."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("event", ctypes.c_ulong),
        ("window", ctypes.c_ulong),
        ("rest", ctypes.c_long * 18),
    )


_Error = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(_ErrorEvent))


class Connections:
    """The connections to the X server that were opened since ``forget``.

    ``lost``: the server closed one of them, or somebody destroyed the window.
    """

    def __init__(self, xlib: ctypes.CDLL) -> None:
        self.lost = False
        self._xlib = xlib
        self._displays: list[int] = []
        self._window = 0
        place = ctypes.c_void_p.in_dll(xlib, "_XInitDisplayLock_fn")
        self._before = _Opened(place.value) if place.value else None
        # Kept here: Xlib calls them as long as the process lives.
        self._callbacks = (
            _Opened(self._opened),
            _IoError(self._io_error),
            _IoExit(lambda _display, _data: None),
            _Error(self._error),
        )
        place.value = ctypes.cast(self._callbacks[0], ctypes.c_void_p).value
        xlib.XSetIOErrorHandler(self._callbacks[1])
        xlib.XSetErrorHandler(self._callbacks[3])
        xlib.XDefaultRootWindow.restype = ctypes.c_ulong

    def forget(self) -> None:
        """Before a screen is opened: the connections of the one before are closed."""
        self._displays.clear()
        self._window = 0
        self.lost = False

    def adopt(self, window: int) -> None:
        """After a screen was opened, with this window: its connections outlive their server from now on."""
        self._window = window
        for display in self._displays:
            self._xlib.XSetIOErrorExitHandler(ctypes.c_void_p(display), self._callbacks[2], None)

    def let_go(self) -> None:
        """Before SDL closes a window whose server is gone: it would wait for ever until that is unmapped."""
        if self._displays and self.lost:
            unmapped = _UnmapEvent(UNMAP_NOTIFY, event=self._window, window=self._window)
            self._xlib.XPutBackEvent(ctypes.c_void_p(self._displays[0]), ctypes.byref(unmapped))

    def screen_size(self) -> tuple[int, int] | None:
        """The size of the X screen at this moment, in pixels; SDL knows only what it was at opening."""
        if not self._displays or self.lost:
            return None
        display = ctypes.c_void_p(self._displays[0])
        root = ctypes.c_ulong(self._xlib.XDefaultRootWindow(display))
        window = ctypes.c_ulong()
        x, y = ctypes.c_int(), ctypes.c_int()
        width, height, border, depth = (ctypes.c_uint() for _ in range(4))
        found = self._xlib.XGetGeometry(
            display,
            root,
            *map(ctypes.byref, (window, x, y, width, height, border, depth)),
        )
        return (width.value, height.value) if found and not self.lost else None

    def _opened(self, display: int) -> int:
        self._displays.append(display)
        return self._before(display) if self._before is not None else 0

    def _io_error(self, _display: int) -> int:
        self.lost = True
        return 0

    def _error(self, _display: int, event: ctypes._Pointer[_ErrorEvent]) -> int:
        if event.contents.code in (BAD_WINDOW, BAD_DRAWABLE) and event.contents.resource == self._window:
            self.lost = True
        return 0


@cache
def connections() -> Connections | None:
    """What looks after this process's connections; None where this Xlib is too old, or there is none."""
    try:
        xlib = ctypes.CDLL(LIBRARY)
        _ = xlib.XSetIOErrorExitHandler, ctypes.c_void_p.in_dll(xlib, "_XInitDisplayLock_fn")
    except (OSError, AttributeError, ValueError):
        return None
    return Connections(xlib)
