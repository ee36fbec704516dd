"""Every screen as a picture, from made-up snapshots: ``python -m appliance.display.preview OUTDIR``.

The display is the real one, headless, and its keys are real ones; only the box behind it is made up.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path

import pygame

from appliance import config
from appliance.bridge import Bridge
from appliance.core import limits
from appliance.core.call_view import (
    AwayView,
    CallView,
    JoiningView,
    LinkState,
    MeshBox,
    MeshLink,
    MeshView,
    ShutOutView,
    TileState,
    TileView,
)
from appliance.core.intents import Intent, TilesShown
from appliance.core.languages import RIGHT_TO_LEFT
from appliance.core.picture import SELF_TILE, Picture
from appliance.core.view import (
    BoxSeen,
    ConnectView,
    DeviceView,
    JoinView,
    LookView,
    NetworkView,
    Notice,
    Phase,
    Preset,
    Problem,
    RoomView,
    Snapshot,
    Tone,
)
from appliance.core.words import say
from appliance.display import preview_settings
from appliance.display.loop import Display
from appliance.display.mirror import OTHER_SIDE

SIZES = ((1280, 720), (1920, 1080), (800, 480))
NOW = 100_000.0  # monotonic seconds at which every preview stands still
WALL = datetime(2026, 3, 4, 14, 32)
LOOK = LookView()  # the usual one

HOME = Snapshot(
    name="Harbour Office",
    boxes=(
        BoxSeen("Bridge", "10.20.0.11", True, NOW),
        BoxSeen("Engine Room", "10.20.0.12", True, NOW),
        BoxSeen("Infirmary", "10.20.0.13", True, NOW),
        BoxSeen("Cabin 4", "10.20.0.17", False, NOW - 190),
    ),
    network=NetworkView("wired", "10.20.0.14"),
    devices=(
        DeviceView("camera", "HD Pro Webcam"),
        DeviceView("microphone", "Speakerphone"),
        DeviceView("speaker", "Speakerphone"),
    ),
    presets=(Preset("Morning round", 12), Preset("Bridge", 42), Preset("Workshop", 7)),
)
TROUBLE = Snapshot(
    name="Infirmary",
    network=NetworkView("none", ""),
    problems=(Problem("network.none", say("No network. Plug in a network cable.")),),
    devices=(
        DeviceView("camera", "", say("No camera found. Plug one in: the picture starts by itself.")),
        DeviceView("microphone", "", say("No microphone found. Plug in the speakerphone.")),
        DeviceView("speaker", "Speakerphone"),
    ),
)
NAMESAKE = replace(
    HOME,
    problems=(
        Problem(
            "name.duplicate",
            say(
                "Another box here is called {name} too. Give one of the two another name in its settings.",
                name="Harbour Office",
            ),
        ),
        Problem(
            "config.value",
            say(
                "Correct {key} in the settings file: found {found}. "
                "The last good settings are in use until then.",
                key="video.source",
                found='"webcam"',
            ),
        ),
    ),
    presets=(*HOME.presets, Preset("Galley", 8), Preset("Pilot", 900)),
)
ELSEWHERE = replace(
    HOME,
    boxes=(
        *HOME.boxes[:2],
        BoxSeen("Shipyard", "10.31.0.14", True, NOW, found_by="known"),
        BoxSeen("10.31.0.90", "10.31.0.90", False, 0.0, found_by="known"),
    ),
)
REFUSED = replace(
    HOME,
    refusal=say("That is not the right number or password.\nCheck both with the others and try again."),
    refusal_id=1,
)
TOO_OFTEN = replace(
    HOME,
    refusal=say("Too many tries with room {room} were refused.\nTry again in {n} minutes.", room=42, n=48),
    refusal_id=1,
)
JOINING = replace(HOME, phase=Phase.JOINING, joining=JoinView(42, NOW + 5.2, 3))
PROVING = replace(JOINING, joining=JoinView(42, NOW + 5.2, 3, proving=True))
TO_ADDRESS = "right right ok"  # from home to another box's address
TYPED = " ".join("10.31.0.14")
LOOKING = ConnectView("10.31.0.14", busy=True)
SILENT = ConnectView(
    "10.31.0.14",
    sentence=say("Nothing answers at {at}. Is the box on, and is this its address?", at="10.31.0.14"),
    tone=Tone.WARNING,
)
OPEN = JoiningView(True, NOW + 462)
PEERS = (
    TileView("p1", "Bridge", TileState.LIVE, speaking=True, quality=3, layer="M", meter=4),
    TileView("p2", "Engine Room", TileState.LIVE, quality=2, layer="M"),
    TileView("p3", "Infirmary", TileState.LIVE, muted=True, layer="L"),
    TileView("p4", "Workshop", TileState.RECONNECTING),
    TileView("p5", "Wheelhouse and chart room", TileState.LIVE, quality=1),
    TileView("p6", "Cabin 4", TileState.LIVE, camera_on=False, quality=3),
    TileView("p7", "Cargo Control", TileState.CONNECTING),
    *(TileView(f"p{i}", f"Cabin {i}", TileState.LIVE, quality=3, muted=i % 3 == 0) for i in range(8, 16)),
)
CALL = CallView(42, NOW - 847, OPEN, PEERS[:4])
SPEAKER = replace(CALL, layout="speaker", speaker="p2")
MUTED_HERE = (*PEERS[:2], replace(PEERS[2], muted_here=True), PEERS[3])
JOINED = (Notice(1, say("{name} joined", name="Infirmary"), Tone.CALM, NOW),)


def in_call(call: CallView, notices: tuple[Notice, ...] = ()) -> Snapshot:
    return replace(HOME, phase=Phase.IN_CALL, call=call, notices=notices)


NOTICES = (
    Notice(1, say("{name} left", name="Workshop"), Tone.CALM, NOW),
    Notice(2, say("Somebody tried to join with a wrong password"), Tone.WARNING, NOW),
    Notice(3, say("No picture from {name} for {n} s", name="Engine Room", n=10), Tone.BAD, NOW),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture to be taken: what the box says, then keys, then what the box says after them.

    ``idle``: seconds that pass after all of it.
    """

    name: str
    snapshot: Snapshot
    keys: str = ""
    after: Snapshot | None = None
    idle: float = 0.0

    def looking(self, look: LookView) -> Scene:
        """The same in another theme or language. Where pages are mirrored, so are the arrows."""
        after = replace(self.after, look=look) if self.after is not None else None
        keys = self.keys
        if look.language in RIGHT_TO_LEFT:
            keys = " ".join(OTHER_SIDE.get(key, key) for key in keys.split())
        return replace(self, snapshot=replace(self.snapshot, look=look), keys=keys, after=after)


