"""A root shell inside an emulated box, and commands in it.

The shipped image has none. systemd starts one on a serial line where the kernel's arguments say so
(``systemd.debug_shell=``, systemd-debug-generator(8)), and those are written by the test. The shell is asked
to run agent.py on its line; from then on requests and answers are JSON.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import textwrap
import time
from pathlib import Path
from typing import Any

AGENT = Path(__file__).with_name("agent.py")
FREEZE = Path(__file__).with_name("freeze.py")
FOLDER = "/run/meetingbox-image-test"
ASK_EVERY = 3.0  # seconds between two questions whether the shell is there
ANSWER_MAX = 16 << 20  # bytes
GRACE = 60.0  # seconds that an answer may come later than its request may take: the emulator is slow


class GuestError(AssertionError):
    """The shell is not there, or a command inside failed."""


class Guest:
    """The shell behind a socket of QEMU's. Connects with the first request; for one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._rest = b""

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def close(self) -> None:
        """Let go of the line; what runs inside goes on."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # --- requests -------------------------------------------------------------------------------

    def run(self, command: str, within: float = 60.0, check: bool = True) -> str:
        """Run a shell command as root and return its output, errors included.

        Raises GuestError when it fails (unless ``check`` is False) or takes longer than ``within`` seconds.
        """
        answer = self._request({"run": command, "within": within}, within)
        if check and answer["code"] != 0:
            raise GuestError(f"inside the box, `{command}` ended with {answer['code']}:\n{answer['out']}")
        return str(answer["out"])

    def ask(self, verb: str, within: float = 30.0, **arguments: Any) -> dict[str, Any]:
        """Ask the box through its control socket, as ``meetingbox ctl`` does; return the reply's fields.

        Raises GuestError when there is no box, or when it refuses.
        """
        request = {"verb": verb, **arguments}
        reply: dict[str, Any] = self._request({"ask": request, "within": within}, within)["reply"]
        if not reply.get("ok"):
            raise GuestError(f"the box refused {verb}: {reply}")
        return reply

    def status(self) -> dict[str, Any] | None:
        """The box's ``status``; None while no box answers."""
        with contextlib.suppress(GuestError):
            return self.ask("status")
        return None

    def write(self, path: str, data: bytes) -> None:
        """Write a file inside."""
        self._request({"write": path, "data": base64.b64encode(data).decode()}, 60.0)

    def read(self, path: str) -> bytes:
        """A file inside."""
        return base64.b64decode(self._request({"read": path}, 60.0)["data"])

    def _request(self, request: dict[str, Any], within: float) -> dict[str, Any]:
        if self._socket is None:
            raise GuestError("nobody is connected to the shell inside the box")
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(self._line(time.monotonic() + within + GRACE))
        except (OSError, ValueError) as error:
            raise GuestError(
                f"the shell inside the box does not answer {str(request)[:80]}: {error}"
            ) from error
        if "error" in answer:
            raise GuestError(f"inside the box, {str(request)[:80]}: {answer['error']}")
        return answer

    # --- the line -------------------------------------------------------------------------------

    def connect(self, within: float) -> None:
        """Wait for the shell, and have it run agent.py. GuestError when there is none in time."""
        deadline = time.monotonic() + within
        try:
            self._greet(deadline)
        except BaseException:
            self.close()
            raise

    def _greet(self, deadline: float) -> None:
        self._open(deadline)
        self._until_said(b"\nstty -echo; echo shell-$((40+2))\n", b"shell-42", deadline)
        text = base64.encodebytes(AGENT.read_bytes()).decode()
        # The line discipline of a terminal takes lines of 4096 characters, and not much ahead.
        self._say(f"mkdir -p {FOLDER}; base64 -d >{FOLDER}/agent.py <<'END'\n{text}END\n")
        self._until_said(
            f"exec python3 -SEu {FOLDER}/agent.py\n".encode(), b"agent-ready\n", deadline, once=True
        )
        self.write(f"{FOLDER}/freeze.py", FREEZE.read_bytes())

    def _open(self, deadline: float) -> None:
        while self._socket is None:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                line.connect(str(self._path))
            except OSError:
                line.close()
                if time.monotonic() > deadline:
                    raise GuestError(f"there is no serial line at {self._path}") from None
                time.sleep(0.1)
            else:
                self._socket, self._rest = line, b""

    def _say(self, text: str) -> None:
        assert self._socket is not None
        self._socket.settimeout(GRACE)
        for line in textwrap.dedent(text).splitlines(keepends=True):
            self._socket.sendall(line.encode())

    def _until_said(self, asked: bytes, wanted: bytes, deadline: float, once: bool = False) -> None:
        """Type something, again and again until the shell said what is wanted."""
        assert self._socket is not None
        heard = b""
        next_at = 0.0
        while wanted not in heard:
            now = time.monotonic()
            if now > deadline:
                raise GuestError(f"no root shell on the serial line in time; it said {heard[-200:]!r}")
            if now >= next_at:
                self._socket.sendall(asked)
                next_at = deadline + 1 if once else now + ASK_EVERY
            self._socket.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                part = self._socket.recv(65536)
                if not part:
                    raise GuestError("the emulator has ended")
                heard = (heard + part)[-65536:]
        self._rest = b""

    def _line(self, deadline: float) -> bytes:
        assert self._socket is not None
        while b"\n" not in self._rest:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            part = self._socket.recv(65536)
            if not part:
                raise OSError("the emulator has ended")
            self._rest += part
            if len(self._rest) > ANSWER_MAX:
                raise OSError("an answer without an end")
        line, _, self._rest = self._rest.partition(b"\n")
        return line
