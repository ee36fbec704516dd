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
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from appliance.app.lines import Lines
from appliance.app.peer_shell import MediaParts, PeerShell
from appliance.core import handshake as hs
from appliance.core import limits
from appliance.core import messages as m
from appliance.core.acquaintances import Met
from appliance.core.call import Call, CallEvent, CallState
from appliance.core.channel import SealedChannel
from appliance.core.door import Door
from appliance.core.guesses import GuessBudgets
from appliance.core.line import LineSecrets
from appliance.core.peer import Me, Peer, PeerState
from appliance.core.peer_effects import GoneReason
from appliance.core.room import Roster
from appliance.core.same_room import SameRoom, keeps_microphone
from appliance.core.sending import decide
from appliance.core.speaker import ActiveSpeaker, Speaking
from appliance.core.view import Tone
from appliance.errors import RemoteProtocolError
from appliance.signaling.client import RelayPool, ServerAddress
from appliance.signaling.line_socket import LineSocket

REFUSAL = "That is not the right number or password.\nCheck both with the others and try again."
"""The sentence of the code ``join.wrong-room-or-password``."""

UNPROVEN = "Joining failed with one box: what it says does not arrive as it was said"
"""It knows the password, but who it is did not come, or did not come whole (``peer.unproven``)."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a session needs of its box."""

    me: Callable[[str], Me]  # by peer id
    token: str = field(repr=False)
    joining_minutes: float
    uplink: int  # bit/s for all pictures together, 0 for no limit
    media: MediaParts
    budgets: GuessBudgets
    meet: Callable[[str, str], Met]  # by name and box id
    now: Callable[[], float]
    count: Callable[[str], None]
    guess_spent: Callable[[], None]  # the budgets changed: keep them
    notify: Callable[[str, Tone], None]
    changed: Callable[[], None]
    refused: Callable[[Session, str, str], None]  # code and sentence: joining failed
    relay_lost: Callable[[str], None]  # the server with this key went: is its box still there?
    alone: Callable[[], None]  # everybody else has left
    close_room: Callable[[int], None]  # our own server: everybody out of this room
    same_room: bool  # look for boxes that share a room with this one
    mute: Callable[[], None]  # switch our microphone off