ROOMS = (RoomView(42, True, 5), RoomView(7, False, 1), RoomView(417, False, 3))
HELD = ROOMS[1:]
AWAY = tuple(replace(peer, held=i == 1) for i, peer in enumerate(PEERS[:4]))
TO_ROOMS = "right right right right right ok"  # the first only shows the focus


def mesh(tiles: tuple[TileView, ...], **odd: tuple[LinkState, int]) -> MeshView:
    """All connections of a meeting with these peers; ``odd``: those that are not good, as ``p1_p2``."""
    boxes = (MeshBox("me", HOME.name), *(MeshBox(tile.peer, tile.name) for tile in tiles))
    links = []
    for one, other in itertools.combinations(boxes, 2):
        state, quality = odd.get(f"{one.peer}_{other.peer}", (LinkState.LIVE, 3))
        links.append(MeshLink(one.peer, other.peer, state, quality))
    return MeshView(boxes, tuple(links))


def gone(view: MeshView, peer: str) -> MeshView:
    """The same with one box that nobody reaches."""
    boxes = tuple(replace(box, away=box.away or box.peer == peer) for box in view.boxes)
    links = tuple(
        replace(link, state=LinkState.AWAY) if peer in (link.one, link.other) else link for link in view.links
    )
    return MeshView(boxes, links)


