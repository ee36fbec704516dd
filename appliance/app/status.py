"""What the box says about itself: the snapshot for the screen, ``status`` and ``stats`` for a script."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
import psutil

from appliance.app.peer_shell import PeerShell
from appliance.app.problems import problems
from appliance.bridge import DrawnStats
from appliance.config import Config
from appliance.control import protocol
from appliance.core.call import CallState
from appliance.core.layers import Layer
from appliance.core.limits import (
    FPS_WINDOW,
    NOTICE_KEPT_FOR,
)
from appliance.core.peer_table import PeerState
from appliance.core.view import (
    CallView,
    JoiningView,
    JoinView,
    LookView,
    NetworkView,
    Phase,
    Preset,
    RoomView,
    ShutOutView,
    Snapshot,
    TileState,
    TileView,
)
from appliance.media.audio.sequence import BANDS
from appliance.media.link_stats import LinkStats

if TYPE_CHECKING:
    from appliance.app.box import Box
    from appliance.app.session import Session

_PHASES = {CallState.IDLE: Phase.IDLE, CallState.JOINING: Phase.JOINING, CallState.IN_CALL: Phase.IN_CALL}
_TILE_STATES = {
    PeerState.IDENTIFIED: TileState.CONNECTING,
    PeerState.CONNECTING: TileState.CONNECTING,
    PeerState.LIVE: TileState.LIVE,
    PeerState.SILENT: TileState.RECONNECTING,
}
_ON_SCREEN = frozenset(_TILE_STATES)


def snapshot(box: Box) -> Snapshot:
    """What the screen shows now."""
    session = box.session
    return Snapshot(
        name=box.name,
        phase=_PHASES[session.call.state] if session is not None else Phase.IDLE,
        boxes=(
            *(seen for seen in box.book.seen(box.now()) if not seen.elsewhere),
            *box.elsewhere.boxes,
        ),
        network=_network(box),
        devices=box.devices,
        presets=tuple(Preset(preset.label, preset.room) for preset in box.config.presets),
        call=_call(box),
        rooms=tuple(
            RoomView(session.room, session is box.rooms.active, 1 + len(_here(session)))
            for session in box.rooms.sessions
            if session.call.state is CallState.IN_CALL
        ),
        coming_back=box.rooms.coming_back,
        refusal=box.rooms.refusal,
        refusal_id=box.rooms.refusal_id,
        notices=tuple(box.notices),
        sound_check=box.sound_checks.view,
        connect=box.book.view,
        problems=problems(box),
        joining=_join(session),
        look=look(box.config),
        settings=box.settings.view,
    )


def _join(session: Session | None) -> JoinView | None:
    if session is None or session.call.state is not CallState.JOINING:
        return None
    return JoinView(session.room, session.call.give_up_at, session.channels.asked, session.proving.pending)


def look(config: Config) -> LookView:
    """How the screen looks, as the config says."""
    display = config.display
    return LookView(display.theme, display.reduced_motion, display.language)


def in_a_line(box: Box) -> str:
    """What the box does, for a service manager's status; English, and without names or numbers of rooms."""
    session = box.session
    if session is None:
        return "At home, waiting for somebody" if not box.rooms.sessions else "At home, rooms on hold"
    others = len(_here(session))
    return "In a meeting with {} other {}".format(others, "box" if others == 1 else "boxes")


def tiles_in_order(session: Session) -> list[str]:
    """The peers that have a tile, in the order of their tiles."""
    here = [peer_id for peer_id, shell in session.peers.items() if shell.machine.state in _ON_SCREEN]
    return session.order.sorted(here)


def _here(session: Session) -> list[PeerShell]:
    """The same, with what owns them."""
    return [session.peers[peer_id] for peer_id in tiles_in_order(session)]


def _network(box: Box) -> NetworkView:
    interface = next(iter(box.interfaces), None)
    if interface is None or not interface.addresses:
        return NetworkView("none", "")
    return NetworkView(interface.kind, interface.addresses[0])


def _call(box: Box) -> CallView | None:
    session = box.session
    if session is None or session.call.state is not CallState.IN_CALL:
        return None
    window = session.door.window
    return CallView(
        room=session.room,
        since=session.since,
        joining=JoiningView(window.open, window.closes_at if window.open else None),
        tiles=tuple(_tile(shell, session) for shell in _here(session)),
        muted=box.muted,
        camera_on=box.camera_on,
        password=session.made_up_password,
        layout=box.layout,
        pinned=box.pinned if box.pinned in session.peers else None,
        speaker=session.hearing.speaker.peer,
        hidden=box.tiles_hidden,
        meter=session.hearing.own.meter,
        shut_out=_shut_out(session),
        unanswered=session.unanswered,
        away=session.mesh.away(),
        mesh=session.mesh.view(box.name, box.now()),
        arriving=session.media.arriving,
    )


def _shut_out(session: Session) -> ShutOutView | None:
    """Whether newcomers are shut out; with a closed door there are none."""
    out = session.proving.shut_out if session.door.window.open else None
    return ShutOutView(out.until, out.admitted) if out is not None else None


