"""The reply to ``status``: what the box says of itself to a script, and to a service manager in a line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from appliance.app.peer_shell import PeerShell
from appliance.app.problems import problems
from appliance.app.tiles_here import TILE_STATES, shells_here
from appliance.bridge import DrawnStats
from appliance.control import protocol
from appliance.core.call import CallState
from appliance.core.limits import FPS_WINDOW, NOTICE_KEPT_FOR
from appliance.media.link_stats import LinkStats

if TYPE_CHECKING:
    from appliance.app.box import Box
    from appliance.app.session import Session


def in_a_line(box: Box) -> str:
    """What the box does, for a service manager's status; English, and without names or numbers of rooms."""
    session = box.session
    if session is None:
        return "At home, waiting for somebody" if not box.rooms.sessions else "At home, rooms on hold"
    others = len(shells_here(session))
    return "In a meeting with {} other {}".format(others, "box" if others == 1 else "boxes")


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
        peers=tuple(
            _peer_status(box, shell) for shell in (shells_here(session) if session is not None else ())
        ),
        away=tuple(away.name for away in session.mesh.away()) if session is not None else (),
        links=_links(box, session) if session is not None and in_room else (),
        strangers=_strangers(session, box.now()),
        muted=box.media.muted,
        echo_control=box.media.engine.echo_control,
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
    notices = [notice.text for notice in box.publisher.notices if box.now() - notice.at < NOTICE_KEPT_FOR]
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
        peers=tuple(shell.machine.name for shell in shells_here(session)),
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
        state=TILE_STATES[machine.state].value,
        layer=stats.layer if stats is not None else "",
        width=drawn.width if drawn else 0,
        height=drawn.height if drawn else 0,
        fps=fps(drawn),
        latency_ms=percentile(drawn.latencies_ms, 0.5) if drawn else None,
        rtt_ms=round(machine.rtt_ms, 2) if machine.rtt_ms is not None else None,
        loss=_loss(stats),
        muted=machine.muted,
        muted_here=shell.muted_here,
        speaking=shell.speaking.now,
        held=machine.held,
        skew_ms=stats.skew_ms if stats is not None else None,
        picture_wait_ms=stats.picture_wait_ms if stats is not None else 0.0,
        sending=sending(shell),
    )


def sending(shell: PeerShell) -> protocol.SendingStatus:
    """What a peer gets of our pictures, and why."""
    given = shell.sending
    return protocol.SendingStatus(
        layer=given.layer.value if given.layer is not None else "",
        wanted=given.wanted.value if given.wanted is not None else "",
        cap=given.cap.value,
        capped_by=given.capped_by,
    )


def fps(drawn: DrawnStats | None) -> float:
    """Pictures drawn per second over the last ``FPS_WINDOW``."""
    if drawn is None:
        return 0.0
    now = time.monotonic()
    recent = sum(1 for at in drawn.times if now - at <= FPS_WINDOW)
    return round(recent / min(FPS_WINDOW, max(now - drawn.first_at, 0.1)), 1)


def _loss(stats: LinkStats | None) -> float | None:
    if stats is None:
        return None
    total = stats.packets_received + stats.packets_lost
    return stats.packets_lost / total if total else 0.0


def percentile(samples: Any, share: float) -> float | None:
    """The sample below which this share of all is, None without any."""
    ordered = sorted(samples)
    return round(ordered[round(share * (len(ordered) - 1))], 2) if ordered else None
