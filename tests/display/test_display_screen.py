"""The screen itself: there, not there, there again; what it costs; what a script sees of it."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pygame
import pytest
from display_helpers import wait_for

from appliance import config
from appliance.bridge import Bridge
from appliance.core import limits
from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.intents import Quit
from appliance.core.view import BoxSeen, Phase
from appliance.display import Display
from appliance.display.preview import drawing, scenes
from appliance.display.preview.snapshots import HOME
from appliance.errors import ControlError, DeviceError


@pytest.fixture
def no_screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a screen, whatever this one has."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("appliance.display.window.DRM", tmp_path)


@pytest.fixture
def dummy_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """SDL's dummy driver in the place of a screen: everything but the glass."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture
def x_server(no_screen: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Starts a real X server. Asked for before ``shower``, so that it ends after the display does."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        read, write = os.pipe()
        command = [tool("Xvfb"), "-displayfd", str(write), "-screen", "0", "1280x720x24", "-nolisten", "tcp"]
        quiet = subprocess.DEVNULL
        running.append(subprocess.Popen(command, pass_fds=(write,), stdout=quiet, stderr=quiet))
        os.close(write)
        with os.fdopen(read) as number:
            monkeypatch.setenv("DISPLAY", f":{number.readline().strip()}")

    yield start
    for process in running:
        process.terminate()
        process.wait(5)


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pixels each update of the screen was."""
    sizes: list[int] = []

    def update(rects: list[tuple[int, int, int, int]]) -> None:
        sizes.append(sum(w * h for _, _, w, h in rects))

    monkeypatch.setattr(pygame.display, "update", update)
    return sizes


class TestWithoutAScreen:
    @pytest.mark.parametrize("mode", ["fullscreen", "window"])
    def test_a_mode_that_needs_one_says_so(self, no_screen, mode) -> None:
        with pytest.raises(DeviceError) as failed:
            Display(Bridge(HOME), config.Display(mode=mode)).open()
        assert failed.value.code in ("device.screen.missing", "device.screen.mode")

    def test_auto_draws_all_the_same(self, no_screen, shower) -> None:
        shown = shower(HOME, mode="auto", width=0, height=0)
        assert shown.display.headless
        assert shown.settle().get_size() == (1280, 720)

    def test_a_caller_can_fall_back_by_hand(self, no_screen, tmp_path) -> None:
        display = Display(Bridge(HOME), config.Display(mode="window"))
        with pytest.raises(DeviceError):
            display.open()
        display.open_headless()
        assert display.headless
        display.close()

    def test_a_screen_that_appears_is_taken(self, x_server, shower, monkeypatch) -> None:
        monkeypatch.setattr(limits, "SCREEN_AGAIN_EVERY", 0.05)
        shown = shower(HOME, mode="auto")
        shown.press("4 2")
        assert shown.display.headless
        x_server()
        shown.press("ok 1 2")
        wait_for(lambda: not shown.display.headless, within=20)
        shown.press("3 4 ok")
        assert shown.intents[0].room == 42  # what was typed before is still there


class TestWindow:
    def test_closing_it_is_told_and_ends_the_loop(self, dummy_screen, shower) -> None:
        shown = shower(HOME, mode="window")
        assert not shown.display.headless
        pygame.event.post(pygame.Event(pygame.WINDOWCLOSE))
        shown.thread.join(5)
        assert not shown.thread.is_alive()
        assert shown.intents == [Quit()]

    def test_another_size_is_laid_out_anew(self, x_server, shower) -> None:
        x_server()
        shown = shower(HOME, mode="window", size=(1000, 600))
        search = [tool("xdotool"), "search", "--class", "meetingbox"]
        subprocess.run([*search, "windowsize", "800", "500"], check=True)
        wait_for(lambda: shown.display.size == (800, 500))
        assert shown.settle().get_size() == (800, 500)

    def test_real_keys_of_a_real_x_server_join(self, x_server, shower) -> None:
        x_server()
        shown = shower(HOME, mode="fullscreen", size=(0, 0))
        keys = ["4", "2", "KP_Enter", "a", "B", "exclam", "KP_7", "Return"]
        subprocess.run([tool("xdotool"), "key", "--delay", "40", *keys], check=True)
        wait_for(lambda: bool(shown.intents))
        assert (shown.intents[0].room, shown.intents[0].password) == (42, "aB!7")


class TestCost:
    @pytest.mark.parametrize("dim_after", [0.0, 0.001], ids=["lit", "dimmed"])
    def test_an_idle_home_costs_at_most_a_hundredth_of_a_core(self, dummy_screen, shower, dim_after) -> None:
        shown = shower(HOME, mode="window", dim_after_minutes=dim_after)
        if dim_after:
            wait_for(lambda: shown.settle().get_at((2, 2))[:3] == (0, 0, 0))
        clock = time.pthread_getcpuclockid(shown.thread.ident)
        shares = []
        for _ in range(3):  # the least disturbed of three: this machine does other things as well
            before = time.clock_gettime(clock)
            time.sleep(1.0)
            shares.append(time.clock_gettime(clock) - before)
        assert min(shares) <= (0.003 if dim_after else 0.01)

    def test_nothing_is_drawn_that_did_not_change(self, shower, updates) -> None:
        shown = shower(HOME, size=(1280, 720))
        updates.clear()
        shown.show(replace(HOME))
        assert updates == []
        box = BoxSeen("Bridge", "10.20.0.11", False, time.monotonic())
        shown.show(replace(HOME, boxes=(box, *HOME.boxes[1:])))
        assert 0 < sum(updates) < 1280 * 720 * 0.03

    def test_a_spinner_redraws_only_itself(self, shower, updates) -> None:
        away = TileView("p1", "Bridge", TileState.RECONNECTING)
        call = CallView(42, time.monotonic() + 500, JoiningView(False, None), (away,))
        shower(replace(HOME, phase=Phase.IN_CALL, call=call), size=(1280, 720))
        updates.clear()
        wait_for(lambda: len(updates) >= 4)
        assert sorted(updates)[2] <= 50 * 50  # at most one of them is the clock's

    def test_a_key_is_on_the_screen_within_50_ms(self, dummy_screen, shower, monkeypatch) -> None:
        shown = shower(HOME, mode="window", size=(1280, 720))
        shown.press("4 2 ok")
        updated = threading.Event()
        monkeypatch.setattr(pygame.display, "update", lambda rects=None: updated.set())
        times = []
        for key in ["7", "delete"] * 10:
            updated.clear()
            pressed = time.monotonic()
            shown.display.press(key)
            assert updated.wait(1)
            times.append(time.monotonic() - pressed)
            time.sleep(0.01)
        assert sorted(times)[18] <= 0.05


class TestScripts:
    def test_a_screenshot_appears_whole_and_leaves_nothing_else(self, shower, tmp_path) -> None:
        shown = shower(HOME)
        path = tmp_path / "shot.png"
        shown.display.screenshot(path)
        assert pygame.image.load(path).get_size() == (800, 480)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["screen.png", "shot.png"]

    def test_a_screenshot_that_cannot_be_written_says_where(self, shower, tmp_path) -> None:
        shown = shower(HOME)
        with pytest.raises(ControlError, match="nowhere") as failed:
            shown.display.screenshot(tmp_path / "nowhere" / "shot.png")
        assert failed.value.code == "control.screenshot.write"

    def test_a_display_that_is_not_running_answers_nothing(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr(limits, "SCREENSHOT_WITHIN", 0.05)
        display = Display(Bridge(HOME), config.Display(mode="headless"))
        with pytest.raises(ControlError):
            display.screenshot(tmp_path / "shot.png")
        with pytest.raises(ControlError) as refused:
            display.press("ok")
        assert refused.value.code == "control.screen.closed"

    def test_every_preview_is_written(self, tmp_path) -> None:
        paths = list(drawing.render(list(scenes.SCENES[:2]), (800, 480), tmp_path))
        assert [p.name for p in paths] == ["home-800x480.png", "home-trouble-800x480.png"]
        assert all(pygame.image.load(p).get_size() == (800, 480) for p in paths)


def test_a_node_that_cannot_be_drawn_takes_nothing_else_down(shower, monkeypatch, caplog) -> None:
    def fail(*_: object) -> None:
        raise pygame.error("out of luck")

    monkeypatch.setattr("appliance.display.icons.icon", fail)
    with caplog.at_level(logging.ERROR):
        shown = shower(HOME)
        shown.press("4 2 ok 1 2 3 4 ok")
    assert shown.intents[0].room == 42
    assert shown.display.faults["icon"] >= 2
    assert len([r for r in caplog.records if "display.fault.icon" in r.message]) == 1


def test_a_screen_that_is_lost_is_drawn_on_without(dummy_screen, shower, monkeypatch) -> None:
    shown = shower(HOME, mode="window")
    real = pygame.display.update
    failures = [pygame.error("the screen is gone")]

    def update(*arguments: object) -> None:
        if failures:
            raise failures.pop()
        real(*arguments)

    monkeypatch.setattr(pygame.display, "update", update)
    shown.press("4 2 ok")
    wait_for(lambda: shown.display.headless)
    shown.press("1 2 3 4 ok")
    assert shown.intents[0].room == 42


def test_nothing_but_display_font_and_events_is_started(shower) -> None:
    shower(HOME)
    assert not pygame.joystick.get_init()


def test_the_mixer_is_not_even_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import appliance.display, sys; print(sys.modules.get('pygame.mixer'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "None\n"


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is missing")
        pytest.skip(f"{name} is not installed")
    return path


def test_a_signal_ends_a_headless_display_at_once(tmp_path) -> None:
    script = (
        "import signal, threading\n"
        "from appliance import config\n"
        "from appliance.bridge import Bridge\n"
        "from appliance.core.view import Snapshot\n"
        "from appliance.display import Display\n"
        "display = Display(Bridge(Snapshot('Bridge')), config.Display(mode='headless'))\n"
        "signal.signal(signal.SIGTERM, lambda *_: display.stop())\n"
        "display.open()\n"
        "print('open', flush=True)\n"
        "display.run()\n"
        "display.close()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        process.terminate()
        assert process.wait(3) == 0
    finally:
        process.kill()
        process.communicate()
