"""A box on a real X server: its screen as people see it, and their hands on it.

What is where on the screen is known from a *shadow*, the display's own navigator with the snapshot that the
box should have. Every press goes to the X server as a real event, and to the shadow: both stay in step.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import time
from collections import deque
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pygame
from net.boxes import TestBox

from appliance.core import focus
from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.view import NetworkView, Phase, Preset, Snapshot
from appliance.display.fonts import Fonts
from appliance.display.navigator import ARROWS, Navigator
from appliance.display.render import Renderer
from appliance.display.scene import Video, View
from appliance.display.stage import Key, Moment
from appliance.display.text import Typesetter
from appliance.display.theme import Theme

SIZE = (1280, 720)
Pixels = npt.NDArray[np.int16]
X_NAMES = {
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "ok": "Return",
    "tab": "KP_Add",
    "backtab": "KP_Multiply",
    "delete": "KP_Subtract",
    "back": "KP_Divide",
}


class XScreen:
    """An X server of its own, without a window manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24"]
        command += ["-nolisten", "tcp", "-fbdir", str(folder)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, pass_fds=(write,), stdout=quiet, stderr=quiet)
        os.close(write)
        with os.fdopen(read) as number:
            self.display = f":{number.readline().strip()}"
        self.environment = {"DISPLAY": self.display, "SDL_VIDEODRIVER": "x11", "WAYLAND_DISPLAY": ""}

    def __enter__(self) -> XScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Have the server end, as one that crashes."""
        self._process.terminate()
        self._process.wait(5)

    def stop(self) -> None:
        """Have the server answer nobody, as one whose driver hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def xdotool(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env={**os.environ, **self.environment}, check=True)

    def picture(self) -> Pixels:
        """What is on the glass now: height x width x RGB."""
        raw = (self._folder / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", raw[:100])
        begin, width, height, line, colors = header[0], header[4], header[5], header[12], header[19]
        begin += 12 * colors
        rows = np.frombuffer(raw, np.uint8, height * line, begin).reshape(height, line)
        return rows[:, : width * 4].reshape(height, width, 4)[:, :, 2::-1].astype(np.int16)


class Shadow:
    """What the box's screen should look like, without a box."""

    def __init__(self, name: str, presets: tuple[Preset, ...] = ()) -> None:
        pygame.font.init()
        self._typesetter = Typesetter(Fonts())
        self._theme = Theme(SIZE)
        self.snapshot = Snapshot(name, network=NetworkView("local", "127.0.0.1"), presets=presets)
        self.navigator = Navigator(self.snapshot, lambda intent: None)
        self.show(self.snapshot)

    def close(self) -> None:
        self._typesetter.close()
        pygame.font.quit()

    def show(self, snapshot: Snapshot) -> View:
        self.navigator.adopt(snapshot, time.monotonic())
        return self.view()

    def view(self) -> View:
        now = time.monotonic()
        moment = Moment(
            self.navigator.snapshot, now, datetime.now(), self._theme, self._typesetter, frozenset({"p1"})
        )
        return self.navigator.build(moment)

    def render(self, snapshot: Snapshot) -> Pixels:
        surface = pygame.Surface(SIZE)
        Renderer(surface, self._typesetter, self._theme).show(self.show(snapshot))
        return np.transpose(pygame.surfarray.array3d(surface), (1, 0, 2)).astype(np.int16)

    # --- the way to a target --------------------------------------------------------------------

    def by_arrows(self, target: str) -> list[str]:
        """The shortest way of arrows from the focus to a target."""
        targets = [(each.name, each.rect) for each in self.view().targets]
        ways: dict[str | None, list[str]] = {self.navigator.focused: []}
        queue = deque(ways)
        while queue:
            here = queue.popleft()
            for arrow, direction in ARROWS.items():
                there = focus.move(targets, here, direction)
                if there not in ways:
                    ways[there] = [*ways[here], arrow]
                    queue.append(there)
        return ways[target]

    def by_steps(self, target: str) -> list[str]:
        """How often the next button is asked for, from the focus to a target."""
        names = [each.name for each in self.view().targets]
        here = names.index(self.navigator.focused or names[0])
        return ["tab"] * ((names.index(target) - here) % len(names))


class Hands:
    """Somebody in front of a box, with one thing in the hand: ``pad``, ``mouse`` or ``arrows``."""

    def __init__(self, tool: str, screen: XScreen, shadow: Shadow) -> None:
        self.tool = tool
        self._screen = screen
        self._shadow = shadow

    def press(self, target: str) -> None:
        """Press a button that is on the screen."""
        shadow = self._shadow
        if self.tool == "mouse":
            found = shadow.view().target(target)
            assert found is not None, (target, [each.name for each in shadow.view().targets])
            x, y = (round(value) for value in found.rect.center)
            self._screen.xdotool("mousemove", str(x), str(y), "click", "1")
            shadow.navigator.pointer_down(x, y, 0)
            shadow.view()
            shadow.navigator.pointer_up(x, y, 0, time.monotonic())
            shadow.view()
            return
        way = shadow.by_arrows(target) if self.tool == "arrows" else shadow.by_steps(target)
        self._keys([*way, "ok"])

    def type(self, digits: str) -> None:
        """Type on the keypad that is on the screen."""
        if self.tool == "pad":
            self._keys(list(digits))
            return
        for digit in digits:
            self.press(f"key:{digit}")

    def _keys(self, names: list[str]) -> None:
        real = []
        for name in names:
            enter = "KP_Enter" if self.tool == "pad" else "Return"
            real.append(f"KP_{name}" if name.isdigit() else enter if name == "ok" else X_NAMES[name])
            digit = name if name.isdigit() else ""
            key = Key("text", digit, digit, time.monotonic()) if digit else Key(name, at=time.monotonic())
            self._shadow.navigator.key(key)
            self._shadow.view()
        self._screen.xdotool("key", "--delay", "20", *real)


def read_out(shadow: Shadow, seen: Pixels) -> tuple[int, str]:
    """Read the room number and the password off the start screen, as somebody who reads them out does.

    Digit by digit: the one whose picture is the most like what is seen.
    """

    def likeness(text: str) -> int:
        now = time.monotonic()
        call = CallView(int(text[:3]), now, JoiningView(True, now + 590), password=text[3:])
        drawn = shadow.render(replace(shadow.snapshot, phase=Phase.IN_CALL, call=call))
        return int(np.abs(drawn - seen).sum())

    text = "8" * 9  # three of the room, six of the password
    for place in range(9):
        digits = "123456789" if place == 0 else "0123456789"
        text = min((text[:place] + digit + text[place + 1 :] for digit in digits), key=likeness)
    return int(text[:3]), text[3:]


def peers_picture(shadow: Shadow, box: TestBox, screen: XScreen) -> Pixels:
    """The pixels of the only peer's tile, on the glass."""
    status: dict[str, Any] = box.status()
    peer = status["peers"][0]
    now = time.monotonic()
    tiles = (TileView("p1", peer["name"], TileState.LIVE),)
    call = CallView(status["room"], now, JoiningView(True, now + 590), tiles)
    view = shadow.show(replace(shadow.snapshot, phase=Phase.IN_CALL, call=call))
    video = next(node for node in view.nodes if isinstance(node, Video) and node.tile == "p1")
    x, y, w, h = video.rect
    return screen.picture()[y : y + h, x : x + w]