APART = (LinkState.NONE, 0)
HALF_BROKEN = replace(
    CALL,
    tiles=PEERS[1:5],
    away=(AwayView("p1", "Bridge", NOW - 70),),
    mesh=gone(
        mesh(PEERS[:5], p4_p5=APART, me_p5=(LinkState.LIVE, 1), p2_p3=(LinkState.LIVE, 2)),
        "p1",
    ),
)
FULL_MESH = replace(
    CALL,
    tiles=PEERS,
    mesh=mesh(PEERS, p4_p5=APART, me_p9=(LinkState.LIVE, 1), p2_p11=(LinkState.LIVE, 2), p8_p15=APART),
)
STAYED_AWAY = tuple(replace(peer, since=NOW - 90 * i, no_picture=i == 1) for i, peer in enumerate(PEERS[:5]))
TO_PEOPLE = "right right right right right right ok"  # the first only shows the focus

SCENES = (
    Scene("home", HOME),
    Scene("home-trouble", TROUBLE),
    Scene("home-namesake", NAMESAKE),
    Scene("home-elsewhere", ELSEWHERE),
    Scene("home-new", replace(HOME, boxes=(), presets=(), network=NetworkView("wireless", "10.20.0.14"))),
    Scene("idle", HOME, idle=30 * 60.0),
    Scene("idle-off", HOME, idle=300 * 60.0),
    Scene("keypad-room", HOME, "4 2"),
    Scene("keypad-range", HOME, "4 2 0 1"),
    Scene("keypad", HOME, "4 2 ok 1 7 4 0 2 ok", REFUSED),
    Scene("keyboard", HOME, "4 2 ok down ok S e a"),
    Scene("address", HOME, TO_ADDRESS),
    Scene("address-looking", HOME, f"{TO_ADDRESS} {TYPED} ok", replace(HOME, connect=LOOKING)),
    Scene("address-silent", HOME, f"{TO_ADDRESS} {TYPED} ok", replace(HOME, connect=SILENT)),
    Scene("keypad-too-often", HOME, "4 2 ok 1 7 4 0 2 ok", TOO_OFTEN),
    Scene("keypad-shown", HOME, "4 2 ok S e a 7 up up up up ok"),
    Scene("joining", HOME, "4 2 ok 1 2 3 4 ok", JOINING),
    Scene("joining-proving", HOME, "4 2 ok 1 2 3 4 ok", PROVING),
    Scene("coming-back", replace(HOME, phase=Phase.JOINING, coming_back=42)),
    Scene("start", in_call(CallView(417, NOW - 12, JoiningView(True, NOW + 588), password="502938"))),  # noqa: S106
    Scene("call", in_call(CALL, JOINED)),
    Scene("call-alone", in_call(replace(CALL, tiles=()))),
    Scene("call-unanswered", in_call(replace(CALL, tiles=(), unanswered=True))),
    Scene("call-2", in_call(replace(CALL, tiles=PEERS[:1]))),
    Scene("call-3", in_call(replace(CALL, tiles=PEERS[:2]), NOTICES)),
    Scene("call-leave", in_call(replace(CALL, tiles=PEERS[:3], muted=True, camera_on=False)), "back"),
    Scene("call-closed", in_call(replace(CALL, tiles=PEERS[:6], joining=JoiningView(False, None)))),
    Scene("call-shut-out", in_call(replace(CALL, shut_out=ShutOutView(NOW + 431)))),
    Scene("call-9", in_call(replace(CALL, tiles=PEERS[:8]))),
    Scene("call-16", in_call(replace(CALL, tiles=PEERS))),
    Scene("call-speaker", in_call(SPEAKER, JOINED)),
    Scene("call-speaker-2", in_call(replace(SPEAKER, tiles=PEERS[:1]))),
    Scene("call-speaker-16", in_call(replace(SPEAKER, tiles=PEERS, pinned="p9"))),
    Scene("call-pinned", in_call(replace(CALL, tiles=MUTED_HERE, pinned="p3"))),
    Scene("call-menu", in_call(CALL), "up up ok"),
    Scene("home-rooms", replace(HOME, rooms=HELD)),
    Scene("call-held", in_call(replace(CALL, tiles=AWAY))),
    Scene("call-rooms", replace(in_call(CALL), rooms=ROOMS), TO_ROOMS),
    *(Scene(*scene) for scene in preview_settings.scenes(HOME, NOW)),
    Scene("call-peace", in_call(CALL, NOTICES), idle=limits.BAR_FOR),
    Scene("call-people", in_call(replace(HALF_BROKEN, tiles=STAYED_AWAY[1:])), TO_PEOPLE),
    Scene("call-people-16", in_call(FULL_MESH), TO_PEOPLE),
    Scene("call-mesh", in_call(HALF_BROKEN), "h"),
    Scene("call-mesh-2", in_call(replace(CALL, tiles=PEERS[:1], mesh=mesh(PEERS[:1]))), "h"),
    Scene("call-mesh-16", in_call(FULL_MESH), "h"),
    Scene("call-move", in_call(CALL), "up up ok down down ok right"),
    Scene("call-no-picture", in_call(replace(CALL, tiles=STAYED_AWAY), NOTICES)),
    Scene("call-menu-close", in_call(replace(SPEAKER, tiles=MUTED_HERE)), "up up right ok down down down ok"),
)


