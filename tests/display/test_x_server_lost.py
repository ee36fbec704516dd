"""The screen goes away, comes back, or becomes another one, while the display goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pygame
import pytest
from display_helpers import Shower, wait_for

from appliance.core import limits
from appliance.core.intents import Quit
from appliance.display import window
from appliance.display.preview.snapshots import HOME
from appliance.errors import ControlError

SLOW = 30.0  # seconds: an X server starts, SDL finds it


class XServer:
    """A real X server without glass, which can be ended and started again under the same name."""

    def __init__(self) -> None:
        self.name = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("Xvfb")
        assert program, "Xvfb is missing"
        read, write = os.pipe()
        command = [program, *([self.name] if self.name else []), "-displayfd", str(write)]
        command += ["-nolisten", "tcp", "-noreset"]  # what xrandr changed stays while nobody is connected
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            [*command, "-screen", "0", "1280x720x24"], pass_fds=(write,), stdout=quiet, stderr=quiet
        )
        os.close(write)
        with os.fdopen(read) as number:
            self.name = f":{number.readline().strip()}"

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(5)
            self._process = None

    def run(self, *command: str) -> None:
        environment = {**os.environ, "DISPLAY": self.name}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)

    def resize(self, width: int, height: int) -> None:
        """Give the screen a smaller resolution."""
        mode = f"{width}x{height}"
        timing = [*(str(width + n) for n in (0, 32, 112, 224)), *(str(height + n) for n in (0, 3, 7, 24))]
        self.run("xrandr", "--newmode", mode, "38.25", *timing)
        self.run("xrandr", "--addmode", "screen", mode)
        self.run("xrandr", "--output", "screen", "--mode", mode)


@pytest.fixture
def x_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[XServer]:
    """Asked for before ``shower``, so that it ends after the display does."""
    for name in ("WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("SCREEN_AGAIN_EVERY", "SCREEN_LOOKED_EVERY"):
        monkeypatch.setattr(limits, name, 0.1)
    server = XServer()
    server.start()
    monkeypatch.setenv("DISPLAY", server.name)
    yield server
    server.end()


@pytest.mark.parametrize("mode", ["auto", "fullscreen", "window"])
def test_a_server_that_dies_takes_nothing_with_it_and_is_found_again(
    x_server: XServer, shower: Shower, mode: str
) -> None:
    shown = shower(HOME, mode=mode)
    assert not shown.display.headless
    shown.press("4 2 ok 1 2")
    x_server.end()
    wait_for(lambda: shown.display.headless, within=SLOW)
    shown.press("3")
    x_server.start()
    wait_for(lambda: not shown.display.headless, within=SLOW)
    shown.press("4 ok")
    assert (shown.intents[0].room, shown.intents[0].password) == (42, "1234")


def test_without_the_watch_a_server_takes_the_process_with_it(x_server: XServer) -> None:
    """The contract that x11.py is there for: should Xlib or SDL change, it can go."""
    script = (
        "import sys, pygame, time\n"
        "pygame.display.init(); pygame.display.set_mode((320, 240))\n"
        "print('open', flush=True); sys.stdin.readline()\n"
        "for _ in range(20): pygame.event.pump(); pygame.display.update(); time.sleep(0.05)\n"
        "print('alive', flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYGAME_HIDE_SUPPORT_PROMPT": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    x_server.end()
    said, _ = process.communicate(b"\n", timeout=SLOW)
    assert b"alive" not in said
    assert process.returncode != 0


def test_another_resolution_is_drawn_in(x_server: XServer, shower: Shower) -> None:
    shown = shower(HOME, mode="fullscreen", size=(0, 0))
    shown.press("4 2")
    x_server.resize(800, 600)
    wait_for(lambda: shown.display.size == (800, 600), within=SLOW)
    shown.press("ok 1 2 3 4 ok")
    assert shown.intents[0].room == 42


class TestClosing:
    def close(self) -> None:
        """What SDL makes of a press on the window's cross."""
        pygame.event.post(pygame.Event(pygame.WINDOWCLOSE))
        pygame.event.post(pygame.Event(pygame.QUIT))

    def test_a_closed_window_is_a_person_who_quits(self, x_server: XServer, shower: Shower) -> None:
        shown = shower(HOME, mode="window")
        self.close()
        assert shown.thread is not None
        shown.thread.join(SLOW)
        assert not shown.thread.is_alive()
        assert shown.intents == [Quit()]

    def test_on_a_wall_the_box_goes_on_until_it_is_asked(self, x_server: XServer, shower: Shower) -> None:
        shown = shower(HOME, mode="fullscreen", size=(0, 0))
        self.close()
        wait_for(lambda: shown.display.headless, within=SLOW)
        shown.press("4 2 ok 1 2")
        assert shown.display.headless
        assert shown.display.show_screen(True)
        shown.press("3 4 ok")
        assert [intent.room for intent in shown.intents] == [42]

    def test_a_destroyed_window_is_opened_again(self, x_server: XServer, shower: Shower) -> None:
        shown = shower(HOME, mode="fullscreen", size=(0, 0))
        shown.press("4 2")
        x_server.run("xdotool", "search", "--class", "meetingbox", "windowclose")
        wait_for(lambda: shown.display.headless, within=SLOW)
        wait_for(lambda: not shown.display.headless, within=SLOW)
        shown.press("ok 1 2 3 4 ok")
        assert shown.intents[0].room == 42


