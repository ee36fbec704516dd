"""The connections of one peer, as their shell: each generation is made, described, opened and closed."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from appliance.app.media_parts import MediaParts
from appliance.core import peer_effects as core
from appliance.core.bind import Ends
from appliance.core.peer import Peer
from appliance.errors import MeetingBoxError, RemoteProtocolError
from appliance.media.audio.receive import PeerSound
from appliance.media.link import CONNECTED, MediaLink

log = logging.getLogger(__name__)

_serial = itertools.count()  # of connections: a peer that proves itself again has new ones


@dataclass(slots=True)
class Connection:
    """``sound_key``: what the engine calls its sound."""

    media: MediaLink
    sound: PeerSound
    sound_key: str


class PeerLinks:
    """Owns the connections.

    ``run``: carry out what the machine decides. ``spawn(work, what)``: run it as a task of the peer's.
    """

    def __init__(
        self,
        machine: Peer,
        parts: MediaParts,
        now: Callable[[], float],
        *,
        run: Callable[[list[core.Effect]], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
    ) -> None:
        self._machine = machine
        self._parts = parts
        self._now = now
        self._run = run
        self._spawn = spawn
        self._links: dict[int, Connection] = {}
        self._closing: dict[int, Connection] = {}
        self._tile: tuple[int, int] | None = None
        self._silenced = False
        self.held = False
        """The room is on hold here."""
        self.ended = False
        """The peer is over: what becomes of a connection is no news any more."""

    @property
    def bound(self) -> Connection | None:
        """The one that carries media, or None."""
        bound = self._machine.bound
        return self._links.get(bound) if bound is not None else None

    @property
    def fingerprints(self) -> list[str]:
        """Of every certificate that they use, ours and theirs."""
        found = []
        for link in (*self._links.values(), *self._closing.values()):
            found.append(link.media.local_fingerprint)
            if (theirs := link.media.remote_fingerprint) is not None:
                found.append(theirs)
        return found

    def queues(self) -> dict[str, tuple[int, int]]:
        """(what waits, the most that may) in each queue of the one that carries media."""
        link = self.bound
        return link.media.queues() | {"sounds_in": link.sound.queue} if link is not None else {}

    # --- how they are ---------------------------------------------------------------------------------

    def show_at(self, size: tuple[int, int] | None) -> None:
        """The tile's size on this box's screen in pixels, None while it is hidden."""
        self._tile = size
        for link in self._links.values():
            link.media.set_tile(size)

    def silence(self, silenced: bool) -> None:
        """Do not play the peer's sound here, or do."""
        self._silenced = silenced
        for link in self._links.values():
            link.sound.silenced = silenced

    def hold(self, held: bool) -> None:
        """The room is on hold here, or is not any more: sound goes neither way meanwhile."""
        self.held = held
        self.route_sound()

    def route_sound(self) -> None:
        """Whether the room is on hold here or there changed."""
        for link in self._links.values():
            self._route_sound(link)

    def _route_sound(self, link: Connection) -> None:
        link.media.set_sound(sent=not (self.held or self._machine.held), taken=not self.held)
        self._parts.engine.hold_peer(link.sound_key, self.held)

    # --- from the first description to the last packet ------------------------------------------------

    def _make(self, generation: int) -> Connection:
        self.drop(generation)
        key = f"{self._machine.peer_id}/{next(_serial)}"
        sound = self._parts.engine.add_peer(key)
        sound.silenced = self._silenced
        media = MediaLink(
            hosts=self._parts.hosts(),
            video=self._parts.video,
            audio=self._parts.sound,
            sound_in=sound,
            on_picture=lambda picture: self._parts.show(self._machine.peer_id, picture),
            on_control=lambda data: self._control(generation, data),
            on_state=lambda state: self._state(generation, state),
            on_checked=lambda: self._run(self._machine.link_checked(generation, self._now())),
            allowed=lambda address: self._parts.may_dial(str(address)),
            used_fingerprints=self._parts.used_fingerprints,
            name=self._machine.peer_id[:8],
        )
        media.set_tile(self._tile)
        link = self._links[generation] = Connection(media, sound, key)
        self._route_sound(link)
        return link

    async def offer(self, generation: int) -> None:
        """Make one, and its offer."""
        try:
            sdp = await self._make(generation).media.offer()
        except (OSError, MeetingBoxError) as error:
            log.warning("link.offer-failed %s", type(error).__name__)
            self._run(self._machine.link_failed(generation, self._now()))
            return
        self._run(self._machine.offer_made(generation, sdp))

    async def answer(self, generation: int, sdp: str) -> None:
        """Make one for their offer, and its answer."""
        try:
            answer = await self._make(generation).media.answer(sdp)
        except RemoteProtocolError as error:
            self._run(self._machine.link_refused(generation, error.code))
            return
        except (OSError, MeetingBoxError) as error:
            log.warning("link.answer-failed %s", type(error).__name__)
            self._run(self._machine.link_failed(generation, self._now()))
            return
        self._run(self._machine.answer_made(generation, answer))

    async def accept(self, generation: int, sdp: str) -> None:
        """Their answer came."""
        link = self._links.get(generation)
        if link is None:
            return
        try:
            await link.media.accept(sdp)
        except RemoteProtocolError as error:
            self._run(self._machine.link_refused(generation, error.code))

    def open(self, generation: int) -> None:
        """Let media flow over this one, and drop those before it."""
        self._links[generation].media.open_media()
        for old in [g for g in self._links if g < generation]:
            self.drop(old)

    def send_control(self, generation: int, data: bytes) -> bool:
        """Send this on its data channel; return whether it is on its way, or the connection is gone."""
        link = self._links.get(generation)
        return link is None or link.media.send_control(data)

    def drop(self, generation: int) -> None:
        """It is over, if there is one."""
        link = self._links.pop(generation, None)
        if link is not None:
            self._closing[generation] = link
            self._spawn(self._close(generation, link), "close link")

    def drop_all(self) -> None:
        """The peer is over."""
        for generation in list(self._links):
            self.drop(generation)

    async def _close(self, generation: int, link: Connection) -> None:
        try:
            await link.media.close()
        finally:
            self._parts.link_closed()
            self._parts.engine.remove_peer(link.sound_key)
            if self._closing.get(generation) is link:
                del self._closing[generation]

    def _state(self, generation: int, state: str) -> None:
        link = self._links.get(generation)
        if link is None or self.ended:
            return
        if state == CONNECTED:
            ours, theirs = (
                Ends(fingerprint, ufrag)
                for fingerprint, ufrag in zip(link.media.fingerprints, link.media.ufrags, strict=True)
            )
            self._run(self._machine.link_connected(generation, ours, theirs, self._now()))
        else:
            self._run(self._machine.link_failed(generation, self._now()))

    def _control(self, generation: int, data: bytes) -> None:
        before = self._machine.rtt_ms
        self._run(self._machine.control_message(generation, data, self._now()))
        rtt = self._machine.rtt_ms
        if rtt is not None and rtt != before and (bound := self.bound) is not None:
            bound.media.set_rtt(self._machine.least_rtt_ms / 1000)
