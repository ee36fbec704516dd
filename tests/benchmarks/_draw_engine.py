"""One measured program of ``draw.py``: a display that draws, or a bare loop that does as little as can be.

    _draw_engine.py {call-9,home-idle,key} SECONDS
    _draw_engine.py bare SECONDS WIDTH HEIGHT

The driver is what SDL's environment says. One JSON line on stdout. ``cores``: seconds of CPU per second of
the whole program, but for the thread that hands pictures over. ``times_ms``: between two pictures of a tile
on the screen; for ``key`` from a key press to the update that shows it. ``tile``: its size in pixels.
"""

from __future__ import annotations

import ctypes
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from types import TracebackType

import pygame

from appliance import config
from appliance.app import memory
from appliance.bridge import Bridge
from appliance.core import limits
from appliance.core.call_view import CallView, JoiningView, TileState, TileView
from appliance.core.intents import Intent, TilesShown
from appliance.core.picture import SELF_TILE, Picture
from appliance.core.view import NetworkView, Phase, Snapshot
from appliance.display import Display
from appliance.display.navigator import RING_GAP, RING_WIDTH
from appliance.display.scene import View
from appliance.display.theme import Theme

SIZE = (1920, 1080)
FPS = 30
Rects = Sequence[tuple[int, int, int, int]]
PICTURES = 4  # different ones of each tile: no cache holds them all, as in a call
PEERS = 8  # and the self-view: nine tiles
SETTLE_S = 1.0
HOME_SETTLE_S = 3.0  # what comes after home is drawn ahead once, in the second second
KEYS_EVERY = (0.12, 0.22)  # seconds between two presses, at random: no pace of ours is in step with it
NAMES = ("Bridge", "Engine Room", "Infirmary", "Harbour Office", "Workshop", "Galley", "Cabin 4", "Library")


@dataclass(slots=True)
class Figures:
    """What a part found; the names are those of the JSON line."""

    cores: float = 0.0
    times_ms: list[float] = field(default_factory=list)
    tile: tuple[int, int] = (0, 0)


def snapshot(*, call: bool) -> Snapshot:
    """A box at home, or in a meeting of nine."""
    at_home = Snapshot("Messroom", network=NetworkView("wired", "10.20.0.10"))
    if not call:
        return at_home
    now = time.monotonic()
    tiles = tuple(
        TileView(f"{n}", name, TileState.LIVE, quality=3, layer="M", speaking=n == 2)
        for n, name in enumerate(NAMES)
    )
    view = CallView(42, now - limits.RING_FOR, JoiningView(False, None), tiles)
    return Snapshot(at_home.name, Phase.IN_CALL, network=at_home.network, call=view)


class Feeder:
    """Hands over pictures of every tile, 30 a second, each tile at a moment of its own; a context manager.

    They are made before, of the sizes that the display asks for; ``cpu_s`` is what handing over cost.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._pictures: dict[str, list[Picture]] = {}
        self._sized = threading.Event()
        self._running = True
        self._thread = threading.Thread(target=self._run, name="feeder")

    def hear(self, intent: Intent) -> None:
        """The display's intents: it asks for pictures of some sizes."""
        if not isinstance(intent, TilesShown) or intent.self_view is None:
            return
        noise = random.Random(1)
        for tile, width, height in (*intent.sizes, (SELF_TILE, *intent.self_view)):
            self._pictures[tile] = [made(noise, width, height) for _ in range(PICTURES)]
        self._sized.set()

    @property
    def tiles(self) -> tuple[str, ...]:
        return tuple(self._pictures)

    @property
    def cpu_s(self) -> float:
        assert self._thread.ident is not None
        return time.clock_gettime(time.pthread_getcpuclockid(self._thread.ident))

    def _run(self) -> None:
        self._sized.wait()
        phases = sorted((n * 0.618 % 1, tile) for n, tile in enumerate(self._pictures))
        slots = {tile: self._bridge.slot(tile) for tile in self._pictures}
        start, turn = time.monotonic(), 0
        while self._running:
            for phase, tile in phases:
                time.sleep(max(0.0, start + (turn + phase) / FPS - time.monotonic()))
                slots[tile].put(self._pictures[tile][turn % PICTURES])
            turn += 1

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running = False
        self._sized.set()
        self._thread.join()


