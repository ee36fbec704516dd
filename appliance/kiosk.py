"""A box that is started beside its display server, not after it.

A compositor and a box take about as long to load what they need. ``systemd/lib/session`` starts both at once
and names a pipe, in ``$MEETINGBOX_SCREEN_FROM``, through which the compositor's own client says where it is.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import select
import time
from collections.abc import MutableMapping
from pathlib import Path

from appliance.core import limits
from appliance.errors import DeviceError

log = logging.getLogger("meetingbox")

PIPE = "MEETINGBOX_SCREEN_FROM"
NAME_MAX_BYTES = 256
OPENGL = "libEGL_mesa.so.0"


def wait_for_screen(environment: MutableMapping[str, str]) -> None:
    """Wait until the display server that is being started is there; name it in ``$WAYLAND_DISPLAY``.

    Returns at once where nothing of the kind was promised. Raises DeviceError when the pipe can't be read, or
    nothing came out of it in ``DISPLAY_SERVER_WITHIN``.
    """
    path = environment.pop(PIPE, "")
    if not path:
        return
    # Of what a first picture takes, OpenGL is the most to load, and it needs no display for that.
    with contextlib.suppress(OSError):
        ctypes.CDLL(OPENGL)
    begun = time.monotonic()
    try:
        name = _read(Path(path))
    except OSError as error:
        raise DeviceError("device.screen.server", f"Can't read {path}: {error.strerror}.") from error
    if not name:
        raise DeviceError("device.screen.server", "The display server did not start.")
    environment["WAYLAND_DISPLAY"] = name
    log.info("display.server %s, waited for %.1f s", name, time.monotonic() - begun)


def _read(pipe: Path) -> str:
    """The pipe's first line; "" when none came in time."""
    deadline = time.monotonic() + limits.DISPLAY_SERVER_WITHIN
    # For writing too: a pipe that nobody has opened for that yet would be at its end.
    handle = os.open(pipe, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        said = b""
        while b"\n" not in said and len(said) < NAME_MAX_BYTES:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                return ""
            said += os.read(handle, NAME_MAX_BYTES)
    finally:
        os.close(handle)
    return said.decode("utf-8", "replace").partition("\n")[0].strip()
