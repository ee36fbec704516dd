"""One joined room: its relays, its handshakes, its peers, its joining window.

The session is a shell: what happens is decided by ``core/handshake``, ``core/peer``, ``core/room``
and ``core/call``; here their effects are carried out and the next deadline is armed. Everything runs
on the network thread.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from appliance.app.doorway import Doorway
from appliance.app.healing import Healing
from appliance.app.hearing import Hearing
from appliance.app.lines import Lines
from appliance.app.mesh_links import MeshLinks
from appliance.app.peer_shell import PeerShell
from appliance.app.sentences import REFUSAL, UNPROVEN, farewell, greeting, too_often
from appliance.app.surroundings import Surroundings
from appliance.core import handshake_effects as hs
from appliance.core import limits
from appliance.core import messages as m
from appliance.core.arrival import Arrival
from appliance.core.call import Call, CallEvent, CallState
from appliance.core.channel import SealedChannel
from appliance.core.guesses import ShutOut
from appliance.core.handshake import Handshakes
from appliance.core.identity import PeerKey
from appliance.core.introduction import Acquaintance
from appliance.core.limits import JOIN_GIVE_UP_AFTER
from appliance.core.line_secrets import LineSecrets
from appliance.core.peer import Peer
from appliance.core.peer_effects import GoneReason
from appliance.core.peer_table import PeerState
from appliance.core.recognition import acquaintance_key
from appliance.core.rejoin import Again, Joined
from appliance.core.room import Roster
from appliance.core.sending import decide
from appliance.core.tile_order import TileOrder
from appliance.core.view import Tone
from appliance.core.words import say
from appliance.signaling.client import RelayPool, ServerAddress
from appliance.signaling.line_socket import LineSocket


class Session:
    """A room from the key press to leaving it."""

    def __init__(
        self,
        around: Surroundings,
        room: int,
        password: str | None,
        *,
        made_up: bool,
        pressed_at: float,
        again: Again | None = None,
    ) -> None:
        now = around.now()
        self._around = around
        self.room = room
        self.pressed_at = pressed_at
        self.since = now
        self.password = password
        self.made_up_password = password if made_up else None
        self._arrival = Arrival(now)
        self.call = Call(JOIN_GIVE_UP_AFTER if again is None else limits.REJOIN_WITHIN)
        self.call.join(now)
        # Without the password nothing is proven and nobody admitted: with one that nobody knows.
        key = PeerKey(again.joined.key) if again is not None else None
        proven_with = os.urandom(32).hex() if password is None else password
        known = around.records.met_keys.in_room(room)
        self._handshakes = Handshakes(room, proven_with, now, os.urandom, around.records.budgets, key, known)
        self.peer_id = self._handshakes.peer_id
        self._me = around.me(self.peer_id)
        self._relays = RelayPool(
            room,
            around.token,
            on_open=self._relay_open,
            on_text=self._relay_text,
            on_close=self._relay_closed,
            on_settled=self._settle,
            rng=random.Random(int.from_bytes(os.urandom(8))),  # noqa: S311 - jitter of redials
        )
        self._servers: tuple[ServerAddress, ...] = ()
        self.peers: dict[str, PeerShell] = {}
        self._secrets = LineSecrets() if again is None else again.secrets
        self._secrets.on_ratchet = around.keep
        self._resume: dict[str, bytes] = {}  # of peers whose identity is on its way
        self.roster = Roster(self.peer_id)
        self._unanswered_since: float | None = None
        self._told_unanswered = False
        self._lost: set[str] = set()  # peers that are away: everybody was told
        self._healing = Healing(
            self._handshakes,
            self.roster,
            self.peers,
            lambda: self._around.me(self.peer_id),
            self._introduced,
            around.count,
        )
        self.door = Doorway(around, room, self.peers, lambda: self._me, moved=self._set_relays, arm=self.arm)
        if again is not None:
            self.door.resume(again.door)
        self._told_closed = False
        self._sizes: dict[str, tuple[int, int]] = {}
        self.held = False  # another room has the microphone, the camera and the speaker
        self.muted = False
        self.camera_on = True
        self.hearing = Hearing(around, self.peers, lambda: self._me.identity.box_id_hex)
        self.mesh = MeshLinks(
            self.peer_id,
            self.peers,
            lambda peer_id: peer_id in self._sizes and not self.held,
            lambda peer_id: around.media.show(peer_id, None),
            around.count,
            around.notify,
            around.changed,
        )
        self.order = TileOrder()
        self._muted_boxes: set[str] = set()  # by box id: who comes back is not loud all at once
        self._timer: asyncio.TimerHandle | None = None
        self._arming = False
        self._ending: set[asyncio.Task[None]] = set()
        self._over = False

    # --- what the box asks ------------------------------------------------------------------------

    def set_servers(self, servers: Iterable[ServerAddress]) -> None:
        """The servers known now: our own, those found, those configured."""
        self._servers = tuple(servers)
        if self._knocks:
            self._set_relays()
        self._healing.see(self._servers, self._around.now())
        self._settle()

    def follow_addresses(self) -> None:
        """This box's addresses changed: tell everybody, and make anew what hung on one that is gone."""
        if self._over:
            return
        self._me = self._around.me(self.peer_id)
        self._relays.leave_addresses(self._me.addresses)
        for shell in list(self.peers.values()):
            shell.follow_addresses(self._me)

    @property
    def _knocks(self) -> bool:
        """Is this box in the channels? Not while the door is closed, nor without the password."""
        return not self.door.shut and self.password is not None

    def come_back(self, again: Again) -> None:
        """This box restarted: dial the members that it knew."""
        now = self._around.now()
        for member in again.joined.members:
            self.roster.add(member.peer_id)
            self.roster.away(member.peer_id)
            self._begin(Peer.resumed(self._me, member, now), None)
        self.door.follow()

    def kept(self, *, active: bool) -> Joined | None:
        """What a restart needs to come back; None where there is nobody to come back to."""
        now = self._around.now()
        shells = [shell for peer_id, shell in self.peers.items() if self._secrets.candidates(peer_id, now)]
        if self._over or not shells:
            return None
        return Joined(
            self.room,
            active,
            self._handshakes.key.to_bytes(),
            self._me.identity.box_id_hex,
            self.door.message,
            tuple(shell.machine.kept() for shell in shells),
            self._secrets.to_state(now),
        )

    def set_media(self, muted: bool, camera_on: bool) -> None:
        """Our microphone and camera, as the others should show them."""
        self.muted, self.camera_on = muted, camera_on
        self.hearing.set_muted(muted)
        for shell in self.peers.values():
            self._say_media(shell)

    def hold(self, held: bool) -> None:
        """Put the room on hold: its people are told, and nothing but heartbeats goes either way. Or go on
        where it was left: tiles as large as they were, until the screen says other sizes.
        """
        if held == self.held:
            return
        self.held = held
        self.hearing.begin_anew()
        for peer_id, shell in self.peers.items():
            shell.hold(held)
            shell.show_at(None if held else self._sizes.get(peer_id))
            self._say_media(shell)
            if held:
                self._around.media.show(peer_id, None)
        self.share_pictures()

    def _say_media(self, shell: PeerShell) -> None:
        muted, camera_on = self.muted or self.held, self.camera_on and not self.held
        shell.run(shell.machine.say_media(muted, camera_on, self.held))

    def look_at_links(self) -> None:
        """Look at what the receivers report: a link that carries less gets less, and of sound the one
        that loses most says how much FEC there is.
        """
        self._look_who_is_silent()
        for shell in self.peers.values():
            shell.look_at_link()
        losses = [shell.feedback.expected_loss for shell in self.peers.values()]
        self._around.media.engine.set_expected_loss(max(losses, default=limits.SOUND_EXPECTED_LOSS))

    def show_tiles(self, sizes: dict[str, tuple[int, int]]) -> None:
        """The sizes at which the peers are drawn; one that is not named is hidden."""
        self._sizes = sizes
        for peer_id, shell in self.peers.items():
            shell.show_at(sizes.get(peer_id))

    @property
    def shut_out(self) -> ShutOut | None:
        """Whether strangers are shut out of this room, and until when."""
        return self._handshakes.shut_out(self._around.now())

    @property
    def asked(self) -> int:
        """How many servers were asked for this room, our own among them."""
        return len(self._relays.open)

    @property
    def proving(self) -> bool:
        """Is the password being checked with somebody?"""
        return bool(self._handshakes.pending)

    @property
    def unanswered(self) -> bool:
        """Others are in this room, and none of them answers this box: they let no newcomers in."""
        since = self._unanswered_since
        return since is not None and self._around.now() - since >= limits.UNANSWERED_AFTER

    def _look_who_is_silent(self) -> None:
        """Our own server shows whether others are in the room: they come there to meet newcomers.

        Whoever runs a server is told as much, and a member that lets newcomers in tells any stranger more.
        """
        alone = self.call.state is CallState.IN_CALL and not self.peers and not self._handshakes.pending
        asks = alone and self._knocks and self.made_up_password is None
        if not asks or self._around.in_room(self.room) < 2:
            self._unanswered_since = None
        elif self._unanswered_since is None:
            self._unanswered_since = self._around.now()
        elif self.unanswered and not self._told_unanswered:
            self._told_unanswered = True
            self._around.count("join.unanswered")
            sentence = say("Others are in room {room}, and let no newcomers in now.", room=self.room)
            self._around.notify(sentence, Tone.WARNING)

    @property
    def strangers_wrong(self) -> int:
        """Wrong proofs of strangers in this meeting, at all members that told us."""
        return self._around.records.budgets.member(self.room).strangers.wrong

    def admit(self) -> None:
        """A person at this box lets one stranger try, for a minute, whatever others guessed."""
        self._follow(self._handshakes.admit(self._around.now()))
        self._around.changed()

    def mute_peer(self, peer_id: str, muted: bool) -> None:
        """A person at this box does not want to hear a peer, or does again."""
        shell = self.peers.get(peer_id)
        if shell is not None:
            shell.mute_here(muted)
            (self._muted_boxes.add if muted else self._muted_boxes.discard)(shell.machine.box_id)
            self._around.changed()

    def move_tile(self, peer_id: str, place: int, here: Sequence[str]) -> None:
        """A person wants a peer's tile at another place among those that are ``here``."""
        self.order.move(peer_id, place, here)
        self._around.changed()

    def close_peer(self, peer_id: str) -> None:
        """A person closes one remote picture: that pair is over, for both."""
        shell = self.peers.get(peer_id)
        if shell is not None:
            shell.run(shell.machine.leave())

    @property
    def lines(self) -> Lines:
        """What answering a direct line needs."""
        return Lines(self._secrets, self._me.identity, self._expecting, self._line_opened)

    def _expecting(self) -> bool:
        return bool(self._resume) or self._healing.expecting

    def _line_opened(self, peer_id: str, socket: LineSocket, channel: SealedChannel) -> bool:
        shell = self.peers.get(peer_id)
        if shell is None or self._over:
            return False
        shell.line.opened(socket, channel, dialed_here=False)
        return True

    @property
    def servers_dialed(self) -> tuple[frozenset[str], frozenset[str]]:
        """The keys of the servers that were tried, and of those reached."""
        return self._relays.tried, self._relays.reached

    @property
    def relay_counters(self) -> Counter[str]:
        """What the relays dropped or lost, by stable code."""
        return self._relays.counters

    async def leave(self, *, quietly: bool = False) -> None:
        """Say so to everybody and end everything; bounded. ``quietly``: as if the box crashed, for it comes
        back.
        """
        if self._over:
            return
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self.call.state is not CallState.IDLE:
            self.call.leave()
        for shell in list(self.peers.values()):
            if quietly:
                self._spawn(shell.close())
            else:
                shell.run(shell.machine.leave())
        try:
            # One turn of the loop, so that "leaving" is on its way before its sockets close.
            await asyncio.sleep(0)
            await self._relays.close()
            if self._ending:  # every peer ended just now and closes itself
                await asyncio.wait(set(self._ending), timeout=2 * limits.LINK_CLOSE_WITHIN)
        finally:
            self._secrets.clear()
            self._around.records.budgets.member(self.room).meeting_over()

    # --- relays -----------------------------------------------------------------------------------

    def _set_relays(self) -> None:
        self._relays.set_servers(self._servers if self._knocks else ())

    def _relay_open(self, relay: str) -> None:
        if self._over:
            return
        self._relays.send(relay, self._handshakes.hello())
        self._settle()

    def _relay_closed(self, relay: str, reason: str) -> None:
        if reason == "relay.lost":
            self._around.relay_lost(relay)
        elif reason == "relay.closed-room" and not self.peers and not self._told_closed:
            self._told_closed = True
            sentence = say(
                "Room {room} is closed to newcomers: ask somebody inside to allow joining", room=self.room
            )
            self._around.notify(sentence, Tone.WARNING)
        self._settle()

    def _settle(self) -> None:
        """Every server was tried: if nobody answers soon, nobody is there."""
        if not self._over and self._relays.settled and self.password is not None:
            self.call.servers_settled(self._around.now())
        self.arm()

    def _relay_text(self, relay: str, text: str) -> None:
        if self._over:
            return
        self._follow(self._handshakes.receive(relay, relay, text, self._around.now()))

    # --- handshakes -------------------------------------------------------------------------------

    def _follow(self, effects: list[hs.Effect]) -> None:
        now = self._around.now()
        for effect in effects:
            match effect:
                case hs.SendFrame():
                    self._relays.send(str(effect.relay), effect.text)
                case hs.SealFrame():
                    shell = self.peers.get(effect.peer_id)
                    if shell is not None:
                        shell.run(shell.machine.relay_frame(effect.payload, now))
                case hs.Proven():
                    self._proven(effect, now)
                case hs.ProofFailed():
                    self._around.count("join.refused" if effect.as_joiner else "join.wrong-proof")
                    if effect.event is not None:
                        self._tell_wrong([(effect.event, 0.0)])
                    if effect.as_joiner:  # somebody else's wrong password is no verdict on ours
                        self.call.failed(now)
                    self._around.records.save_budgets()
                case hs.Refused(code):
                    self._around.count(code)
                    if code == "budget.joiner":  # we can't prove ourselves to who may well be right
                        self.call.failed(now)
        self.arm()

    def _proven(self, effect: hs.Proven, now: float) -> None:
        if self._over or self.roster.is_over(effect.peer_id):
            self._handshakes.forget(effect.peer_id)
            return
        older = self.peers.pop(effect.peer_id, None)
        if older is not None:  # it missed our acceptance and proved again
            self._spawn(older.close())
        elif self.roster.full:
            self._around.count("room.full")
            self._handshakes.forget(effect.peer_id)
            return
        self._me = self._around.me(self.peer_id)  # its addresses may have changed since the last one
        self.call.proven()
        self.roster.add(effect.peer_id)
        seal = SealedChannel.of_pair(effect.keys, effect.role, now)
        machine = Peer(
            self._me, effect.peer_id, effect.role, seal, effect.keys.transcript, effect.keys.bind, now
        )
        self._resume[effect.peer_id] = effect.keys.resume
        self._begin(machine, older)

    def _introduced(self, other: Acquaintance) -> None:
        """A common member introduced us to a peer, or brought us together again."""
        now = self._around.now()
        older = self.peers.pop(other.peer_id, None)
        if older is not None:
            self._spawn(older.close())
        self._me = self._around.me(self.peer_id)
        self._around.count("introduction.met")
        self.roster.add(other.peer_id)
        self._lost.discard(other.peer_id)
        self._handshakes.acquainted(other.peer_id, other.epk)
        self._secrets.remember(other.peer_id, other.role, other.keys.resume, other.key, now)
        self._begin(Peer.introduced(self._me, other, now), older)

    def _begin(self, machine: Peer, older: PeerShell | None) -> None:
        """A new pair; ``older``: the one that it replaces."""
        shell = PeerShell(
            machine, self._me.identity, self._secrets, self._around.media, self, self._around.now
        )
        self.peers[machine.peer_id] = shell
        shell.run(machine.start())
        shell.hold(self.held)
        self._say_media(shell)
        if older is not None:
            shell.mute_here(older.muted_here)
        # Its tile may be on the screen already: of a meeting that was left and joined again at once.
        if (size := self._sizes.get(machine.peer_id)) is not None and not self.held:
            shell.show_at(size)
        self.share_pictures()

    # --- what peers tell (the listener of every PeerShell) -------------------------------------------

    def send_relay(self, peer: Peer, frame: bytes) -> None:
        """Send a sealed frame over the relay on which the pair was proven."""
        send = self._handshakes.seal_frame(peer.peer_id, frame)
        if not self._relays.send(str(send.relay), send.text):
            self._around.count("relay.not-sent")

    def peer_identified(self, peer: Peer) -> None:
        """A peer is who it says: tell it and everybody who is here, and how long the door is open."""
        resume = self._resume.pop(peer.peer_id, None)
        if resume is not None:  # else it was introduced, with its secret
            self._secrets.remember(peer.peer_id, peer.role, resume, peer.box_key, self._around.now())
            self._recognise(peer.box_id, resume)
        self.roster.back(peer.peer_id)
        self._tell_roster()
        shell = self.peers[peer.peer_id]
        if peer.box_id in self._muted_boxes:
            shell.mute_here(True)
        shell.run(peer.say_guesses(self._handshakes.wrong_told(self._around.now())))
        shell.run(peer.say_door(self.door.message))
        if peer.is_resumed:
            self._came_back()
            return
        self._around.notify(*greeting(peer.name, self._around.records.meet(peer.name, peer.box_id)))
        self._around.at(peer.name, peer.addresses, peer.port)
        self.made_up_password = None
        if peer.box_key == self._me.identity.public_key:
            self._around.cloned(self.peer_id, peer.peer_id)
        self._around.changed()

    def _came_back(self) -> None:
        """After a restart a member was found."""
        if self.call.state is CallState.JOINING:
            self.call.proven()
            self._around.count("rejoin.back")
            self._around.notify(say("This box restarted, and is back in the meeting."), Tone.CALM)
        self._around.changed()

    def peer_changed(self, peer: Peer) -> None:
        if peer.state is PeerState.SILENT or not peer.camera_on:
            self._around.media.show(peer.peer_id, None)
        self.share_pictures()
        self._around.changed()

    def share_pictures(self) -> None:
        """Decide anew which layer each peer gets of us, in the order in which they came."""
        shells = list(self.peers.values())
        if self._arrival.look(sum(shell.media is None for shell in shells), self._around.now()):
            self._around.arriving()
        demands = [shell.demand for shell in shells]
        shared = decide(demands, self._around.uplink, quiet=self._arrival.quiet)
        for shell, sending in zip(shells, shared, strict=True):
            shell.give(sending)

    @property
    def arriving(self) -> bool:
        """Does this box come into a crowd just now, and keeps quiet?"""
        return self._arrival.quiet

    def peer_away(self, peer: Peer, reason: GoneReason) -> None:
        """A peer is out of reach: off the screen, and still a member."""
        self._lost.add(peer.peer_id)
        self._around.count(reason.value)
        self.roster.away(peer.peer_id)
        self._handshakes.is_away(peer.peer_id, True)
        self._let_go(peer)
        self._around.media.show(peer.peer_id, None)
        self._around.notify(*farewell(peer.name, reason))
        self._tell_roster()
        if (instance := self._healing.instance(peer.peer_id)) is not None:
            self._around.relay_lost(instance)  # is its box still there?

    def peer_returned(self, peer: Peer) -> None:
        """Who was away is here again, without a password; if its place is taken meanwhile, not for long."""
        if self.roster.crowded:
            self._around.count("room.full")
            shell = self.peers[peer.peer_id]
            shell.run(peer.leave())
            return
        self._handshakes.is_away(peer.peer_id, False)
        self._lost.discard(peer.peer_id)
        self._around.count("peer.returned")
        self.roster.back(peer.peer_id)
        self._around.notify(say("{name} is back", name=peer.name), Tone.CALM)
        self._tell_roster()

    def peer_reached(self, peer: Peer) -> None:
        """The line of a peer is up again: it may have missed who came, and how the door is."""
        shell = self.peers[peer.peer_id]
        shell.run(peer.say_roster(self.roster.members))
        shell.run(peer.say_door(self.door.message))
        if (instance := self._healing.instance(peer.peer_id)) is not None:
            self._around.relay_lost(instance)  # look at once whether its server is back, too

    def _let_go(self, peer: Peer) -> None:
        """Nothing of a peer is heard any more."""
        if self.hearing.let_go(peer.peer_id) and not self._over:
            sentence = say("Nobody in this room is heard now: switch the microphone on.")
            self._around.notify(sentence, Tone.WARNING)

    def heard_same_room(self, peer: Peer) -> None:
        self.hearing.same_room(peer)

    def heard_introduction(self, peer: Peer, message: m.Introduction) -> None:
        self._healing.heard(peer, message, self._around.now())

    def peer_ended(self, peer: Peer, reason: GoneReason) -> None:
        """A peer left, or was out of reach for too long."""
        shell = self.peers.get(peer.peer_id)
        if shell is None or shell.machine is not peer:  # a newer pair with it took over
            return
        del self.peers[peer.peer_id]
        was_away = peer.peer_id in self._lost
        self._lost.discard(peer.peer_id)
        self._let_go(peer)
        self.mesh.forget(peer.peer_id)
        self.order.forget(peer.peer_id)
        self._healing.forget(peer.peer_id)
        self._around.count("peer.forgotten" if was_away else reason.value)
        self.roster.remove(peer.peer_id)
        if reason in (GoneReason.LEFT, GoneReason.LEAVING):
            self.roster.over(peer.peer_id)
        self._handshakes.forget(peer.peer_id)
        self._secrets.forget(peer.peer_id)
        self._resume.pop(peer.peer_id, None)
        self._spawn(shell.close())
        if self.password is None and self.call.state is CallState.JOINING and not self.peers:
            self._around.nobody(self)  # restarted, and the last member that we knew is not there
        elif peer.shown and not was_away and not self._over:
            self._around.notify(*farewell(peer.name, reason))
        elif reason is GoneReason.UNPROVEN and not self._over:
            self._around.notify(UNPROVEN, Tone.BAD)
        if not self._over:
            self._tell_roster()
            self.share_pictures()
        self._around.changed()

    def peer_closed(self, peer: Peer) -> None:
        """Everything of a peer has ended; its tile is free unless it proved itself again."""
        if peer.peer_id not in self.peers:
            self._around.media.forget(peer.peer_id)
        if not self.peers and not self._over:
            self._around.alone()

    def heard_roster(self, peer: Peer, peers: tuple[str, ...]) -> None:
        self.roster.heard(peer.peer_id, peers, self._around.now())
        known = [named for named in peers if not self.roster.is_over(named)]
        self._follow(self._handshakes.introduce(known, self._around.now()))

    def heard_links(self, peer: Peer, links: tuple[m.Link, ...]) -> None:
        self.mesh.heard(peer.peer_id, links, self._around.now())

    def heard_guesses(self, wrong: tuple[tuple[bytes, float], ...]) -> None:
        """A member tells of strangers' wrong proofs: the room has one budget for them."""
        if self._handshakes.heard_wrong(wrong, self._around.now()):
            self._around.records.save_budgets()
            self._around.changed()

    def _recognise(self, box_id: str, resume: bytes) -> None:
        """From now on that box and this one know each other in this room."""
        self._around.records.met_keys.remember(self.room, box_id, acquaintance_key(resume))
        self._around.records.save_met_keys()
        self._handshakes.met(self._around.records.met_keys.in_room(self.room))

    def _tell_wrong(self, wrong: list[tuple[bytes, float]]) -> None:
        for shell in list(self.peers.values()):
            shell.run(shell.machine.say_guesses(wrong))

    def heard_door(self, peer: Peer, door: m.Door) -> None:
        self.door.heard(peer, door)

    def count(self, code: str) -> None:
        self._around.count(code)

    def _tell_roster(self) -> None:
        self._around.keep()
        members = self.roster.members
        for shell in list(self.peers.values()):
            shell.run(shell.machine.say_roster(members))

    # --- time -------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Wake up at the next deadline of anything in this room; looked for once, for all that happens
        within ``limits.DEADLINES_EVERY``.
        """
        if not self._arming:
            self._arming = True
            asyncio.get_running_loop().call_later(limits.DEADLINES_EVERY, self._set_timer)

    def _set_timer(self) -> None:
        self._arming = False
        if self._over:
            return
        deadlines = [
            self.call.deadline(bool(self._handshakes.pending)),
            self._handshakes.deadline(),
            self.door.deadline(),
            self._arrival.deadline(),
            *(shell.machine.deadline() for shell in self.peers.values()),
        ]
        if self.roster.holes_known:
            deadlines.append(self._around.now() + limits.MESH_REPAIR_AFTER)
        due = min((at for at in deadlines if at is not None), default=None)
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._around.now()
        for shell in list(self.peers.values()):
            shell.run(shell.machine.tick(now))
        self.mesh.tick(now)
        self._follow(self._handshakes.tick(now))
        if self.roster.wants_hello(now) and self._knocks:
            self._handshakes.renew(now)
            for relay in self._relays.open:
                self._relays.send(relay, self._handshakes.hello())
        if self.roster.holes_known:
            self._healing.tick(self._knocks, now)
        self.door.tick(now)
        if self._arrival.quiet:
            self.share_pictures()
        verdict = self.call.tick(now, bool(self._handshakes.pending))
        if verdict is CallEvent.REFUSED:
            self._refuse(now)
        if verdict is CallEvent.ALONE and self.password is None:
            self._around.nobody(self)
        if verdict is not None:
            self._around.changed()
        self.arm()

    def _refuse(self, now: float) -> None:
        wait = self._around.records.budgets.next_press(self.room, now) - now
        if wait <= 0:
            self._around.refused(self, "join.wrong-room-or-password", REFUSAL)
            return
        self._around.refused(self, "join.too-many-guesses", too_often(self.room, wait))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
