"""A box that is started beside what it needs, not after it.

A compositor and a box take about as long to load what they need. ``systemd/lib/session`` starts both at once
and names a pipe, in ``$MEETINGBOX_SCREEN_FROM``, through which the compositor's own client says where it is.

An appliance reads the card at each start, which says who the box is. ``$MEETINGBOX_PROVISIONED`` names a file
that is there when that is done (``meetingbox-provision.service``). What else it starts waits for the first
page: ``$MEETINGBOX_FIRST_PAGE`` is the number of a file that the session opened and locked
(``systemd/lib/first``).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
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
PROVISIONED = "MEETINGBOX_PROVISIONED"
FIRST_PAGE = "MEETINGBOX_FIRST_PAGE"
NAME_MAX_BYTES = 256
OPENGL = "libEGL_mesa.so.0"


def wait_for_provisioning(environment: MutableMapping[str, str]) -> None:
    """Wait until what the card says is in force; call it before the configuration is read.

    Returns at once where nothing of the kind was promised, and after ``PROVISIONED_WITHIN`` in any case: a
    box with the settings that it had is better than none.
    """
    path = environment.pop(PROVISIONED, "")
    if not path:
        return
    _load_opengl()
    begun = time.monotonic()
    while not os.path.exists(path):
        if time.monotonic() - begun > limits.PROVISIONED_WITHIN:
            log.warning("provision.late: not done within %.0f s", limits.PROVISIONED_WITHIN)
            return
        time.sleep(limits.PROVISIONED_LOOK_EVERY)
    log.info("provision.done waited for %.1f s", time.monotonic() - begun)


def wait_for_screen(environment: MutableMapping[str, str]) -> None:
    """Wait until the display server that is being started is there; name it in ``$WAYLAND_DISPLAY``.

    Returns at once where nothing of the kind was promised. Raises DeviceError when the pipe can't be read, or
    nothing came out of it in ``DISPLAY_SERVER_WITHIN``.
    """
    path = environment.pop(PIPE, "")
    if not path:
        return
    _load_opengl()
    begun = time.monotonic()
    try:
        name = _read(Path(path))
    except OSError as error:
        raise DeviceError("device.screen.server", f"Can't read {path}: {error.strerror}.") from error
    if not name:
        raise DeviceError("device.screen.server", "The display server did not start.")
    environment["WAYLAND_DISPLAY"] = name
    log.info("display.server %s, waited for %.1f s", name, time.monotonic() - begun)


def let_the_rest_start(environment: MutableMapping[str, str]) -> None:
    """The first page is drawn, or can't be: whoever waits for it goes on."""
    number = environment.pop(FIRST_PAGE, "")
    if not number:
        return
    try:
        # Not only closed: the session's shell has the same open file.
        fcntl.flock(int(number), fcntl.LOCK_UN)
        os.close(int(number))
    except (OSError, ValueError) as error:
        log.warning("display.first-page %s: %s", number, error)


def _load_opengl() -> None:
    """Of what a first picture takes, OpenGL is the most to load, and it needs no display for that."""
    with contextlib.suppress(OSError):
        ctypes.CDLL(OPENGL)


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