def main(argv: list[str] | None = None) -> int:
    """Write ``NAME-WIDTHxHEIGHT.png`` of every scene and size; print each path."""
    parser = argparse.ArgumentParser(prog="python -m appliance.display.preview", description=main.__doc__)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--scene", action="append", help="only this one (may be given several times)")
    arguments = parser.parse_args(argv)
    arguments.outdir.mkdir(parents=True, exist_ok=True)
    scenes = [s for s in SCENES if not arguments.scene or s.name in arguments.scene]
    for size in SIZES:
        for path in render(scenes, size, arguments.outdir):
            sys.stdout.write(f"{path}\n")
    return 0


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


BACKDROPS = (
    ((0x4C, 0x5D, 0x76), (0x22, 0x2E, 0x3A)),
    ((0x6A, 0x58, 0x48), (0x2F, 0x27, 0x20)),
    ((0x3B, 0x68, 0x5E), (0x1A, 0x33, 0x2C)),
    ((0x55, 0x45, 0x70), (0x24, 0x1D, 0x33)),
)
SKINS = ((0xD9, 0xB3, 0x97), (0xC9, 0x9A, 0x7D), (0xA8, 0x7B, 0x5E), (0xE3, 0xC1, 0xA6))
CLOTHES = ((0x33, 0x48, 0x60), (0x7A, 0x3E, 0x39), (0xE4, 0xE8, 0xED), (0x3F, 0x5C, 0x45))


@lru_cache(maxsize=64)
def portrait(name: str, width: int, height: int) -> bytes:
    """A made-up picture from a meeting room, RGB: somebody in front of a wall."""
    seed = sum(name.encode())
    top, bottom = BACKDROPS[seed % 4]
    small = pygame.Surface((2, 2))
    for column in range(2):
        for row in range(2):
            mixed = [round(a + (b - a) * (column + row) / 2) for a, b in zip(top, bottom, strict=True)]
            small.set_at((column, row), (mixed[0], mixed[1], mixed[2]))
    surface = pygame.transform.smoothscale(small, (width * 2, height * 2))
    people = 2 if seed % 3 == 0 else 1
    head = height * (0.33 if people == 1 else 0.28)
    for i in range(people):
        x = width + (height * 0.5 * (2 * i - 1) if people == 2 else 0)
        y = height * (0.96 + 0.07 * i)
        body = pygame.Rect(round(x - head * 0.92), round(y + head * 0.62), round(head * 1.84), height * 2)
        pygame.draw.rect(surface, CLOTHES[(seed + i) % 4], body, border_radius=round(head * 0.8))
        pygame.draw.circle(surface, SKINS[(seed + i) % 4], (x, y), head * 0.5)
    return pygame.image.tobytes(pygame.transform.smoothscale(surface, (width, height)), "RGB")


if __name__ == "__main__":
    raise SystemExit(main())
