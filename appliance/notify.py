"""What a service manager is told: ready, alive, at work on what.

The protocol of sd_notify(3): lines ``NAME=value`` in a datagram to the Unix socket that ``$NOTIFY_SOCKET``
names, a path, or ``@NAME`` in the abstract namespace. Without one nothing is told.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import MutableMapping

log = logging.getLogger("meetingbox")


class ServiceManager:
    """Made by ``from_environment``. Every method may be called from any thread and never blocks.

    ``watchdog``: seconds within which ``alive`` must be called again and again, None for no watchdog.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self.watchdog = watchdog
        self.dropped = 0  # datagrams that the manager's socket did not take
        self._told = ""
        self._socket: socket.socket | None = None
        if address:
            self._socket = _connected(address)

    def __bool__(self) -> bool:
        return self._socket is not None

    def ready(self) -> None:
        """Started up: whoever waits for this service may go on."""
        self._send("READY=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """What it does, for people who ask ``systemctl status``; told when it changed."""
        line = " ".join(sentence.split())
        if line != self._told:
            self._told = line
            self._send(f"STATUS={line}")

    def stopping(self) -> None:
        """On its way to the end, by itself or because it was told to."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Nothing more is told."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, line: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(line.encode())
        except OSError as error:
            self.dropped += 1
            if self.dropped == 1:
                log.warning("notify.dropped %s", error.strerror)


def from_environment(environ: MutableMapping[str, str]) -> ServiceManager:
    """Who started this process, as ``$NOTIFY_SOCKET``, ``$WATCHDOG_USEC`` and ``$WATCHDOG_PID`` say.

    They are taken out of ``environ``: they are not for the processes that this one starts.
    """
    address = environ.pop("NOTIFY_SOCKET", "")
    microseconds, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    ours = not pid or pid == str(os.getpid())
    watched = microseconds.isascii() and microseconds.isdigit() and int(microseconds) > 0
    return ServiceManager(address, int(microseconds) / 1e6 if watched and ours else None)


def _connected(address: str) -> socket.socket | None:
    if address[0] not in "/@":
        log.warning("notify.unknown NOTIFY_SOCKET is no path and no abstract socket")
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        try:
            sock.connect("\0" + address[1:] if address[0] == "@" else address)
        except OSError as error:
            log.warning("notify.unreachable %s", error.strerror)
            return None
        undo.pop_all()
    return sock