def made(noise: random.Random, width: int, height: int) -> Picture:
    """A picture of one colour, in rows as a decoder's are."""
    pitch = -(-width * 3 // 64) * 64
    return Picture(bytes((noise.randrange(256),)) * (pitch * height), width, height, 1, pitch=pitch)


@contextmanager
def running(bridge: Bridge, measure: Callable[[Display], None]) -> Iterator[None]:
    """Run a display on this thread until ``measure`` on another one is through."""
    display = Display(bridge, config.Display(mode="window", width=SIZE[0], height=SIZE[1]))
    display.open()

    def measured() -> None:
        try:
            time.sleep(SETTLE_S)
            measure(display)
        finally:
            display.stop()

    measuring = threading.Thread(target=measured, name="measure")
    measuring.start()
    try:
        display.run()
        yield
    finally:
        measuring.join()
        display.close()


def call_9(seconds: float) -> Figures:
    bridge = Bridge(snapshot(call=True))
    feeder = Feeder(bridge)
    bridge.listen(feeder.hear)
    found = Figures()

    def measure(_display: Display) -> None:
        feeder_before, before, began = feeder.cpu_s, time.process_time(), time.monotonic()
        time.sleep(seconds)
        used = time.process_time() - before - (feeder.cpu_s - feeder_before)
        ended = time.monotonic()
        found.cores = used / (ended - began)
        for tile in feeder.tiles:
            stats = bridge.drawn(tile)
            assert stats is not None, f"tile {tile} was never drawn"
            drawn = [at for at in stats.times if began <= at <= ended]
            found.times_ms.extend((b - a) * 1000 for a, b in pairwise([began, *drawn, ended]))
            found.tile = stats.width, stats.height

    with feeder, running(bridge, measure):
        pass
    return found


def home_idle(seconds: float) -> Figures:
    found = Figures()

    def measure(_display: Display) -> None:
        time.sleep(HOME_SETTLE_S)
        before, began = time.process_time(), time.monotonic()
        time.sleep(seconds)
        found.cores = (time.process_time() - before) / (time.monotonic() - began)

    with running(Bridge(snapshot(call=False)), measure):
        pass
    return found


class Updates:
    """Notes when an update shows the focus elsewhere; a context manager.

    Its ring around a tile is told by a pixel beside each tile, between the ring's edges.
    """

    def __init__(self) -> None:
        self._real = pygame.display.update
        self._points: tuple[tuple[int, int], ...] = ()
        self._seen: list[object] = []
        self.moved = threading.Event()

    def look_at(self, view: View) -> None:
        """Take the places from this view of a call."""
        beside = Theme(SIZE).px(RING_GAP + RING_WIDTH / 2)
        self._points = tuple((v.rect.x - beside, v.rect.y + v.rect.h // 2) for v in view.videos())

    def _update(self, rects: Rects = ((0, 0, *SIZE),)) -> None:
        self._real(rects)
        surface = pygame.display.get_surface()
        seen: list[object] = [surface.get_at(point) for point in self._points]
        if seen != self._seen:
            self._seen = seen
            self.moved.set()

    def __enter__(self) -> Updates:
        pygame.display.update = self._update  # type: ignore[assignment]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pygame.display.update = self._real


def key(seconds: float) -> Figures:
    """Arrows move the focus between the tiles of a call; under X they are real keys of the server."""
    bridge = Bridge(snapshot(call=True))
    feeder = Feeder(bridge)
    bridge.listen(feeder.hear)
    found = Figures()
    wait = random.Random(2)

    with feeder, Updates() as updates:

        def measure(display: Display) -> None:
            press = x_keys() if pygame.display.get_driver() == "x11" else display.press
            for _ in range(3):  # the first shows the ring, the others leave the bar for the tiles
                press("up")
                time.sleep(0.2)
            updates.look_at(display.view)
            time.sleep(SETTLE_S)
            ends = time.monotonic() + seconds
            for count in range(10_000):
                if time.monotonic() > ends:
                    return
                time.sleep(wait.uniform(*KEYS_EVERY))
                updates.moved.clear()
                pressed = time.monotonic()
                press("left" if count % 2 else "right")
                updates.moved.wait(1.0)
                found.times_ms.append((time.monotonic() - pressed) * 1000)

        with running(bridge, measure):
            pass
    return found


def x_keys() -> Callable[[str], None]:
    """What presses keys of the X server, as a keyboard does (the XTEST extension)."""
    x11, test = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    server = ctypes.c_void_p(x11.XOpenDisplay(None))
    codes = {}
    for name, symbol in (("left", b"Left"), ("right", b"Right"), ("up", b"Up")):
        x11.XStringToKeysym.restype = ctypes.c_ulong
        codes[name] = x11.XKeysymToKeycode(server, ctypes.c_ulong(x11.XStringToKeysym(symbol)))

    def press(name: str) -> None:
        for down in (1, 0):
            test.XTestFakeKeyEvent(server, codes[name], down, ctypes.c_ulong(0))
        x11.XFlush(server)

    return press


def bare(seconds: float, width: int, height: int) -> Figures:
    """Nine blits of pictures and one update, 30 times a second."""
    pygame.display.init()
    surface = pygame.display.set_mode(SIZE)
    noise = random.Random(1)
    pictures = [[made(noise, width, height) for _ in range(PICTURES)] for _ in range(9)]
    column, line = SIZE[0] // 3, SIZE[1] // 3
    places = [(n % 3 * column, n // 3 * line, width, height) for n in range(9)]
    found = Figures(tile=(width, height))
    before, start = time.process_time(), time.monotonic()
    last = start
    for turn in range(round(seconds * FPS)):
        for tile, place in zip(pictures, places, strict=True):
            picture = tile[turn % PICTURES]
            frame = pygame.image.frombuffer(picture.rgb, (width, height), "RGB", picture.pitch)
            surface.blit(frame, place[:2])
        pygame.display.update(places)
        pygame.event.pump()
        now = time.monotonic()
        found.times_ms.append((now - last) * 1000)
        last = now
        time.sleep(max(0.0, start + (turn + 1) / FPS - now))
    found.cores = (time.process_time() - before) / (time.monotonic() - start)
    pygame.display.quit()
    return found


PARTS: dict[str, Callable[[float], Figures]] = {"call-9": call_9, "home-idle": home_idle, "key": key}


def main() -> int:
    screen, seconds = sys.argv[1], float(sys.argv[2])
    memory.prepare()
    memory.settle()
    sys.setswitchinterval(limits.SWITCH_INTERVAL)
    found = bare(seconds, *map(int, sys.argv[3:])) if screen == "bare" else PARTS[screen](seconds)
    print(json.dumps(asdict(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
