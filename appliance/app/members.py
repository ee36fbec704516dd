"""Who is in one room: pairs begin, are out of reach, return and end, and everybody is told.

What is decided by ``core/peer`` and ``core/room`` comes here from every `PeerShell`, as its listener.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from appliance.app.doorway import Doorway
from appliance.app.healing import Healing
from appliance.app.hearing import Hearing
from appliance.app.mesh_links import MeshLinks
from appliance.app.peer_shell import PeerShell
from appliance.app.proving import Proving
from appliance.app.room_media import RoomMedia
from appliance.app.sentences import UNPROVEN, farewell, greeting
from appliance.app.surroundings import Surroundings
from appliance.core import handshake_effects as hs
from appliance.core import limits
from appliance.core import messages as m
from appliance.core.call import Call, CallState
from appliance.core.channel import SealedChannel
from appliance.core.handshake import Handshakes
from appliance.core.introduction import Acquaintance
from appliance.core.line_secrets import LineSecrets
from appliance.core.peer import Peer
from appliance.core.peer_effects import GoneReason
from appliance.core.peer_table import PeerState
from appliance.core.rejoin import Member
from appliance.core.room import Roster
from appliance.core.tile_order import TileOrder
from appliance.core.view import Tone
from appliance.core.whereabouts import Me
from appliance.core.words import say


@dataclass(frozen=True, slots=True)
class RoomParts:
    """What one room has besides its members: what they say and do concerns it."""

    proving: Proving
    media: RoomMedia
    hearing: Hearing
    mesh: MeshLinks
    healing: Healing
    door: Doorway
    order: TileOrder


class Members:
    """Of one room. ``peers`` and ``roster``: empty yet, and changed here only. ``handshakes``: the pairs that
    are proven. ``comes_back``: this box restarted, and looks for who was there; ``nobody()``: nobody of
    them is. ``arm()``: there is another deadline.
    """

    def __init__(
        self,
        around: Surroundings,
        me: Me,
        peers: dict[str, PeerShell],
        roster: Roster,
        secrets: LineSecrets,
        handshakes: Handshakes,
        call: Call,
        parts: RoomParts,
        *,
        comes_back: bool,
        nobody: Callable[[], None],
        arm: Callable[[], None],
    ) -> None:
        self._around = around
        self.me = me
        """This box, as the pairs that begin now know it."""
        self._peers = peers
        self._roster = roster
        self._secrets = secrets
        self._handshakes = handshakes
        self._call = call
        self._parts = parts
        self._comes_back = comes_back
        self._nobody = nobody
        self._resume: dict[str, bytes] = {}  # secrets of peers whose identity is on its way
        self._lost: set[str] = set()  # peers that are away: everybody was told
        self._muted_boxes: set[str] = set()  # by box id: who comes back is not loud all at once
        self._ending: set[asyncio.Task[None]] = set()
        self.anybody_came = False
        """Somebody was greeted."""
        self.ended = False
        """The room is left: nobody comes any more, and nobody reads who goes."""
        # The rest of a listener: what others take as it comes.
        self.arm = arm
        self.count = around.count
        self.share_pictures = parts.media.share
        self.heard_door = parts.door.heard
        self.heard_guesses = parts.proving.heard_guesses
        self.heard_same_room = parts.hearing.same_room

    @property
    def expecting(self) -> bool:
        """May somebody dial whose identity is on its way, or who was introduced a moment ago?"""
        return bool(self._resume) or self._parts.healing.expecting

    # --- what a person at this box wants ----------------------------------------------------------

    def mute_peer(self, peer_id: str, muted: bool) -> None:
        """Not to hear a peer, or to hear it again."""
        shell = self._peers.get(peer_id)
        if shell is not None:
            shell.mute_here(muted)
            (self._muted_boxes.add if muted else self._muted_boxes.discard)(shell.machine.box_id)
            self._around.changed()

    def close_peer(self, peer_id: str) -> None:
        """To see one remote picture no more: that pair is over, for both."""
        shell = self._peers.get(peer_id)
        if shell is not None:
            shell.run(shell.machine.leave())

    # --- the room begins and ends -----------------------------------------------------------------

    def resume(self, members: Iterable[Member]) -> None:
        """This box restarted: dial the members that it knew."""
        now = self._around.now()
        for member in members:
            self._roster.add(member.peer_id)
            self._roster.away(member.peer_id)
            self._begin(Peer.resumed(self.me, member, now), None)

    def follow_addresses(self, me: Me) -> None:
        """This box's addresses changed: tell everybody, and make anew what hung on one that is gone."""
        self.me = me
        for shell in list(self._peers.values()):
            shell.follow_addresses(me)

    def leave(self, *, quietly: bool) -> None:
        """Say so to everybody, or only let go of them."""
        self.ended = True
        for shell in list(self._peers.values()):
            if quietly:
                self._spawn(shell.close())
            else:
                shell.run(shell.machine.leave())

    async def all_closed(self) -> None:
        """Wait until everything of those that are over has ended; bounded."""
        if self._ending:
            await asyncio.wait(set(self._ending), timeout=2 * limits.LINK_CLOSE_WITHIN)

    # --- pairs begin ------------------------------------------------------------------------------

    def proven(self, effect: hs.Proven, now: float) -> None:
        """Both have the password."""
        if self.ended or self._roster.is_over(effect.peer_id):
            self._handshakes.forget(effect.peer_id)
            return
        older = self._peers.pop(effect.peer_id, None)
        if older is not None:  # it missed our acceptance and proved again
            self._spawn(older.close())
        elif self._roster.full:
            self._around.count("room.full")
            self._handshakes.forget(effect.peer_id)
            return
        self.me = self._around.me(self.me.peer_id)  # its addresses may have changed since the last one
        self._call.proven()
        self._roster.add(effect.peer_id)
        seal = SealedChannel.of_pair(effect.keys, effect.role, now)
        machine = Peer(
            self.me, effect.peer_id, effect.role, seal, effect.keys.transcript, effect.keys.bind, now
        )
        self._resume[effect.peer_id] = effect.keys.resume
        self._begin(machine, older)

    def introduced(self, other: Acquaintance) -> None:
        """A common member introduced us to a peer, or brought us together again."""
        now = self._around.now()
        older = self._peers.pop(other.peer_id, None)
        if older is not None:
            self._spawn(older.close())
        self.me = self._around.me(self.me.peer_id)
        self._around.count("introduction.met")
        self._roster.add(other.peer_id)
        self._lost.discard(other.peer_id)
        self._handshakes.acquainted(other.peer_id, other.epk)
        self._secrets.remember(other.peer_id, other.role, other.keys.resume, other.key, now)
        self._begin(Peer.introduced(self.me, other, now), older)

    def _begin(self, machine: Peer, older: PeerShell | None) -> None:
        """A new pair; ``older``: the one that it replaces."""
        shell = PeerShell(
            machine, self.me.identity, self._secrets, self._around.media, self, self._around.now
        )
        self._peers[machine.peer_id] = shell
        shell.run(machine.start())
        self._parts.media.begin(shell, muted_here=older is not None and older.muted_here)

    # --- what peers tell --------------------------------------------------------------------------

    def send_relay(self, peer: Peer, frame: bytes) -> None:
        """Send a sealed frame over the relay on which the pair was proven."""
        self._parts.proving.send_sealed(peer.peer_id, frame)

    def peer_identified(self, peer: Peer) -> None:
        """A peer is who it says: tell it and everybody who is here, and how long the door is open."""
        resume = self._resume.pop(peer.peer_id, None)
        if resume is not None:  # else it was introduced, with its secret
            self._secrets.remember(peer.peer_id, peer.role, resume, peer.box_key, self._around.now())
            self._parts.proving.recognise(peer.box_id, resume)
        self._roster.back(peer.peer_id)
        self._tell_roster()
        shell = self._peers[peer.peer_id]
        if peer.box_id in self._muted_boxes:
            shell.mute_here(True)
        shell.run(peer.say_guesses(self._parts.proving.wrong_told))
        shell.run(peer.say_door(self._parts.door.message))
        if peer.is_resumed:
            self._came_back()
            return
        self._around.notify(*greeting(peer.name, self._around.records.meet(peer.name, peer.box_id)))
        self._around.at(peer.name, peer.addresses, peer.port)
        self.anybody_came = True
        if peer.box_key == self.me.identity.public_key:
            self._around.cloned(self.me.peer_id, peer.peer_id)
        self._around.changed()

    def _came_back(self) -> None:
        """After a restart a member was found."""
        if self._call.state is CallState.JOINING:
            self._call.proven()
            self._around.count("rejoin.back")
            self._around.notify(say("This box restarted, and is back in the meeting."), Tone.CALM)
        self._around.changed()

    def peer_changed(self, peer: Peer) -> None:
        """A peer's tile is to look otherwise, or to get another picture of us."""
        if peer.state is PeerState.SILENT or not peer.camera_on:
            self._around.media.show(peer.peer_id, None)
        self.share_pictures()
        self._around.changed()

    def peer_away(self, peer: Peer, reason: GoneReason) -> None:
        """A peer is out of reach: off the screen, and still a member."""
        self._lost.add(peer.peer_id)
        self._around.count(reason.value)
        self._roster.away(peer.peer_id)
        self._handshakes.is_away(peer.peer_id, True)
        self._let_go(peer)
        self._around.media.show(peer.peer_id, None)
        self._around.notify(*farewell(peer.name, reason))
        self._tell_roster()
        self._look_for_its_box(peer)  # is it still there?

    def peer_returned(self, peer: Peer) -> None:
        """Who was away is here again, without a password; if its place is taken meanwhile, not for long."""
        if self._roster.crowded:
            self._around.count("room.full")
            shell = self._peers[peer.peer_id]
            shell.run(peer.leave())
            return
        self._handshakes.is_away(peer.peer_id, False)
        self._lost.discard(peer.peer_id)
        self._around.count("peer.returned")
        self._roster.back(peer.peer_id)
        self._around.notify(say("{name} is back", name=peer.name), Tone.CALM)
        self._tell_roster()

    def peer_reached(self, peer: Peer) -> None:
        """The line of a peer is up again: it may have missed who came, and how the door is."""
        shell = self._peers[peer.peer_id]
        shell.run(peer.say_roster(self._roster.members))
        shell.run(peer.say_door(self._parts.door.message))
        self._look_for_its_box(peer)  # is its server back, too?

    def peer_ended(self, peer: Peer, reason: GoneReason) -> None:
        """A peer left, or was out of reach for too long."""
        shell = self._peers.get(peer.peer_id)
        if shell is None or shell.machine is not peer:  # a newer pair with it took over
            return
        del self._peers[peer.peer_id]
        was_away = peer.peer_id in self._lost
        self._forget(peer)
        self._around.count("peer.forgotten" if was_away else reason.value)
        if reason in (GoneReason.LEFT, GoneReason.LEAVING):
            self._roster.over(peer.peer_id)
        self._spawn(shell.close())
        if self._comes_back and self._call.state is CallState.JOINING and not self._peers:
            self._nobody()  # restarted, and the last member that we knew is not there
        elif peer.shown and not was_away and not self.ended:
            self._around.notify(*farewell(peer.name, reason))
        elif reason is GoneReason.UNPROVEN and not self.ended:
            self._around.notify(UNPROVEN, Tone.BAD)
        if not self.ended:
            self._tell_roster()
            self.share_pictures()
        self._around.changed()

    def peer_closed(self, peer: Peer) -> None:
        """Everything of a peer has ended; its tile is free unless it proved itself again."""
        if peer.peer_id not in self._peers:
            self._around.media.forget(peer.peer_id)
        if not self._peers and not self.ended:
            self._around.alone()

    def heard_roster(self, peer: Peer, peers: tuple[str, ...]) -> None:
        """A member tells whom it knows."""
        self._roster.heard(peer.peer_id, peers, self._around.now())
        self._parts.proving.introduce([named for named in peers if not self._roster.is_over(named)])

    def heard_introduction(self, peer: Peer, message: m.Introduction) -> None:
        """A member brings us together with somebody, or is to do so."""
        self._parts.healing.heard(peer, message, self._around.now())

    def heard_links(self, peer: Peer, links: tuple[m.Link, ...]) -> None:
        """A member tells of its links."""
        self._parts.mesh.heard(peer.peer_id, links, self._around.now())

    def _tell_roster(self) -> None:
        self._around.keep()
        members = self._roster.members
        for shell in list(self._peers.values()):
            shell.run(shell.machine.say_roster(members))

    def _look_for_its_box(self, peer: Peer) -> None:
        if (instance := self._parts.healing.instance(peer.peer_id)) is not None:
            self._around.relay_lost(instance)

    def _let_go(self, peer: Peer) -> None:
        """Nothing of a peer is heard any more."""
        if self._parts.hearing.let_go(peer.peer_id) and not self.ended:
            sentence = say("Nobody in this room is heard now: switch the microphone on.")
            self._around.notify(sentence, Tone.WARNING)

    def _forget(self, peer: Peer) -> None:
        self._let_go(peer)
        self._lost.discard(peer.peer_id)
        self._resume.pop(peer.peer_id, None)
        self._secrets.forget(peer.peer_id)
        self._roster.remove(peer.peer_id)
        self._handshakes.forget(peer.peer_id)
        self._parts.mesh.forget(peer.peer_id)
        self._parts.order.forget(peer.peer_id)
        self._parts.healing.forget(peer.peer_id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
