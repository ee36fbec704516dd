"""Performs what the link machine of one peer decides: its line, its connections, its tasks.

Everything runs on the network thread, except that decoded pictures go from the decode thread
straight into the tile's frame slot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from appliance.app.link_feedback import LinkFeedback
from appliance.app.media_parts import MediaParts
from appliance.app.peer_line import PeerLine
from appliance.app.peer_links import PeerLinks
from appliance.core import limits
from appliance.core import messages as m
from appliance.core import peer_effects as core
from appliance.core.identity import BoxIdentity
from appliance.core.layers import Layer, layer_for_height, layer_wanted
from appliance.core.line_secrets import LineSecrets
from appliance.core.peer import Peer
from appliance.core.peer_effects import GoneReason
from appliance.core.sending import Demand, Sending
from appliance.core.speaker import Speaking
from appliance.core.whereabouts import Me
from appliance.media.audio.receive import PeerSound, Told
from appliance.media.link import MediaLink

log = logging.getLogger(__name__)


class Listener(Protocol):
    """What a peer's shell tells the session."""

    def send_relay(self, peer: Peer, frame: bytes) -> None: ...
    def peer_changed(self, peer: Peer) -> None: ...
    def peer_ended(self, peer: Peer, reason: GoneReason) -> None: ...
    def peer_identified(self, peer: Peer) -> None: ...
    def peer_away(self, peer: Peer, reason: GoneReason) -> None: ...
    def peer_returned(self, peer: Peer) -> None: ...
    def peer_reached(self, peer: Peer) -> None: ...
    def heard_introduction(self, peer: Peer, message: m.Introduction) -> None: ...
    def peer_closed(self, peer: Peer) -> None: ...
    def heard_roster(self, peer: Peer, peers: tuple[str, ...]) -> None: ...
    def heard_door(self, peer: Peer, door: m.Door) -> None: ...
    def heard_guesses(self, wrong: tuple[tuple[bytes, float], ...]) -> None: ...
    def heard_same_room(self, peer: Peer) -> None: ...
    def heard_links(self, peer: Peer, links: tuple[m.Link, ...]) -> None: ...
    def share_pictures(self) -> None: ...
    def count(self, code: str) -> None: ...
    def arm(self) -> None: ...


