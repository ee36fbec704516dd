"""Scenes drawn by the real display, headless, each to a file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from appliance import config
from appliance.bridge import Bridge
from appliance.core.intents import Intent, TilesShown
from appliance.core.picture import SELF_TILE, Picture
from appliance.core.view import LookView
from appliance.display.loop import Display
from appliance.display.preview.portraits import portrait
from appliance.display.preview.scenes import Scene
from appliance.display.preview.snapshots import NOW

SIZES = ((1280, 720), (1920, 1080), (800, 480))
WALL = datetime(2026, 3, 4, 14, 32)
LOOK = LookView()  # the usual one


def picture_name(scene: Scene, size: tuple[int, int], look: LookView) -> str:
    """The name of a picture's file; what is as usual is left out."""
    parts = [scene.name, f"{size[0]}x{size[1]}", *(() if look == LOOK else (look.theme, look.language))]
    return "-".join(parts) + ".png"


def render(scenes: list[Scene], size: tuple[int, int], outdir: Path, look: LookView = LOOK) -> Iterator[Path]:
    """Draw scenes at one size, each on a display of its own."""
    for plain in scenes:
        scene = plain.looking(look)
        bridge = Bridge(scene.snapshot)
        bridge.listen(_camera(bridge))
        settings = config.Display(mode="headless", width=size[0], height=size[1])
        time = [NOW]
        display = Display(bridge, settings, clock=partial(time.__getitem__, 0), wall=lambda: WALL)
        display.open()
        path = outdir / picture_name(scene, size, look)
        script = threading.Thread(target=_act, args=(scene, bridge, display, path, time), name="preview")
        script.start()
        display.run()
        script.join()
        display.close()
        yield path


def _act(scene: Scene, bridge: Bridge, display: Display, path: Path, time: list[float]) -> None:
    try:
        display.screenshot(path)
        for key in scene.keys.split():
            display.press(key)
        if scene.after is not None:
            display.screenshot(path)  # the keys have been handled when it is there
            bridge.publish(scene.after)
        if scene.idle:
            display.screenshot(path)  # what there was before is shown
            time[0] += scene.idle
        display.screenshot(path)
    finally:
        display.stop()


def _camera(bridge: Bridge) -> Callable[[Intent], None]:
    """Answers every ``TilesShown`` with a picture for each tile, at the size asked for."""

    def deliver(intent: Intent) -> None:
        if not isinstance(intent, TilesShown):
            return
        wanted = list(intent.sizes)
        if intent.self_view is not None:
            wanted.append((SELF_TILE, *intent.self_view))
        for name, w, h in wanted:
            bridge.slot(name).put(Picture(portrait(name, w, h), w, h, serial=1))

    return deliver