class Session:
    """A room from the key press to leaving it."""

    def __init__(
        self, around: Surroundings, room: int, password: str, *, made_up: bool, pressed_at: float
    ) -> None:
        now = around.now()
        self._around = around
        self.room = room
        self.pressed_at = pressed_at
        self.since = now
        self.made_up_password = password if made_up else None
        self.call = Call()
        self.call.join(now)
        self._handshakes = hs.Handshakes(room, password, now, os.urandom, around.budgets)
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
        self._secrets = LineSecrets()
        self._resume: dict[str, bytes] = {}  # of peers whose identity is on its way
        self.roster = Roster(self.peer_id)
        meeting = os.urandom(16).hex()
        self.door = Door(room, meeting, around.joining_minutes, self._me.identity, self._me.name, now)
        self._door_told = False  # somebody told us how the door is
        self._door_shut = False
        self._told_closed = False
        self._sizes: dict[str, tuple[int, int]] = {}
        self.muted = False
        self.camera_on = True
        self.speaker = ActiveSpeaker()
        self.own = Speaking()
        """Our own microphone, as far as it is sent."""
        self._heard: object = None  # who speaks, the active speaker, the meters; as told to the screen
        self._same_room = SameRoom() if around.same_room else None
        self._sharing: set[str] = set()  # peers that share our room, told once
        self._silent_for: str | None = None  # the one that our microphone was switched off for
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._over = False

    # --- what the box asks ------------------------------------------------------------------------

    def set_servers(self, servers: Iterable[ServerAddress]) -> None:
        """The servers known now: our own, those found, those configured."""
        self._servers = tuple(servers)
        if not self._door_shut:
            self._relays.set_servers(self._servers)
        self._settle()

    @property
    def door_open(self) -> bool:
        """May our own server let anybody into this room?"""
        return self.door.window.open

    def set_media(self, muted: bool, camera_on: bool) -> None:
        """Our microphone and camera, as the others should show them."""
        self.muted, self.camera_on = muted, camera_on
        if not muted:
            self._silent_for = None
        for shell in self.peers.values():
            shell.run(shell.machine.say_media(muted, camera_on))

    def listen(self) -> bool:
        """Look at who speaks now and how loud, and say whether that changed.

        One that nobody here wants to hear is not made large for it.
        """
        before = self._heard
        levels = self._around.media.engine.take_levels()
        if self.muted:
            self.own.mute()
        else:
            self.own.hear(levels, self._around.now())
        for shell in self.peers.values():
            shell.listen()
        self._look_for_same_room()
        speaking = [peer for peer, shell in self.peers.items() if shell.speaking.now]
        self.speaker.update([peer for peer in speaking if not self.peers[peer].muted_here], self.peers)
        meters = [self.own.meter, *(shell.speaking.meter for shell in self.peers.values())]
        self._heard = (speaking, self.speaker.peer, meters)
        return self._heard != before

    # --- boxes in one room ------------------------------------------------------------------------

    def heard_here(self, level_dbov: int, captured_at: float) -> None:
        """A frame of our own microphone was sent."""
        if self._same_room is not None:
            self._same_room.own(level_dbov, captured_at)

    def _look_for_same_room(self) -> None:
        if self._same_room is None:
            return
        for peer_id, shell in self.peers.items():
            for told in shell.told:
                self._same_room.other(peer_id, *told)
        for peer_id in self._same_room.look(self._around.now()):
            shell = self.peers[peer_id]
            shell.run(shell.machine.say_same_room())
            self._share_room(shell.machine)

    def heard_same_room(self, peer: Peer) -> None:
        """A peer found that it is in our room; that is believed if it looks so from here too."""
        if self._same_room is not None and self._same_room.likely(peer.peer_id, self._around.now()):
            self._share_room(peer)
        else:
            self._around.count("same-room.not-here")

    def _share_room(self, peer: Peer) -> None:
        """Of two boxes in one room, one is silent; who switches it on again is left alone."""
        if peer.peer_id in self._sharing:
            return
        self._sharing.add(peer.peer_id)
        self._around.count("same-room.found")
        both = f"This box and {peer.name} are in one room"
        if keeps_microphone(self._me.identity.box_id_hex, peer.box_id):
            self._around.notify(f"{both}: only this microphone stays on.", Tone.WARNING)
        elif not self.muted:
            self._around.mute()
            self._silent_for = peer.peer_id
            self._around.notify(f"{both}: this microphone was switched off.", Tone.WARNING)

    def look_at_links(self) -> None:
        """Look at what the receivers report: a link that carries less gets less, and of sound the one
        that loses most says how much FEC there is.
        """
        for shell in self.peers.values():
            shell.look_at_link()
        losses = [shell.expected_loss for shell in self.peers.values()]
        self._around.media.engine.set_expected_loss(max(losses, default=limits.SOUND_EXPECTED_LOSS))

    def show_tiles(self, sizes: dict[str, tuple[int, int]]) -> None:
        """The sizes at which the peers are drawn; one that is not named is hidden."""
        self._sizes = sizes
        for peer_id, shell in self.peers.items():
            shell.show_at(sizes.get(peer_id))

    def allow_joining(self, is_open: bool) -> None:
        """A person at this box opens or closes the door, for everybody."""
        self.door.move(is_open, self._around.now())
        self._tell_door()
        self._follow_door()

    def mute_peer(self, peer_id: str, muted: bool) -> None:
        """A person at this box does not want to hear a peer, or does again."""
        shell = self.peers.get(peer_id)
        if shell is not None:
            shell.mute_here(muted)
            self._around.changed()

    def close_peer(self, peer_id: str) -> None:
        """A person closes one remote picture: that pair is over, for both."""
        shell = self.peers.get(peer_id)
        if shell is not None:
            shell.run(shell.machine.leave())

    @property
    def lines(self) -> Lines:
        """What answering a direct line needs."""
        return Lines(self._secrets, self._me.identity, lambda: bool(self._resume), self._line_opened)

    def _line_opened(self, peer_id: str, socket: LineSocket, channel: SealedChannel) -> bool:
        shell = self.peers.get(peer_id)
        if shell is None or self._over:
            return False
        shell.line_opened(socket, channel, dialed_here=False)
        return True

    @property
    def relay_counters(self) -> Counter[str]:
        """What the relays dropped or lost, by stable code."""
        return self._relays.counters

    async def leave(self) -> None:
        """Say so to everybody and end everything; bounded."""
        if self._over:
            return
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self.call.state is not CallState.IDLE:
            self.call.leave()
        for shell in list(self.peers.values()):
            shell.run(shell.machine.leave())
        try:
            # One turn of the loop, so that "leaving" is on its way before its sockets close.
            await asyncio.sleep(0)
            await self._relays.close()
            if self._ending:  # every peer ended just now and closes itself
                await asyncio.wait(set(self._ending), timeout=2 * limits.LINK_CLOSE_WITHIN)
        finally:
            self._secrets.clear()
            self._around.budgets.member(self.room, self._around.now()).meeting_over()

    # --- relays -----------------------------------------------------------------------------------

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
            self._around.notify(
                f"Room {self.room} is closed to newcomers: ask somebody inside to allow joining", Tone.WARNING
            )
        self._settle()

    def _settle(self) -> None:
        """Every server was tried: if nobody answers soon, nobody is there."""
        if not self._over and self._relays.settled:
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
                    if not effect.as_joiner and self.call.state is CallState.IN_CALL:
                        self._around.notify("Somebody tried to join with a wrong password", Tone.WARNING)
                    if effect.as_joiner:  # somebody else's wrong password is no verdict on ours
                        self.call.failed(now)
                    self._around.guess_spent()
                case hs.Refused():
                    self._around.count(effect.code)
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
        shell = PeerShell(
            machine, self._me.identity, self._secrets, self._around.media, self, self._around.now
        )
        self.peers[effect.peer_id] = shell
        shell.run(machine.start())
        shell.run(machine.say_media(self.muted, self.camera_on))
        if older is not None:
            shell.mute_here(older.muted_here)
        # Its tile may be on the screen already: of a meeting that was left and joined again at once.
        if (size := self._sizes.get(effect.peer_id)) is not None:
            shell.show_at(size)

    # --- what peers tell (the listener of every PeerShell) -------------------------------------------

    def send_relay(self, peer: Peer, frame: bytes) -> None:
        """Send a sealed frame over the relay on which the pair was proven."""
        send = self._handshakes.seal_frame(peer.peer_id, frame)
        if not self._relays.send(str(send.relay), send.text):
            self._around.count("relay.not-sent")

    def peer_identified(self, peer: Peer) -> None:
        """A peer is who it says: tell it and everybody who is here, and how long the door is open."""
        resume = self._resume.pop(peer.peer_id)
        self._secrets.remember(peer.peer_id, peer.role, resume, peer.box_key, self._around.now())
        self._tell_roster()
        shell = self.peers[peer.peer_id]
        shell.run(peer.say_door(self.door.message(self._around.now())))
        self._around.notify(*_greeting(peer.name, self._around.meet(peer.name, peer.box_id)))
        self.made_up_password = None
        self._around.changed()

    def peer_changed(self, peer: Peer) -> None:
        if peer.state is PeerState.SILENT or not peer.camera_on:
            self._around.media.show(peer.peer_id, None)
        self.share_pictures()
        self._around.changed()

    def share_pictures(self) -> None:
        """Decide anew which layer each peer gets of us, in the order in which they came."""
        shells = list(self.peers.values())
        for shell, sending in zip(
            shells, decide([shell.demand for shell in shells], self._around.uplink), strict=True
        ):
            shell.give(sending)

    def peer_ended(self, peer: Peer, reason: GoneReason) -> None:
        """A peer left or vanished."""
        shell = self.peers.get(peer.peer_id)
        if shell is None or shell.machine is not peer:  # a newer pair with it took over
            return
        del self.peers[peer.peer_id]
        if self._same_room is not None:
            self._same_room.forget(peer.peer_id)
            self._sharing.discard(peer.peer_id)  # who comes back is found again
        if self._silent_for == peer.peer_id and not self._over:
            self._silent_for = None
            self._around.notify("Nobody in this room is heard now: switch the microphone on.", Tone.WARNING)
        self._around.count(reason.value)
        self.roster.remove(peer.peer_id)
        if reason in (GoneReason.LEFT, GoneReason.LEAVING):
            self.roster.over(peer.peer_id)
        self._handshakes.forget(peer.peer_id)
        self._secrets.forget(peer.peer_id)
        self._resume.pop(peer.peer_id, None)
        self._spawn(shell.close())
        if peer.name and not self._over:
            self._around.notify(*_farewell(peer.name, reason))
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

    def heard_door(self, peer: Peer, door: m.Door) -> None:
        """A member says how long the door is open; the newest of all is passed on."""
        counter = self.door.window.counter
        first, self._door_told = not self._door_told, True
        try:
            changed = self.door.heard(door, self._around.now())
        except RemoteProtocolError as error:
            self._around.count(error.code)
            return
        if not changed:
            return
        self._tell_door(but=peer.peer_id)
        if door.counter > counter and not first:  # the first one is only how things are
            did = "opened the meeting to newcomers" if door.open else "closed the meeting to newcomers"
            self._around.notify(f"{self._who_is(door.identity)} {did}", Tone.CALM)
        self._follow_door()

    def _who_is(self, box_key: bytes) -> str:
        """The name of a box by its long-term key; what a box calls itself elsewhere proves nothing."""
        if box_key == self._me.identity.public_key:
            return self._me.name
        names = [s.machine.name for s in self.peers.values() if s.machine.box_key == box_key]
        return names[0] if names else "Another box"

    def count(self, code: str) -> None:
        self._around.count(code)

    # --- the door ---------------------------------------------------------------------------------

    def _tell_door(self, but: str = "") -> None:
        door = self.door.message(self._around.now())
        for peer_id, shell in self.peers.items():
            if peer_id != but:
                shell.run(shell.machine.say_door(door))

    def _follow_door(self) -> None:
        """Be in the channels while the door is open, and nowhere when it is closed."""
        shut = not self.door.window.open
        if shut != self._door_shut:
            self._door_shut = shut
            self._relays.set_servers(() if shut else self._servers)
            if shut:
                self._around.close_room(self.room)
        self._around.changed()
        self.arm()

    def _tell_roster(self) -> None:
        members = self.roster.members
        for shell in list(self.peers.values()):
            shell.run(shell.machine.say_roster(members))

    # --- time -------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Wake up at the next deadline of anything in this room."""
        if self._over:
            return
        deadlines = [
            self.call.deadline(bool(self._handshakes.pending)),
            self._handshakes.deadline(),
            self.door.deadline(),
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
        self._follow(self._handshakes.tick(now))
        if self.roster.wants_hello(now) and not self._door_shut:
            self._handshakes.renew(now)
            for relay in self._relays.open:
                self._relays.send(relay, self._handshakes.hello())
        if self.door.tick(now):
            self._follow_door()
            self._around.notify("The meeting is closed to newcomers now", Tone.CALM)
        verdict = self.call.tick(now, bool(self._handshakes.pending))
        if verdict is CallEvent.REFUSED:
            self._around.refused(self, "join.wrong-room-or-password", REFUSAL)
        if verdict is not None:
            self._around.changed()
        self.arm()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _greeting(name: str, met: Met) -> tuple[str, Tone]:
    match met:
        case Met.NEW:
            return f"{name} joined · new box", Tone.CALM
        case Met.CHANGED:
            return f"{name} joined · this name used to be another box", Tone.WARNING
    return f"{name} joined", Tone.CALM


def _farewell(name: str, reason: GoneReason) -> tuple[str, Tone]:
    match reason:
        case GoneReason.LEFT:
            return f"{name} left", Tone.CALM
        case GoneReason.VANISHED | GoneReason.SILENT:
            return f"The connection to {name} is lost", Tone.WARNING
        case GoneReason.UNREACHABLE:
            return f"No connection to {name} could be made", Tone.BAD
        case _:
            return f"{name} could not prove who it is", Tone.BAD