def _tile(shell: PeerShell, session: Session) -> TileView:
    machine = shell.machine
    stats = shell.media.stats() if shell.media is not None else None
    return TileView(
        peer=machine.peer_id,
        name=machine.name,
        state=_TILE_STATES[machine.state],
        muted=machine.muted,
        camera_on=machine.camera_on,
        speaking=shell.speaking.now,
        quality=session.mesh.quality(machine.peer_id),
        layer=stats.layer if stats is not None else "",
        muted_here=shell.muted_here,
        held=machine.held,
        meter=shell.speaking.meter,
        since=machine.milestones.get("identified", session.since),
        no_picture=session.mesh.no_picture(machine.peer_id),
    )


def _loss(stats: LinkStats | None) -> float | None:
    if stats is None:
        return None
    total = stats.packets_received + stats.packets_lost
    return stats.packets_lost / total if total else 0.0


# --- status and stats -----------------------------------------------------------------------------


def status(box: Box) -> dict[str, Any]:
    """The reply to ``status``."""
    session = box.session
    in_room = session is not None and session.call.state is not CallState.IDLE
    return protocol.Status(
        id=box.box_id,
        name=box.name,
        state=session.call.state.value if session is not None else CallState.IDLE.value,
        room=session.room if session is not None and in_room else None,
        rooms=tuple(_room_status(box, each) for each in box.rooms.sessions),
        joining=_joining(box, session) if session is not None and in_room else protocol.JoiningStatus(),
        boxes=tuple(
            protocol.BoxStatus(
                name=found.name, address=next(iter(found.addresses), ""), present=found.present
            )
            for found in box.found
        ),
        peers=tuple(_peer_status(box, shell) for shell in (_here(session) if session is not None else ())),
        away=tuple(away.name for away in session.mesh.away()) if session is not None else (),
        links=_links(box, session) if session is not None and in_room else (),
        strangers=_strangers(session, box.now()),
        muted=box.muted,
        echo_control=box.engine.echo_control,
        says=_says(box),
        problems=tuple(str(problem.sentence) for problem in problems(box)),
        counters=counters(box),
    ).reply()


def _links(box: Box, session: Session) -> tuple[protocol.LinkStatus, ...]:
    mesh = session.mesh.view(box.name, box.now())
    names = {one.peer: one.name for one in mesh.boxes}
    return tuple(
        protocol.LinkStatus(
            one=names[link.one],
            other=names[link.other],
            state=link.state.value,
            quality=link.quality,
            loss=link.loss,
            rtt_ms=link.rtt_ms,
            layer=link.layer,
        )
        for link in mesh.links
    )


def _says(box: Box) -> tuple[str, ...]:
    """What happened, as the screen tells it now."""
    notices = [notice.text for notice in box.notices if box.now() - notice.at < NOTICE_KEPT_FOR]
    said = (*([box.rooms.refusal] if box.rooms.refusal else []), *notices)
    return tuple(str(words) for words in said)


def _strangers(session: Session | None, now: float) -> protocol.StrangersStatus:
    if session is None or session.call.state is not CallState.IN_CALL:
        return protocol.StrangersStatus()
    out = session.proving.shut_out
    return protocol.StrangersStatus(
        shut_out=out is not None,
        again_in_s=round(out.until - now, 1) if out is not None and out.until is not None else None,
        admitted=out is not None and out.admitted,
        wrong=session.proving.strangers_wrong,
    )


def _room_status(box: Box, session: Session) -> protocol.RoomStatus:
    return protocol.RoomStatus(
        room=session.room,
        active=session is box.rooms.active,
        state=session.call.state.value,
        peers=tuple(shell.machine.name for shell in _here(session)),
        joining=_joining(box, session),
    )


def _joining(box: Box, session: Session) -> protocol.JoiningStatus:
    window = session.door.window
    left = round(window.remaining(box.now()), 1) if window.open else None
    return protocol.JoiningStatus(open=window.open, closes_in_s=left)


def counters(box: Box) -> dict[str, int]:
    """Everything that was dropped, refused or lost, by stable code."""
    total = box.counters + box.server.counters + box.rooms.relay_counters
    if box.discovery is not None:
        total += box.discovery.counters
    return dict(sorted(total.items()))


def _peer_status(box: Box, shell: PeerShell) -> protocol.PeerStatus:
    machine = shell.machine
    drawn = box.bridge.drawn(machine.peer_id)
    stats = shell.media.stats() if shell.media is not None else None
    return protocol.PeerStatus(
        id=machine.peer_id,
        name=machine.name,
        state=_TILE_STATES[machine.state].value,
        layer=stats.layer if stats is not None else "",
        width=drawn.width if drawn else 0,
        height=drawn.height if drawn else 0,
        fps=_fps(drawn),
        latency_ms=_percentile(drawn.latencies_ms, 0.5) if drawn else None,
        rtt_ms=round(machine.rtt_ms, 2) if machine.rtt_ms is not None else None,
        loss=_loss(stats),
        muted=machine.muted,
        muted_here=shell.muted_here,
        speaking=shell.speaking.now,
        held=machine.held,
        skew_ms=stats.skew_ms if stats is not None else None,
        picture_wait_ms=stats.picture_wait_ms if stats is not None else 0.0,
        sending=_sending(shell),
    )


