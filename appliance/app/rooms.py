"""The rooms that this box is in: one is active, the others are on hold.

The active room has the microphone, the camera and the speaker, and is on the screen. In a room on hold
the others see a poster; nothing but heartbeats goes either way, so it costs next to nothing. Joining
another room puts the active one on hold, and so does switching to one; leaving the active one ends at
home, from where one press goes on with a room on hold. Who was refused, or gives up joining, is back in
the room from which it came.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from appliance.app import memory
from appliance.app.kept import KeptFile, boot_clock, boot_id
from appliance.app.lines import answer_line
from appliance.app.media_parts import MediaParts
from appliance.app.session import Session
from appliance.app.surroundings import Surroundings
from appliance.core import limits
from appliance.core.call import CallState
from appliance.core.line_gate import LineGate
from appliance.core.rejoin import Kept, restore
from appliance.core.view import Tone
from appliance.core.whereabouts import Me
from appliance.core.words import Text, say, say_n
from appliance.errors import ControlError, StartError
from appliance.signaling.client import ServerAddress
from appliance.signaling.interfaces import may_dial
from appliance.signaling.line_socket import LineSocket

if TYPE_CHECKING:
    from appliance.app.box import Box

log = logging.getLogger("meetingbox")


class Rooms:
    """Owns the sessions; everything runs on the network thread."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._sessions: dict[int, Session] = {}  # by room, in the order in which they were joined
        self._from: dict[int, int] = {}  # a room that is being joined -> the one that was active before
        self._line_gate = LineGate()
        self._changing = asyncio.Lock()  # one at a time joins, leaves, switches or is thrown out
        self._stopping = False
        self.comes_back = False  # the box stops to start again: nobody is told that it leaves
        self._kept = KeptFile(box.runtime_dir, box.state_dir)
        self._coming_back = False
        self._ready = asyncio.Event()  # lines are answered: what a restart left is in use
        self.active: Session | None = None
        self.refusal: Text | None = None
        self.refusal_id = 0

    # --- what the box asks ------------------------------------------------------------------------

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Every room, in the order in which they were joined."""
        return tuple(self._sessions.values())

    @property
    def anybody(self) -> bool:
        """Is anybody else in any of the rooms?"""
        return any(session.peers for session in self._sessions.values())

    @property
    def coming_back(self) -> int | None:
        """The room on the screen, while the box looks for its members after a restart."""
        active = self.active
        looking = active is not None and active.password is None and active.call.state is CallState.JOINING
        return active.room if active is not None and looking else None

    @property
    def fingerprints(self) -> list[str]:
        """Of every certificate in use."""
        shells = [shell for session in self._sessions.values() for shell in session.peers.values()]
        return [fingerprint for shell in shells for fingerprint in shell.fingerprints]

    @property
    def relay_counters(self) -> Counter[str]:
        """What the relays of all rooms dropped or lost, by stable code."""
        return sum((s.channels.counters for s in self._sessions.values()), Counter[str]())

    def in_call(self) -> Session:
        """The meeting on the screen. Raises ControlError when there is none."""
        if self.active is None or self.active.call.state is not CallState.IN_CALL:
            raise ControlError("call.none", "This box is in no meeting.")
        return self.active

    def set_servers(self, servers: Iterable[ServerAddress]) -> None:
        """The signaling servers known now."""
        known = tuple(servers)
        for session in self.sessions:
            session.set_servers(known)

    def set_media(self, muted: bool, camera_on: bool) -> None:
        """Our microphone and camera, as the others should show them."""
        for session in self.sessions:
            session.set_media(muted, camera_on)
        self.keep()

    def follow_addresses(self) -> None:
        """This box's addresses changed."""
        for session in self.sessions:
            session.follow_addresses()

    def allows(self, room: int) -> bool:
        """May our own server let anybody into this room?"""
        session = self._sessions.get(room)
        return session is None or session.door.window.open

    async def line_in(self, line: LineSocket) -> None:
        """Somebody dialed a direct line here."""
        await self._ready.wait()
        lines = [session.lines for session in self.sessions]
        await answer_line(line, lines, self._line_gate, self._box.now, self._box.count)

    # --- restarting in the middle of a meeting --------------------------------------------------------

    def keep(self) -> None:
        """Keep what a restart needs; called whenever that changed. Takes a fraction of a millisecond."""
        if self._stopping or self._coming_back or not self._kept.usable:
            return
        joined = [session.kept(active=session is self.active) for session in self.sessions]
        rooms = tuple(room for room in joined if room is not None)
        if not rooms:
            self._kept.erase()
            return
        box = self._box
        self._kept.write(
            Kept(1, boot_id(), boot_clock(), box.media.muted, box.media.camera_on, rooms).to_state()
        )

    async def come_back(self) -> None:
        """Go on where this box was when it stopped or crashed."""
        try:
            await self._come_back()
        finally:
            self._ready.set()

    async def _come_back(self) -> None:
        box = self._box
        data = self._kept.read()
        if not data:
            return
        try:
            kept, rooms = restore(data, boot_id(), boot_clock(), box.now())
        except StartError as error:
            log.info("%s", error.code)
            self._kept.erase()
            return
        async with self._changing:
            self._coming_back = True  # what is there is kept until all of it is in use again
            box.set_media(muted=kept.muted, camera_on=kept.camera_on)
            for again in rooms:
                room = again.joined.room
                if again.joined.box_id != box.box_id or room in self._sessions or self._stopping:
                    continue
                log.info("rejoin.begins room=%d members=%d", room, len(again.joined.members))
                session = Session(
                    self._around(room), room, None, made_up=False, pressed_at=box.now(), again=again
                )
                session.come_back(again)
                self._begin(session, held=not again.joined.active or self.active is not None)
            self._coming_back = False
            self.keep()

    def _nobody(self, session: Session) -> None:
        self._box.count("rejoin.nobody")
        log.info("rejoin.nobody room=%d", session.room)
        self._box.tasks.spawn(self._after_refusal(session), "nobody")

    # --- joining, leaving, switching --------------------------------------------------------------

    async def join(self, room: int, password: str, *, made_up: bool, pressed_at: float) -> None:
        """Join a room, and put the active one on hold. One that we are in already is joined anew.

        Raises ControlError while the box stops, and when it is in as many rooms as it may be.
        """
        async with self._changing:
            if self._stopping:
                raise ControlError("box.stopping", "This box is being switched off.")
            if room not in self._sessions and len(self._sessions) >= limits.ROOMS_MAX:
                sentence = say_n(
                    "This box is in {n} room already: leave it first.",
                    "This box is in {n} rooms already: leave one of them first.",
                    limits.ROOMS_MAX,
                )
                self._refuse(sentence)
                raise ControlError("rooms.too-many", sentence)
            before = self.active
            if (same := self._sessions.get(room)) is not None:
                await self._end(same)
            self.refusal = None
            self._box.settings.close()  # before the session exists: its sound is the meeting's
            session = Session(self._around(room), room, password, made_up=made_up, pressed_at=pressed_at)
            self._begin(session)
            if before is not None and before is not same:
                self._from[room] = before.room

    def _begin(self, session: Session, *, held: bool = False) -> None:
        box = self._box
        self._sessions[session.room] = session
        session.set_media(box.media.muted, box.media.camera_on)
        if held:
            session.hold(True)
        else:
            self._activate(session)
            session.media.show_tiles(box.tiles)
        session.set_servers(box.servers())

    async def switch(self, room: int) -> None:
        """Go on with a room that is on hold. Raises ControlError for one that this box is not in."""
        async with self._changing:
            self._activate(self._in(room))

    def _in(self, room: int) -> Session:
        session = self._sessions.get(room)
        if session is None:
            raise ControlError(
                "call.other-room", f"This box is not in room {room}; join it with its password."
            )
        return session

    async def leave(self, room: int | None = None) -> None:
        """Leave a room, or give up joining it; None: the active one, if any. Raises ControlError for a
        room that this box is not in.
        """
        async with self._changing:
            session = self.active if room is None else self._in(room)
            if session is not None:
                await self._end_and_return(session)
        self.refusal = None
        self._box.changed()

    def refused(self, session: Session, code: str, sentence: Text) -> None:
        """Joining this room failed."""
        self._box.count(code)
        self._refuse(sentence)
        self._box.tasks.spawn(self._after_refusal(session), "refused")

    def _refuse(self, sentence: Text) -> None:
        self.refusal = sentence
        self.refusal_id += 1
        self._box.changed()

    async def _after_refusal(self, session: Session) -> None:
        async with self._changing:
            if self._sessions.get(session.room) is session:  # no quick hand has begun it anew meanwhile
                await self._end_and_return(session)
        self._box.changed()

    async def _end_and_return(self, session: Session) -> None:
        """End a room; who never came into it is back in the one that was active before."""
        before = self._sessions.get(self._from.get(session.room, 0))
        arrived = session.call.state is CallState.IN_CALL
        if session is self.active and before is not None and not arrived:
            self._activate(before)
        await self._end(session)

    async def begin_anew(self) -> None:
        """This box has another identity and name: join with them again. A room that is closed to newcomers
        keeps the old ones until it is left.
        """
        async with self._changing:
            for before in self.sessions:
                if self._stopping or before.password is None or not before.door.window.open:
                    continue
                held = before is not self.active
                await self._end(before)
                session = Session(
                    self._around(before.room),
                    before.room,
                    before.password,
                    made_up=before.made_up_password is not None,
                    pressed_at=before.pressed_at,
                )
                self._begin(session, held=held)

    async def end_all(self) -> None:
        """The box stops: leave every room, or only let go of it; none is joined any more."""
        self.keep()
        self._stopping = True
        quietly = self.comes_back and self._kept.usable
        if not quietly:
            self._kept.erase()
        async with self._changing:
            await asyncio.gather(*(self._end(session, quietly=quietly) for session in self.sessions))

    async def _end(self, session: Session, *, quietly: bool = False) -> None:
        self._sessions.pop(session.room, None)
        self._from.pop(session.room, None)
        if session is self.active:
            self._activate(None)
        self.keep()
        try:
            await session.leave(quietly=quietly)
        finally:
            self._box.book.joined(*session.channels.servers_dialed)
            self._box.records.save_budgets()
            memory.collect()
            self._box.housekeeping.rest_soon()

    def _activate(self, session: Session | None) -> None:
        """Give a room microphone, camera and speaker; the one that had them is put on hold."""
        before, self.active = self.active, session
        if session is before:
            return
        box = self._box
        box.pinned = None
        box.tiles_hidden = False
        if session is not None:
            box.settings.close()
            session.hold(False)
        if before is not None:
            # Only now: a layer that somebody watches in both rooms is encoded without a pause.
            before.hold(True)
        box.media.engine.set_active(session is not None)
        box.keep_quiet()
        box.look()
        box.changed(at_once=True)
        self.keep()

    # --- what a session needs of its box ------------------------------------------------------------

    def _around(self, room: int) -> Surroundings:
        box = self._box
        identity, name = box.identity, box.name  # for as long as the box is in this room
        media = MediaParts(
            hosts=lambda: tuple(box.addresses()),
            may_dial=lambda address: may_dial(address, box.interfaces),
            video=box.media.video,
            sound=box.media.sound,
            engine=box.media.engine,
            show=box.show,
            forget=box.bridge.forget,
            used_fingerprints=lambda: self.fingerprints,
            link_closed=box.housekeeping.link_closed,
        )
        return Surroundings(
            me=lambda peer_id: Me(identity, name, peer_id, tuple(box.addresses()), box.server.port),
            token=box.config.signaling.token,
            joining_minutes=box.config.call.joining_minutes,
            uplink=1000 * box.config.video.uplink_kbps,
            media=media,
            records=box.records,
            now=box.now,
            count=box.count,
            notify=lambda text, tone: self._notify(room, text, tone),
            changed=box.changed,
            refused=self.refused,
            relay_lost=box.relay_lost,
            arriving=box.keep_quiet,
            alone=box.housekeeping.rest_soon,
            close_room=box.server.close_room,
            in_room=box.server.clients,
            same_room=box.looks_for_same_room,
            mute=lambda: box.set_media(muted=True),
            cloned=box.copies.met,
            keep=self.keep,
            at=box.book.met,
            nobody=self._nobody,
        )

    def _notify(self, room: int, text: Text, tone: Tone) -> None:
        """What happens in a room on hold is told with its number."""
        away = self.active is None or self.active.room != room
        self._box.notify(say("Room {room}: {what}", room=room, what=text) if away else text, tone)