class PeerShell:
    """Owns everything of one peer that lives: its line's socket, its connections, its tasks."""

    def __init__(
        self,
        machine: Peer,
        identity: BoxIdentity,
        secrets: LineSecrets,
        media: MediaParts,
        listener: Listener,
        now: Callable[[], float],
    ) -> None:
        self.machine = machine
        self._listener = listener
        self._now = now
        self.line = PeerLine(
            machine,
            identity,
            secrets,
            now,
            run=self.run,
            spawn=self._spawn,
            may_dial=media.may_dial,
            count=listener.count,
        )
        self._links = PeerLinks(machine, media, now, run=self.run, spawn=self._spawn)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted: Layer | None = None  # by their tile of us
        self.feedback = LinkFeedback(now())
        self.sending = Sending()
        """What of our pictures this peer gets, and why."""
        self.muted_here = False  # a person muted this peer in this room
        self.speaking = Speaking()
        self.told: list[Told] = []
        """How loud each of its packets was, between the last two looks."""
        self._ended = False

    # --- what the session asks ----------------------------------------------------------------

    @property
    def fingerprints(self) -> list[str]:
        """Of every certificate that this peer's connections use, ours and theirs."""
        return self._links.fingerprints

    @property
    def media(self) -> MediaLink | None:
        """The connection that carries media, or None."""
        link = self._links.bound
        return link.media if link is not None else None

    @property
    def sound(self) -> PeerSound | None:
        """The sound of the connection that carries media, or None."""
        link = self._links.bound
        return link.sound if link is not None else None

    def queues(self) -> dict[str, tuple[int, int]]:
        """(what waits, the most that may) in each queue of the line and of the connection with media."""
        return {"line": self.line.queue} | self._links.queues()

    def run(self, effects: list[core.Effect]) -> None:
        """Carry out what the machine decided, in order, and arm the session's next deadline."""
        for effect in effects:
            if self._ended:  # closed meanwhile: nothing of it may reach the session any more
                return
            self._perform(effect)
        self._listener.arm()

    def show_at(self, size: tuple[int, int] | None) -> None:
        """The tile's size on this box's screen in pixels, None while it is hidden."""
        self._links.show_at(size)
        height = size[1] if size else 0
        fps = layer_for_height(height).spec.fps if size else 0
        self.run(self.machine.say_constraints(height, fps, size is not None, self._now()))

    @property
    def demand(self) -> Demand:
        """What this peer wants of our pictures, and what its link carries."""
        held = self._links.held or self.machine.held
        wanted = self._wanted if self._links.bound is not None and not held else None
        return Demand(wanted, self.feedback.health.cap, self.feedback.health.capped_by)

    def give(self, sending: Sending) -> None:
        """Send it this layer."""
        self.sending = sending
        if (bound := self._links.bound) is not None:
            bound.media.set_layer(sending.layer)

    def look_at_link(self) -> None:
        """Look at what the other side's receiver reports say."""
        if (bound := self._links.bound) is not None and self.feedback.look(bound.media):
            self._listener.share_pictures()

    def listen(self) -> None:
        """Look at how loud the peer was since the last look."""
        sound = self.sound
        self.told = sound.take_levels() if sound is not None else []
        if self.machine.muted:
            self.speaking.mute()
        else:
            self.speaking.hear([told.level_dbov for told in self.told], self._now())

    def mute_here(self, muted: bool) -> None:
        """Play this peer's sound here, or not."""
        self.muted_here = muted
        self._links.silence(muted)

    def hold(self, held: bool) -> None:
        """The room is on hold here, or is not any more: its sound goes neither way meanwhile."""
        self._links.hold(held)

    def follow_addresses(self, me: Me) -> None:
        """Our own addresses changed: what is bound to one that is gone is left and made anew."""
        self.line.leave_addresses(me.addresses)
        self.run(self.machine.follow_addresses(me, self._now()))

    async def close(self) -> None:
        """End everything of this peer; bounded."""
        self._ended = self.line.ended = self._links.ended = True
        for task in self._tasks:
            if not task.get_name().startswith(("send", "close")):
                task.cancel()
        if said := [task for task in self._tasks if task.get_name().startswith("send")]:
            await asyncio.wait(said, timeout=limits.LINE_FLUSH_WITHIN)
        self._links.drop_all()
        await self.line.close()
        if self._tasks:
            _, pending = await asyncio.wait(set(self._tasks), timeout=limits.LINK_CLOSE_WITHIN)
            for task in pending:
                log.warning("peer.close-hangs %s", task.get_name())
                task.cancel()
        self._listener.peer_closed(self.machine)

    # --- effects ------------------------------------------------------------------------------

    def _perform(self, effect: core.Effect) -> None:
        match effect:
            case core.ToRelay(frame):
                self._listener.send_relay(self.machine, frame)
            case core.ToLine(frame):
                self.line.send(frame)
            case core.Dial(addresses, port):
                self._spawn(self.line.dial(addresses, port), "dial")
            case core.DropLine():
                self.line.drop()
            case core.MakeOffer(generation):
                self._spawn(self._links.offer(generation), "offer")
            case core.MakeAnswer(generation, sdp):
                self._spawn(self._links.answer(generation, sdp), "answer")
            case core.TakeAnswer(generation, sdp):
                self._spawn(self._links.accept(generation, sdp), "accept")
            case core.ToControl(generation, data):
                if not self._links.send_control(generation, data):
                    self._listener.count("control.not-sent")
            case core.OpenMedia(generation):
                self.feedback.restart(self._now())
                self._listener.share_pictures()
                self._links.open(generation)
            case core.DropLink(generation):
                self._links.drop(generation)
            case core.Wants(max_height, max_fps, visible):
                self._wanted = layer_wanted(max_height, max_fps, visible)
                self._listener.share_pictures()
            case core.Identified():
                self._listener.peer_identified(self.machine)
            case core.Away(reason):
                self._listener.peer_away(self.machine, reason)
            case core.Returned():
                self._listener.peer_returned(self.machine)
            case core.Reached():
                self._listener.peer_reached(self.machine)
            case core.Changed():
                self._links.route_sound()
                self._listener.peer_changed(self.machine)
            case core.HeardRoster(peers):
                self._listener.heard_roster(self.machine, peers)
            case core.HeardDoor(door):
                self._listener.heard_door(self.machine, door)
            case core.HeardGuesses(wrong):
                self._listener.heard_guesses(wrong)
            case core.HeardIntroduction(message):
                self._listener.heard_introduction(self.machine, message)
            case core.HeardSameRoom():
                self._listener.heard_same_room(self.machine)
            case core.HeardLinks(links):
                self._listener.heard_links(self.machine, links)
            case core.Refused(code):
                self._listener.count(code)
            case core.Ended(reason):
                self._listener.peer_ended(self.machine, reason)

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"{what} {self.machine.peer_id[:8]}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("peer.task-failed %s", task.get_name(), exc_info=error)
