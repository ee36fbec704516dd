"""A service manager for tests: the socket that services tell, and what they told."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from types import TracebackType


class Manager:
    """Listens as systemd does. ``folder``: of the socket; None: one in the abstract namespace."""

    def __init__(self, folder: Path | None, watchdog: float | None = None) -> None:
        name = f"@meetingbox-test-{os.getpid()}" if folder is None else str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + name[1:] if folder is None else name)
        self.environment = {"NOTIFY_SOCKET": name}
        if watchdog is not None:
            self.environment["WATCHDOG_USEC"] = str(round(watchdog * 1e6))
        self.told: list[str] = []

    def __enter__(self) -> Manager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def hear(self, within: float) -> str | None:
        """What is told next, or None when nothing is for so long."""
        self._socket.settimeout(within)
        try:
            line = self._socket.recv(4096).decode()
        except TimeoutError:
            return None
        self.told.append(line)
        return line

    def wait_for(self, line: str, within: float) -> None:
        """Listen until this is told. Raises AssertionError."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.hear(max(0.01, deadline - time.monotonic())) == line:
                return
        raise AssertionError(f"{line} was not told within {within:g} s, but {self.told[-20:]}")

    def drain(self) -> None:
        """Forget what was told already."""
        while self.hear(0.01) is not None:
            pass
