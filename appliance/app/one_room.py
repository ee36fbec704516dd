"""Two boxes of a meeting that stand in one room: one microphone is switched off, and people are told why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from appliance.app.peer_shell import PeerShell
from appliance.core import limits
from appliance.core.peer import Peer
from appliance.core.same_room import SameRoom, keeps_microphone
from appliance.core.view import Tone
from appliance.core.words import Text, say


class OneRoom:
    """Looks for such boxes among the peers of one meeting, for as long as it is not on hold.

    ``box_id``: ours, as it is now. ``mute``: switch our microphone off. ``count``, ``notify``: see
    `Surroundings`.
    """

    def __init__(
        self,
        box_id: Callable[[], str],
        mute: Callable[[], None],
        count: Callable[[str], None],
        notify: Callable[[Text, Tone], None],
    ) -> None:
        self._box_id = box_id
        self._mute = mute
        self._count = count
        self._notify = notify
        self._levels = SameRoom()
        self._sharing: set[str] = set()  # peers that share our room, told once
        self._said: dict[str, float] = {}  # peers that say so, and do not look like it from here: until when
        self._silent_for: str | None = None  # the one that our microphone was switched off for

    def begin_anew(self) -> None:
        """The levels that are known are old ones."""
        self._levels = SameRoom()

    def switched_on(self) -> None:
        """A person wants our microphone to be heard."""
        self._silent_for = None

    def heard_here(self, level_dbov: int, captured_at: float) -> None:
        """A frame of our own microphone was sent."""
        self._levels.own(level_dbov, captured_at)

    def look(self, peers: Mapping[str, PeerShell], *, muted: bool, now: float) -> None:
        """Compare what came since the last look, and tell the peers that were found."""
        for peer_id, shell in peers.items():
            for told in shell.told:
                self._levels.other(peer_id, *told)
        for peer_id in self._levels.look(now):
            shell = peers[peer_id]
            shell.run(shell.machine.say_same_room())
            self._share(shell.machine, muted)
        for peer_id, until in list(self._said.items()):
            if self._levels.likely(peer_id, now):
                self._share(peers[peer_id].machine, muted)
            elif now < until:
                continue
            del self._said[peer_id]

    def heard(self, peer: Peer, *, muted: bool, now: float) -> None:
        """A peer found that it is in our room; that is believed if it looks so from here, or soon does."""
        if self._levels.likely(peer.peer_id, now):
            self._share(peer, muted)
        else:
            self._said[peer.peer_id] = now + limits.SAME_ROOM_LIKELY_FOR
            self._count("same-room.not-here")

    def let_go(self, peer_id: str) -> bool:
        """Nothing is heard of a peer any more; was our microphone off for it? It is found again."""
        self._levels.forget(peer_id)
        self._sharing.discard(peer_id)
        self._said.pop(peer_id, None)
        was_for_it = self._silent_for == peer_id
        if was_for_it:
            self._silent_for = None
        return was_for_it

    def _share(self, peer: Peer, muted: bool) -> None:
        """Of two boxes in one room, one is silent; who switches it on again is left alone."""
        if peer.peer_id in self._sharing:
            return
        self._sharing.add(peer.peer_id)
        self._count("same-room.found")
        if not keeps_microphone(self._box_id(), peer.box_id):
            if not muted:
                self._mute()
                self._silent_for = peer.peer_id
                sentence = say(
                    "This box and {name} are in one room: this microphone was switched off.", name=peer.name
                )
                self._notify(sentence, Tone.WARNING)
        elif not muted:
            sentence = say(
                "This box and {name} are in one room: its microphone is switched off.", name=peer.name
            )
            self._notify(sentence, Tone.WARNING)
