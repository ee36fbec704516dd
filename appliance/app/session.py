"""One joined room, from the key press to leaving it: what it is made of, and when.

The session is a shell: what happens is decided by ``core/handshake``, ``core/peer``, ``core/room``
and ``core/call``; here the shells of these are put together and the next deadline is armed. Everything
runs on the network thread.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence

from appliance.app.alarm import Alarm
from appliance.app.channels import Channels
from appliance.app.doorway import Doorway
from appliance.app.healing import Healing
from appliance.app.hearing import Hearing
from appliance.app.lines import Lines
from appliance.app.members import Members, RoomParts
from appliance.app.mesh_links import MeshLinks
from appliance.app.peer_shell import PeerShell
from appliance.app.proving import Proving
from appliance.app.room_media import RoomMedia
from appliance.app.sentences import REFUSAL, too_often
from appliance.app.surroundings import Surroundings
from appliance.core import limits
from appliance.core.call import Call, CallEvent, CallState
from appliance.core.channel import SealedChannel
from appliance.core.handshake import Handshakes
from appliance.core.identity import PeerKey
from appliance.core.limits import JOIN_GIVE_UP_AFTER
from appliance.core.line_secrets import LineSecrets
from appliance.core.rejoin import Again, Joined
from appliance.core.room import Roster
from appliance.core.tile_order import TileOrder
from appliance.core.unanswered import Unanswered
from appliance.core.view import Tone
from appliance.core.words import say
from appliance.signaling.client import ServerAddress
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
        self._made_up = made_up
        self.call = Call(JOIN_GIVE_UP_AFTER if again is None else limits.REJOIN_WITHIN)
        self.call.join(now)
        # Without the password nothing is proven and nobody admitted: with one that nobody knows.
        key = PeerKey(again.joined.key) if again is not None else None
        proven_with = os.urandom(32).hex() if password is None else password
        known = around.records.met_keys.in_room(room)
        self._handshakes = Handshakes(room, proven_with, now, os.urandom, around.records.budgets, key, known)
        self.peer_id = self._handshakes.peer_id
        self._secrets = LineSecrets() if again is None else again.secrets
        self._secrets.on_ratchet = around.keep
        self._unanswered = Unanswered()
        self._told_closed = False
        self._over = False
        self._alarm = Alarm(self._deadline, self._tick)
        self.peers: dict[str, PeerShell] = {}
        self._roster = Roster(self.peer_id)
        self.order = TileOrder()
        self.channels = Channels(
            room,
            around.token,
            knocks=lambda: self._knocks,
            hello=self._handshakes.hello,
            heard=lambda relay, text: self.proving.receive(relay, text),
            lost=around.relay_lost,
            refused=self._closed_to_us,
            settled=self._settle,
        )
        self.proving = Proving(
            around,
            self._handshakes,
            self.peers,
            send=self.channels.send,
            proven=lambda effect, now: self.members.proven(effect, now),
            failed=self.call.failed,
            arm=self._alarm.arm,
        )
        self.media = RoomMedia(around, self.peers)
        self.hearing = Hearing(around, self.peers, lambda: self.members.me.identity.box_id_hex)
        self.mesh = MeshLinks(
            self.peer_id,
            self.peers,
            self.media.shown,
            lambda peer_id: around.media.show(peer_id, None),
            around.count,
            around.notify,
            around.changed,
        )
        self._healing = Healing(
            self._handshakes,
            self._roster,
            self.peers,
            lambda: around.me(self.peer_id),
            lambda other: self.members.introduced(other),
            around.count,
        )
        me = around.me(self.peer_id)
        self.door = Doorway(
            around, room, self.peers, lambda: me, moved=self.channels.follow, arm=self._alarm.arm
        )
        if again is not None:
            self.door.resume(again.door)
        self.members = Members(
            around,
            me,
            self.peers,
            self._roster,
            self._secrets,
            self._handshakes,
            self.call,
            RoomParts(
                self.proving, self.media, self.hearing, self.mesh, self._healing, self.door, self.order
            ),
            comes_back=password is None,
            nobody=lambda: around.nobody(self),
            arm=self._alarm.arm,
        )

    # --- what the box asks ------------------------------------------------------------------------

    def set_servers(self, servers: Iterable[ServerAddress]) -> None:
        """The servers known now: our own, those found, those configured."""
        known = tuple(servers)
        self.channels.set_servers(known)
        self._healing.see(known, self._around.now())
        self._settle()

    def follow_addresses(self) -> None:
        """This box's addresses changed: tell everybody, and make anew what hung on one that is gone."""
        if self._over:
            return
        me = self._around.me(self.peer_id)
        self.channels.leave_addresses(me.addresses)
        self.members.follow_addresses(me)

    def come_back(self, again: Again) -> None:
        """This box restarted: dial the members that it knew."""
        self.members.resume(again.joined.members)
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
            self.members.me.identity.box_id_hex,
            self.door.message,
            tuple(shell.machine.kept() for shell in shells),
            self._secrets.to_state(now),
        )

    @property
    def lines(self) -> Lines:
        """What answering a direct line needs."""
        return Lines(
            self._secrets, self.members.me.identity, lambda: self.members.expecting, self._line_opened
        )

    def _line_opened(self, peer_id: str, socket: LineSocket, channel: SealedChannel) -> bool:
        shell = self.peers.get(peer_id)
        if shell is None or self._over:
            return False
        shell.line.opened(socket, channel, dialed_here=False)
        return True

    def set_media(self, muted: bool, camera_on: bool) -> None:
        """Our microphone and camera, as the others should show them."""
        self.hearing.set_muted(muted)
        self.media.set(muted, camera_on)

    def hold(self, held: bool) -> None:
        """Put the room on hold, or go on where it was left."""
        if held != self.media.held:
            self.hearing.begin_anew()
            self.media.hold(held)

    def look_at_links(self) -> None:
        """Look at what changes without telling: what links carry, and whether anybody answers."""
        self._look_who_is_silent()
        self.media.look_at_links()

    def move_tile(self, peer_id: str, place: int, here: Sequence[str]) -> None:
        """A person wants a peer's tile at another place among those that are ``here``."""
        self.order.move(peer_id, place, here)
        self._around.changed()

    @property
    def made_up_password(self) -> str | None:
        """The password, if this box made it up and nobody came yet to whom it was told."""
        return self.password if self._made_up and not self.members.anybody_came else None

    @property
    def unanswered(self) -> bool:
        """Others are in this room, and none of them answers this box: they let no newcomers in."""
        return self._unanswered.lasts(self._around.now())

    def _look_who_is_silent(self) -> None:
        """Our own server shows whether others are in the room: they come there to meet newcomers.

        Whoever runs a server is told as much, and a member that lets newcomers in tells any stranger more.
        """
        alone = self.call.state is CallState.IN_CALL and not self.peers and not self.proving.pending
        asks = alone and self._knocks and self.made_up_password is None
        silent = asks and self._around.in_room(self.room) >= 2
        if self._unanswered.look(silent, self._around.now()):
            self._around.count("join.unanswered")
            sentence = say("Others are in room {room}, and let no newcomers in now.", room=self.room)
            self._around.notify(sentence, Tone.WARNING)

    async def leave(self, *, quietly: bool = False) -> None:
        """Say so to everybody and end everything; bounded. ``quietly``: as if the box crashed, for it comes
        back.
        """
        if self._over:
            return
        self._over = self.channels.ended = True
        self._alarm.stop()
        if self.call.state is not CallState.IDLE:
            self.call.leave()
        self.members.leave(quietly=quietly)
        try:
            # One turn of the loop, so that "leaving" is on its way before its sockets close.
            await asyncio.sleep(0)
            await self.channels.close()
            await self.members.all_closed()
        finally:
            self._secrets.clear()
            self._around.records.budgets.member(self.room).meeting_over()

    # --- the channels -----------------------------------------------------------------------------

    @property
    def _knocks(self) -> bool:
        """Is this box in the channels? Not while the door is closed, nor without the password."""
        return not self.door.shut and self.password is not None

    def _closed_to_us(self) -> None:
        if not self.peers and not self._told_closed:
            self._told_closed = True
            sentence = say(
                "Room {room} is closed to newcomers: ask somebody inside to allow joining", room=self.room
            )
            self._around.notify(sentence, Tone.WARNING)

    def _settle(self) -> None:
        """Every server was tried: if nobody answers soon, nobody is there."""
        if not self._over and self.channels.settled and self.password is not None:
            self.call.servers_settled(self._around.now())
        self._alarm.arm()

    # --- time -------------------------------------------------------------------------------------

    def _deadline(self) -> float | None:
        deadlines = [
            self.call.deadline(self.proving.pending),
            self._handshakes.deadline(),
            self.door.deadline(),
            self.media.deadline(),
            *(shell.machine.deadline() for shell in self.peers.values()),
        ]
        if self._roster.holes_known:
            deadlines.append(self._around.now() + limits.MESH_REPAIR_AFTER)
        return min((at for at in deadlines if at is not None), default=None)

    def _tick(self) -> None:
        now = self._around.now()
        for shell in list(self.peers.values()):
            shell.run(shell.machine.tick(now))
        self.mesh.tick(now)
        self.proving.tick(now)
        if self._roster.wants_hello(now) and self._knocks:
            self._handshakes.renew(now)
            self.channels.greet()
        if self._roster.holes_known:
            self._healing.tick(self._knocks, now)
        self.door.tick(now)
        self.media.tick()
        verdict = self.call.tick(now, self.proving.pending)
        if verdict is CallEvent.REFUSED:
            self._refuse(now)
        if verdict is CallEvent.ALONE and self.password is None:
            self._around.nobody(self)
        if verdict is not None:
            self._around.changed()

    def _refuse(self, now: float) -> None:
        wait = self._around.records.budgets.next_press(self.room, now) - now
        if wait <= 0:
            self._around.refused(self, "join.wrong-room-or-password", REFUSAL)
            return
        self._around.refused(self, "join.too-many-guesses", too_often(self.room, wait))
