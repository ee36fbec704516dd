"""The other end of the control socket, for ``meetingbox ctl`` and for scripts."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from appliance.control import protocol
from appliance.core import limits
from appliance.errors import ControlError


class ControlClient:
    """A connection to one box, opened by the first request; blocking, for one thread.

    ``timeout``: seconds a reply may take. Use it as a context manager, or ``close`` it.
    """

    def __init__(self, path: Path, timeout: float = limits.CONTROL_CLIENT_TIMEOUT) -> None:
        self._path = path
        self._timeout = timeout
        self._sock: socket.socket | None = None
        self._rest = b""  # bytes received after the last reply's line end

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def request(self, verb: str, **arguments: object) -> dict[str, Any]:
        """Ask for one thing and return the reply's fields (``ok`` among them).

        Raises ControlError: the request's own fault before anything is sent (``control.verb``,
        ``control.argument``), no box (``control.no-box``, ``control.denied``), no answer
        (``control.timeout``, ``control.closed``), or the box's refusal with the box's own code.
        """
        line = protocol.encode_request(protocol.make_request(verb, arguments))
        try:
            sock = self._connect()
            sock.sendall(line)
            reply = self._read_line(sock)
        except TimeoutError:
            self.close()
            sentence = f"The box at {self._path} did not answer within {self._timeout:g} s."
            raise ControlError("control.timeout", sentence) from None
        except OSError:
            # A box that refuses at once (busy, denied) answers before it has read the request.
            reply = self._last_words()
            self.close()
            if not reply:
                raise self._closed() from None
        except ControlError:
            self.close()
            raise
        return self._judge(reply)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        sock, self._sock = self._sock, None
        self._rest = b""
        if sock is not None:
            sock.close()

    def _connect(self) -> socket.socket:
        if self._sock is not None:
            return self._sock
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self._timeout)
        try:
            sock.connect(os.fspath(self._path))
        except (FileNotFoundError, NotADirectoryError):
            sock.close()
            raise self._no_box("is not there") from None
        except ConnectionRefusedError:
            sock.close()
            raise self._no_box("is left over, nobody answers") from None
        except PermissionError:
            sock.close()
            sentence = f"Only the box's own user and group may control it through {self._path}."
            raise ControlError("control.denied", sentence) from None
        except TimeoutError:
            sock.close()
            raise
        except OSError as error:
            sock.close()
            reason = error.strerror or str(error)
            raise ControlError("control.no-box", f"{self._path} can't be used: {reason}.") from None
        self._sock = sock
        return sock

    def _no_box(self, what: str) -> ControlError:
        sentence = (
            f"No box is running here: {self._path} {what}. Start one with `meetingbox run`, "
            "or name the socket of another one with --socket."
        )
        return ControlError("control.no-box", sentence)

    def _closed(self) -> ControlError:
        return ControlError("control.closed", f"The box at {self._path} ended the connection.")

    def _read_line(self, sock: socket.socket) -> bytes:
        parts = [self._rest]
        size = len(self._rest)
        while b"\n" not in parts[-1]:
            if size > limits.CONTROL_REPLY_MAX:
                raise ControlError("control.reply-size", "The reply is larger than a box may send.")
            part = sock.recv(65536)
            if not part:
                raise ConnectionResetError
            parts.append(part)
            size += len(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        return line

    def _last_words(self) -> bytes:
        if self._sock is None:
            return b""
        try:
            return self._read_line(self._sock)
        except (OSError, ControlError):
            return b""

    def _judge(self, line: bytes) -> dict[str, Any]:
        try:
            reply = msgspec.json.decode(line, type=dict[str, Any])
            ok = reply["ok"]
            if ok is False:
                raise ControlError(str(reply["code"]), str(reply["message"]))
        except (msgspec.DecodeError, KeyError, UnicodeDecodeError):
            self.close()
            sentence = f"What answers at {self._path} does not speak like a box."
            raise ControlError("control.reply", sentence) from None
        return reply
