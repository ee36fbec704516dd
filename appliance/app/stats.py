"""The reply to ``stats``: the long list of numbers behind ``status``."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
import psutil

from appliance.app.peer_shell import PeerShell
from appliance.app.status import counters, fps, percentile, sending
from appliance.core.layers import Layer
from appliance.media.audio.sequence import BANDS

if TYPE_CHECKING:
    from appliance.app.box import Box


def sequences(box: Box, since: float = 0.0) -> dict[str, dict[str, Any]]:
    """What the test speaker heard of each test sequence, by band; takes some tens of milliseconds."""
    seconds = box.now() - since if since else None
    reports = {str(band): box.media.engine.sequence_report(band, seconds) for band in range(BANDS)}
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
        "camera": box.media.camera.stats(),
        "audio": box.media.engine.stats(),
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
        "fps": fps(drawn),
        "layer": layer,
        "layer_fps": Layer(layer).spec.fps if layer else 0,
        "width": drawn.width if drawn else 0,
        "height": drawn.height if drawn else 0,
        "latency_ms": {
            "p50": percentile(late, 0.5),
            "p95": percentile(late, 0.95),
            "samples": len(late),
        },
        "rtt_ms": machine.rtt_ms,
        "skew_ms": stats.skew_ms if stats is not None else None,
        "picture_wait_ms": stats.picture_wait_ms if stats is not None else 0.0,
        "sending": msgspec.to_builtins(sending(shell)),
        "link": asdict(stats) if stats is not None else None,
        "queues": _queues(shell.queues()),
    }


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