def _sending(shell: PeerShell) -> protocol.SendingStatus:
    sending = shell.sending
    return protocol.SendingStatus(
        layer=sending.layer.value if sending.layer is not None else "",
        wanted=sending.wanted.value if sending.wanted is not None else "",
        cap=sending.cap.value,
        capped_by=sending.capped_by,
    )


def _fps(drawn: DrawnStats | None) -> float:
    """Pictures drawn per second over the last ``FPS_WINDOW``."""
    if drawn is None:
        return 0.0
    now = time.monotonic()
    recent = sum(1 for at in drawn.times if now - at <= FPS_WINDOW)
    return round(recent / min(FPS_WINDOW, max(now - drawn.first_at, 0.1)), 1)


def sequences(box: Box, since: float = 0.0) -> dict[str, dict[str, Any]]:
    """What the test speaker heard of each test sequence, by band; takes some tens of milliseconds."""
    seconds = box.now() - since if since else None
    reports = {str(band): box.engine.sequence_report(band, seconds) for band in range(BANDS)}
    return {band: asdict(report) for band, report in reports.items() if report is not None}


def stats(box: Box, heard: dict[str, dict[str, Any]], since: float = 0.0) -> dict[str, Any]:
    """The reply to ``stats``: the long list of numbers behind ``status``.

    ``heard``: see ``sequences``. ``since``: latencies and lateness of this time and later only.
    """
    session = box.session
    return {
        "v": 1,
        "id": box.box_id,
        "name": box.name,
        "now": box.now(),
        "pressed_at": session.pressed_at if session is not None else None,
        "peers": [_peer_stats(box, shell, since) for shell in (session.peers.values() if session else ())],
        "held": {
            str(held.room): [_peer_stats(box, shell, since) for shell in held.peers.values()]
            for held in box.rooms.sessions
            if held is not session
        },
        "sequence": heard,
        "camera": box.camera.stats(),
        "audio": box.engine.stats(),
        "loop_lag_ms": box.lag.stats(since),
        "queues": _queues({"intents": box.intents.waiting}),
        "counters": counters(box),
        "abuse": box.abuse.stats(),
        "process": _process(),
    }


def _queues(depths: Mapping[str, tuple[int, int]]) -> dict[str, dict[str, int]]:
    """How full queues are at this moment: what waits in each, and the most that may."""
    return {name: {"waiting": waiting, "bound": bound} for name, (waiting, bound) in depths.items()}


def _peer_stats(box: Box, shell: PeerShell, since: float) -> dict[str, Any]:
    machine = shell.machine
    drawn = box.bridge.drawn(machine.peer_id)
    stats = shell.media.stats() if shell.media is not None else None
    layer = stats.layer if stats is not None else ""
    measured = zip(drawn.measured_at, drawn.latencies_ms, strict=True) if drawn else ()
    late = sorted(latency for at, latency in measured if at >= since)
    return {
        "id": machine.peer_id,
        "box_id": machine.box_id,
        "name": machine.name,
        "state": machine.state.value,
        "line": machine.line_state.value,
        "milestones": machine.milestones,
        "generation": machine.bound,
        "drawn": drawn.count if drawn else 0,
        "first_drawn_at": drawn.first_at if drawn else None,
        "fps": _fps(drawn),
        "layer": layer,
        "layer_fps": Layer(layer).spec.fps if layer else 0,
        "width": drawn.width if drawn else 0,
        "height": drawn.height if drawn else 0,
        "latency_ms": {
            "p50": _percentile(late, 0.5),
            "p95": _percentile(late, 0.95),
            "samples": len(late),
        },
        "rtt_ms": machine.rtt_ms,
        "skew_ms": stats.skew_ms if stats is not None else None,
        "picture_wait_ms": stats.picture_wait_ms if stats is not None else 0.0,
        "sending": msgspec.to_builtins(_sending(shell)),
        "link": asdict(stats) if stats is not None else None,
        "queues": _queues(shell.queues()),
    }


def _percentile(samples: Any, share: float) -> float | None:
    ordered = sorted(samples)
    return round(ordered[round(share * (len(ordered) - 1))], 2) if ordered else None


def _process() -> dict[str, Any]:
    me = psutil.Process()
    with me.oneshot():
        times = me.cpu_times()
        return {
            "rss_mb": round(me.memory_info().rss / 2**20, 2),
            "threads": threading.active_count(),
            "fds": me.num_fds(),
            "tasks": len(asyncio.all_tasks()),
            "children": len(me.children(recursive=True)),
            "cpu_s": round(times.user + times.system, 2),
            "pid": os.getpid(),
        }
