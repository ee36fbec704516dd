"""How the peers of one room are found again: where discovery sees them, and through common members.

Discovery knows boxes by a random name, the room knows peers by what they proved. The two are brought
together while both say the same address; when discovery then sees that box elsewhere, the peer's line is
dialed there. That is a hint: who answers has to prove itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from appliance.app.peer_shell import PeerShell
from appliance.core import limits
from appliance.core import messages as m
from appliance.core.direct_line import LineState
from appliance.core.handshake import Handshakes
from appliance.core.introduction import Acquaintance, Carry, Effect, Host, Introductions
from appliance.core.peer import Peer
from appliance.core.peer_table import PeerState
from appliance.core.room import Roster
from appliance.core.whereabouts import Me
from appliance.errors import RemoteProtocolError
from appliance.signaling.client import ServerAddress


class Healing:
    """Of one room. ``me()``: this box as it is now. ``met``: two were introduced, and one is us."""

    def __init__(
        self,
        handshakes: Handshakes,
        roster: Roster,
        peers: Mapping[str, PeerShell],
        me: Callable[[], Me],
        met: Callable[[Acquaintance], None],
        count: Callable[[str], None],
    ) -> None:
        self._roster = roster
        self._peers = peers
        self._me = me
        self._met = met
        self._count = count
        self._introductions = Introductions(
            handshakes.room, handshakes.key, me().identity, os.urandom, self._welcome
        )
        self._handshakes = handshakes
        self._asked_at: dict[str, float] = {}  # peers that we asked to be introduced to
        self._instances: dict[str, str] = {}  # of peers, in discovery

    # --- discovery --------------------------------------------------------------------------------

    def see(self, servers: Iterable[ServerAddress], now: float) -> None:
        """The servers that discovery knows now, each under its box's instance name."""
        seen = {server.key: server for server in servers if not server.trusted}
        for peer_id, shell in list(self._peers.items()):
            machine = shell.machine
            for key, server in seen.items():
                if server.port == machine.port and set(server.hosts) & set(machine.addresses):
                    self._instances[peer_id] = key
            at = seen.get(self._instances.get(peer_id, ""))
            if at is not None and not set(at.hosts) <= set(machine.addresses) and at.port == machine.port:
                shell.run(machine.found_at(at.hosts, now))
            elif at is not None:
                shell.run(machine.wake(now))

    def instance(self, peer_id: str) -> str | None:
        """The name under which discovery knows a peer's box."""
        return self._instances.get(peer_id)

    def forget(self, peer_id: str) -> None:
        """A peer is over."""
        self._instances.pop(peer_id, None)
        self._introductions.forget(peer_id)

    # --- introductions ----------------------------------------------------------------------------

    @property
    def expecting(self) -> bool:
        """May somebody dial who was introduced a moment ago?"""
        return self._introductions.pending

    def tick(self, door_open: bool, now: float) -> None:
        """Ask members to introduce us to those that they name and we don't know."""
        after = limits.INTRODUCE_AFTER if door_open else limits.MESH_REPAIR_AFTER
        holes = self._roster.holes(now, after)
        self._asked_at = {peer: at for peer, at in self._asked_at.items() if peer in holes}
        for hole in sorted(holes):
            asked_at = self._asked_at.get(hole, float("-inf"))
            if hole < self._me().peer_id or now - asked_at < limits.INTRODUCE_EVERY:
                continue
            by = [peer for peer in self._roster.introducers(hole) if self._has_line(peer)]
            if by and hole not in self._handshakes.pending:
                self._asked_at[hole] = now
                turn = int(now / limits.INTRODUCE_EVERY) % len(by)  # another one each time
                self._count("introduction.asked")
                self._perform(self._introductions.ask(hole, by[turn], self._host(), now))

    def heard(self, peer: Peer, message: m.Introduction, now: float) -> None:
        """An introduction came from a peer."""
        try:
            effects = self._introductions.heard(peer.peer_id, message, self._host(), now)
        except RemoteProtocolError as error:
            self._count(error.code)
            return
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Carry():
                if not self._has_line(effect.to):
                    self._count("introduction.nobody")
                    return
                shell = self._peers[effect.to]
                shell.run(shell.machine.say_introduction(effect.message))
            case Acquaintance():
                self._met(effect)

    def _has_line(self, peer_id: str) -> bool:
        shell = self._peers.get(peer_id)
        return shell is not None and shell.machine.line_state is LineState.UP

    def _host(self) -> Host:
        me = self._me()
        return Host(me.name, me.addresses[: limits.ADDRESSES_MAX], me.port)

    def _welcome(self, peer_id: str, key: bytes) -> bool:
        """Whether a peer with this long-term key may be met: one that we don't know, or lost."""
        shell = self._peers.get(peer_id)
        if shell is None:
            return not self._roster.is_over(peer_id) and not self._roster.full
        lost = shell.machine.state in (PeerState.SILENT, PeerState.AWAY)
        return lost and shell.machine.line_state is not LineState.UP and shell.machine.box_key == key
