"""The snapshot: what the screen shows of the box now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.app.first_page import look, presets
from appliance.app.peer_shell import PeerShell
from appliance.app.problems import problems
from appliance.app.tiles_here import TILE_STATES, shells_here
from appliance.core.call import CallState
from appliance.core.call_view import CallView, JoiningView, ShutOutView, TileView
from appliance.core.view import JoinView, NetworkView, Phase, RoomView, Snapshot

if TYPE_CHECKING:
    from appliance.app.box import Box
    from appliance.app.session import Session

_PHASES = {CallState.IDLE: Phase.IDLE, CallState.JOINING: Phase.JOINING, CallState.IN_CALL: Phase.IN_CALL}


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
        devices=box.media.devices,
        presets=presets(box.config),
        call=_call(box),
        rooms=tuple(
            RoomView(session.room, session is box.rooms.active, 1 + len(shells_here(session)))
            for session in box.rooms.sessions
            if session.call.state is CallState.IN_CALL
        ),
        coming_back=box.rooms.coming_back,
        refusal=box.rooms.refusal,
        refusal_id=box.rooms.refusal_id,
        notices=tuple(box.publisher.notices),
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
        tiles=tuple(_tile(shell, session) for shell in shells_here(session)),
        muted=box.media.muted,
        camera_on=box.media.camera_on,
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
    return TileView(
        peer=machine.peer_id,
        name=machine.name,
        state=TILE_STATES[machine.state],
        muted=machine.muted,
        camera_on=machine.camera_on,
        speaking=shell.speaking.now,
        quality=session.mesh.quality(machine.peer_id),
        layer=shell.media.layer if shell.media is not None else "",
        muted_here=shell.muted_here,
        held=machine.held,
        meter=shell.speaking.meter,
        since=machine.milestones.get("identified", session.since),
        no_picture=session.mesh.no_picture(machine.peer_id),
    )
