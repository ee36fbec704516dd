"""Screenshots for other threads: the display copies its surface, whoever asked writes the file.

Encoding a PNG takes longer than a frame; the drawing never waits for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pygame

from appliance.core import limits
from appliance.errors import ControlError


class _Shot:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.surface: pygame.Surface | None = None


class Screenshots:
    """The requests that wait for the display."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Shot] = []
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self) -> _Shot:
        """Queue a request (any thread). Raises ControlError when too many wait, or nobody will answer."""
        with self._lock:
            if self._closed:
                raise ControlError("control.screen.closed", "The display is not running.")
            if len(self._waiting) >= limits.SCREENSHOTS_WAITING:
                raise ControlError("control.screenshot.busy", "Too many screenshots at once. Try again.")
            shot = _Shot()
            self._waiting.append(shot)
            return shot

    def write(self, shot: _Shot, path: Path) -> None:
        """Wait for the display's answer and write it. Raises ControlError."""
        answered = shot.done.wait(limits.SCREENSHOT_WITHIN)
        with self._lock:
            if shot in self._waiting:
                self._waiting.remove(shot)
        if not answered or shot.surface is None:
            raise ControlError("control.screenshot.timeout", "The display did not answer.")
        save_png(shot.surface, path)

    def serve(self, copy: Callable[[], pygame.Surface], count: int) -> None:
        """Answer those ``count`` who have waited longest with a copy of the screen (the display's thread)."""
        with self._lock:
            waiting, self._waiting = self._waiting[:count], self._waiting[count:]
        for shot in waiting:
            shot.surface = copy()
            shot.done.set()

    def close(self) -> None:
        """Tell everybody who waits that no answer will come."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for shot in waiting:
            shot.done.set()

    def open(self) -> None:
        with self._lock:
            self._closed = False


def save_png(surface: pygame.Surface, path: Path) -> None:
    """Write a PNG beside its name and rename it: nobody reads half a file. Raises ControlError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.png")
    try:
        pygame.image.save(surface, str(beside))
        os.replace(beside, path)
    except (OSError, pygame.error) as error:
        beside.unlink(missing_ok=True)
        raise ControlError("control.screenshot.write", f"Can't write {path}: {error}.") from error