class TestByScript:
    def test_it_closes_and_opens_in_any_mode(self, x_server: XServer, shower: Shower) -> None:
        shown = shower(HOME, mode="window")
        assert not shown.display.show_screen(False)
        assert shown.display.headless
        assert not shown.display.show_screen(False)
        assert shown.display.show_screen(True)
        assert not shown.display.headless
        assert shown.display.show_screen(True)

    def test_a_screen_that_is_not_there_opens_when_it_appears(
        self, x_server: XServer, shower: Shower
    ) -> None:
        shown = shower(HOME, mode="fullscreen", size=(0, 0))
        shown.display.show_screen(False)
        x_server.end()
        assert not shown.display.show_screen(True)
        x_server.start()
        wait_for(lambda: not shown.display.headless, within=SLOW)

    def test_a_box_without_one_says_so(self, shower: Shower) -> None:
        with pytest.raises(ControlError) as refused:
            shower(HOME).display.show_screen(True)
        assert refused.value.code == "control.screen.headless"


class TestMonitors:
    @pytest.fixture
    def drm(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
        """Plugs a monitor in, or out: what the kernel says of the one connector."""
        folder = tmp_path / "card0-HDMI-A-1"
        folder.mkdir()
        monkeypatch.setattr(window, "DRM", tmp_path)

        def plug(status: str, modes: str) -> None:
            (folder / "status").write_text(f"{status}\n")
            (folder / "modes").write_text(modes)

        plug("disconnected", "")
        return plug

    def test_a_tv_that_is_unplugged_or_is_another_one_is_seen(self, drm: Callable[[str, str], None]) -> None:
        assert window.monitors() == frozenset()
        drm("connected", "1920x1080\n")
        first = window.monitors()
        assert first == {("card0-HDMI-A-1", "1920x1080\n")}
        drm("connected", "1280x720\n")
        assert window.monitors() not in (first, frozenset())


def test_the_pixels_of_a_lost_screen_are_still_drawn(x_server: XServer, shower: Shower) -> None:
    shown = shower(HOME, mode="fullscreen", size=(0, 0))
    before = pygame.image.tobytes(shown.settle(), "RGB")
    x_server.end()
    wait_for(lambda: shown.display.headless, within=SLOW)
    after = shown.settle()
    assert after.get_size() == (1280, 720)
    assert len(before) == len(pygame.image.tobytes(after, "RGB"))
