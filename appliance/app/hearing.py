"""Who is heard in one room: who speaks and how loud, and which boxes stand in this very room."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from appliance.app.one_room import OneRoom
from appliance.app.peer_shell import PeerShell
from appliance.app.surroundings import Surroundings
from appliance.core.peer import Peer
from appliance.core.speaker import ActiveSpeaker, Speaking


class Hearing:
    """Of one room; ``box_id``: ours, as it is now."""

    def __init__(
        self, around: Surroundings, peers: Mapping[str, PeerShell], box_id: Callable[[], str]
    ) -> None:
        self._around = around
        self._peers = peers
        self._muted = False
        self.speaker = ActiveSpeaker()
        self.own = Speaking()
        """Our own microphone, as far as it is sent."""
        self._told: object = None  # who speaks, the active speaker, the meters; as told to the screen
        self._one_room = (
            OneRoom(box_id, around.mute, around.count, around.notify) if around.same_room else None
        )

    def set_muted(self, muted: bool) -> None:
        """Our own microphone is off, or on."""
        self._muted = muted
        if not muted and self._one_room is not None:
            self._one_room.switched_on()

    def begin_anew(self) -> None:
        """The room was put on hold, or goes on: what was heard is old."""
        self._told = None
        if self._one_room is not None:
            self._one_room.begin_anew()

    def listen(self) -> bool:
        """Look at who speaks now and how loud, and say whether that changed.

        One that nobody here wants to hear is not made large for it.
        """
        before, now = self._told, self._around.now()
        levels = self._around.media.engine.take_levels()
        if self._muted:
            self.own.mute()
        else:
            self.own.hear(levels, now)
        for shell in self._peers.values():
            shell.listen()
        if self._one_room is not None:
            self._one_room.look(self._peers, muted=self._muted, now=now)
        speaking = [peer for peer, shell in self._peers.items() if shell.speaking.now]
        heard = [peer for peer in speaking if not self._peers[peer].muted_here]
        self.speaker.update(heard, self._peers, now)
        meters = [self.own.meter, *(shell.speaking.meter for shell in self._peers.values())]
        self._told = (speaking, self.speaker.peer, meters)
        return self._told != before

    def heard_here(self, level_dbov: int, captured_at: float) -> None:
        """A frame of our own microphone was sent."""
        if self._one_room is not None:
            self._one_room.heard_here(level_dbov, captured_at)

    def same_room(self, peer: Peer) -> None:
        """A peer found that it is in our room."""
        if self._one_room is not None:
            self._one_room.heard(peer, muted=self._muted, now=self._around.now())

    def let_go(self, peer_id: str) -> bool:
        """Nothing of a peer is heard any more; was our microphone switched off for it?"""
        return self._one_room is not None and self._one_room.let_go(peer_id)
