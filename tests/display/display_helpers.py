"""A display without a screen, its box made up by the test, its keys and touches real events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pygame

from appliance.bridge import Bridge
from appliance.core.intents import Intent, TilesShown
from appliance.core.picture import Picture
from appliance.core.view import Snapshot
from appliance.display import Display

SIZE = (800, 480)


@dataclass
class Shown:
    """A running display. ``intents``: what it sent, but for the sizes of tiles, which are in ``tiles``."""

    bridge: Bridge
    display: Display
    folder: Path
    intents: list[Intent] = field(default_factory=list)
    tiles: list[TilesShown] = field(default_factory=list)
    thread: threading.Thread | None = None

    def deliver(self, intent: Intent) -> None:
        (self.tiles if isinstance(intent, TilesShown) else self.intents).append(intent)

    def settle(self) -> pygame.Surface:
        """Wait until everything that happened so far is drawn; return the picture of the screen."""
        path = self.folder / "screen.png"
        self.display.screenshot(path)
        return pygame.image.load(path)

    def show(self, snapshot: Snapshot) -> pygame.Surface:
        self.bridge.publish(snapshot)
        return self.settle()

    def press(self, keys: str) -> pygame.Surface:
        for key in keys.split():
            self.display.press(key)
        return self.settle()

    def post(self, *events: pygame.Event) -> pygame.Surface:
        for event in events:
            pygame.event.post(event)
        self.bridge.wake()
        return self.settle()

    def click(self, x: float, y: float) -> pygame.Surface:
        values = {"pos": (round(x), round(y)), "button": 1, "touch": False}
        return self.post(
            pygame.Event(pygame.MOUSEBUTTONDOWN, values), pygame.Event(pygame.MOUSEBUTTONUP, values)
        )


Shower = Callable[..., Shown]


def wait_for(condition: Callable[[], bool], within: float = 5.0) -> None:
    """Wait until a condition of another thread holds, or fail."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def plain(color: tuple[int, int, int], size: tuple[int, int], serial: int = 1) -> Picture:
    """A picture of one colour."""
    return Picture(bytes(color) * (size[0] * size[1]), *size, serial=serial)
