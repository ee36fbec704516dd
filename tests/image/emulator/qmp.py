"""QEMU's monitor: JSON, a message a line (QEMU's docs/interop/qmp-spec)."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

LINE_MAX = 1 << 20  # bytes of one message; the longest answers have some 100 kB
EVENTS_KEPT = 256  # the newest
CONNECT_WITHIN = 30.0  # seconds: a loaded machine takes some until QEMU listens
REPLY_WITHIN = 60.0  # seconds: a screen is dumped by an emulator that is busy with its guest


class QmpError(Exception):
    """The monitor refused a command, broke the rules, or went away; the message says which."""


class Lines:
    """Cuts a stream of bytes into messages. ``feed`` returns those that are whole."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take what came; QmpError where a line is no JSON object or longer than ``LINE_MAX``."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if max(map(len, [*whole, self._rest])) > LINE_MAX:
            raise QmpError(f"a message of the monitor is longer than {LINE_MAX} bytes")
        return [_parsed(line) for line in whole if line.strip()]


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise QmpError(f"the monitor said what is no JSON: {line[:80]!r}") from error
    if not isinstance(message, dict):
        raise QmpError(f"the monitor said what is no object: {line[:80]!r}")
    return message


class Qmp:
    """A connection to one monitor, ready for commands. For one thread.

    ``events``: what happened in the machine, the oldest first, as the monitor tells it.
    """

    def __init__(self, path: Path, connect_within: float = CONNECT_WITHIN) -> None:
        self._lines = Lines()
        self._waiting: deque[dict[str, Any]] = deque()
        self.events: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT)
        self._socket = _connected(path, connect_within)
        try:
            greeting = self._next(time.monotonic() + connect_within)
            if "QMP" not in greeting:
                raise QmpError(f"what listens at {path} is no monitor: {str(greeting)[:80]}")
            self.execute("qmp_capabilities")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Qmp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the monitor; the machine goes on."""
        self._socket.close()

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a command and return what it gives back. Names with ``_`` become names with ``-``.

        Raises QmpError when it is refused, or not answered within ``REPLY_WITHIN``.
        """
        request: dict[str, Any] = {"execute": command}
        if arguments:
            request["arguments"] = {name.replace("_", "-"): value for name, value in arguments.items()}
        try:
            self._socket.settimeout(REPLY_WITHIN)
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise QmpError(f"{command}: the monitor is gone ({error})") from error
        deadline = time.monotonic() + REPLY_WITHIN
        while True:
            message = self._next(deadline)
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise QmpError(f"{command}: {message['error'].get('desc', message['error'])}")

    def count(self, event: str) -> int:
        """How often something happened so far, of the events that are kept."""
        self._collect()
        return sum(1 for each in self.events if each.get("event") == event)

    def _collect(self) -> None:
        """Take the events that wait in the socket."""
        with contextlib.suppress(TimeoutError, BlockingIOError):
            self._socket.settimeout(0.0)
            while data := self._socket.recv(65536):
                self._take(data)

    def _next(self, deadline: float) -> dict[str, Any]:
        """The next message that is no event."""
        while not self._waiting:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self._socket.recv(65536)
            except TimeoutError as error:
                raise QmpError("the monitor does not answer") from error
            except OSError as error:
                raise QmpError(f"the monitor is gone ({error})") from error
            if not data:
                raise QmpError("the monitor is gone: its emulator has ended")
            self._take(data)
        return self._waiting.popleft()

    def _take(self, data: bytes) -> None:
        for message in self._lines.feed(data):
            (self.events if "event" in message else self._waiting).append(message)


def _connected(path: Path, within: float) -> socket.socket:
    deadline = time.monotonic() + within
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(str(path))
        except OSError as error:
            sock.close()
            if time.monotonic() > deadline:
                raise QmpError(f"nobody listens at {path} ({error})") from error
            time.sleep(0.05)
        else:
            return sock
