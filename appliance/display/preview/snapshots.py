"""What a made-up box says: at home, in trouble, joining, in meetings of every size."""

from __future__ import annotations

import itertools
from dataclasses import replace

from appliance.core.call_view import (
    AwayView,
    CallView,
    JoiningView,
    LinkState,
    MeshBox,
    MeshLink,
    MeshView,
    TileState,
    TileView,
)
from appliance.core.view import (
    BoxSeen,
    ConnectView,
    DeviceView,
    JoinView,
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

NOW = 100_000.0  # monotonic seconds at which every preview stands still
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
ROOMS = (RoomView(42, True, 5), RoomView(7, False, 1), RoomView(417, False, 3))
HELD = ROOMS[1:]
AWAY = tuple(replace(peer, held=i == 1) for i, peer in enumerate(PEERS[:4]))


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
