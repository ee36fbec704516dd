"""Every pair of one box in one room, from the first frame of the other one until it is forgotten."""

from __future__ import annotations

from appliance.core import limits
from appliance.core.pair import DONE, Event, Pair, State


class Pairs(dict[str, Pair]):
    """By the other one's peer id. One that comes to nothing is not kept; of those that failed, a few are."""

    def __init__(self) -> None:
        super().__init__()
        self._arrivals = 0
        self._away: set[str] = set()  # proven, and out of reach

    @property
    def proven(self) -> frozenset[str]:
        """Peers that we and they proved the password to each other."""
        return frozenset(p.peer_id for p in self.values() if p.state in DONE)

    @property
    def pending(self) -> frozenset[str]:
        """Peers whose handshake is under way."""
        settled = (State.IDLE, State.FAILED, *DONE)
        return frozenset(p.peer_id for p in self.values() if p.state not in settled)

    @property
    def is_full(self) -> bool:
        """Are there as many proven peers as a room takes?"""
        proven = self.proven
        return len(proven - self._away) >= limits.PEERS_MAX or len(proven) >= limits.MEMBERS_MAX

    def add(self, peer_id: str, epk: bytes) -> Pair:
        """A peer that is new here, in the place of any earlier one of this id. ``epk``: its one-time key."""
        failed = [p for p in self.values() if p.state is State.FAILED]
        if len(failed) >= limits.FAILED_REMEMBERED:
            del self[min(failed, key=lambda pair: pair.order).peer_id]
        self._arrivals += 1
        pair = self[peer_id] = Pair(peer_id, epk, self._arrivals)
        return pair

    def step(self, pair: Pair, event: Event) -> None:
        """Follow an event that may end the pair, which is forgotten then."""
        if pair.machine.step(event) is State.IDLE:
            self.pop(pair.peer_id, None)

    def set_away(self, peer_id: str, away: bool) -> None:
        """A proven peer is out of reach, and its place is free for another one; or it is back."""
        if away:
            self._away.add(peer_id)
        else:
            self._away.discard(peer_id)

    def forget(self, peer_id: str) -> None:
        """A proven peer left or is gone."""
        pair = self.get(peer_id)
        if pair is not None and pair.state in DONE:
            del self[peer_id]
        self._away.discard(peer_id)
