"""Where the signaling servers of the two boxes of a pair are, as each told the other.

A direct line is dialed at what the other box said, and before that where discovery sees it: a hint, for
who answers must have the pair's secret. Both may move; what was said to whom is remembered here, so that
it is said again only when it changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.core import limits
from appliance.core.guesses import Bucket
from appliance.core.identity import BoxIdentity
from appliance.errors import RemoteProtocolError


@dataclass(frozen=True, slots=True)
class Me:
    """This box, as it tells a peer: where its own server is, for the direct line."""

    identity: BoxIdentity
    name: str
    peer_id: str
    addresses: tuple[str, ...]
    port: int


class Whereabouts:
    """Of one pair. ``me``: this box; the other side learns its addresses with its identity."""

    def __init__(self, me: Me, now: float) -> None:
        self.me = me
        """This box, as it is now."""
        self.addresses: tuple[str, ...] = ()
        """Of the other box's server, as it said."""
        self.port = 0
        """Of that server, 0 while it is unknown."""
        self._found: tuple[str, ...] = ()  # where discovery saw it, if elsewhere
        self._told = me.addresses  # of ours, as the other side knows them
        self._moves = Bucket(limits.MOVES_BURST, limits.MOVE_EVERY, now)

    def met(self, addresses: tuple[str, ...], port: int) -> None:
        """The other box told who it is, and where."""
        self.addresses, self.port = addresses, port

    @property
    def dialed_at(self) -> tuple[str, ...]:
        """Where to dial, the likeliest first."""
        return tuple(dict.fromkeys((*self._found, *self.addresses)))[: limits.ADDRESSES_MAX]

    def see(self, addresses: tuple[str, ...]) -> bool:
        """Discovery sees the other box there; say whether that is news."""
        news = addresses != self._found
        self._found = addresses
        return news

    def hear(self, addresses: tuple[str, ...], port: int, now: float) -> bool:
        """The other box says where it is from now on; return whether an address of it is gone.

        Raises RemoteProtocolError (``peer.too-many-moves``).
        """
        if (set(self.addresses), self.port) == (set(addresses), port):
            return False
        if not self._moves.take(now):
            raise RemoteProtocolError("peer.too-many-moves", "addresses faster than anybody moves")
        gone = not set(self.addresses) <= set(addresses)
        self.addresses, self.port, self._found = addresses, port, ()
        return gone

    def has_left(self) -> bool:
        """Is an address of ours gone that the other side was told?"""
        return not set(self._told) <= set(self.me.addresses)

    def forget_told(self) -> None:
        """Whatever the other side knows of us may be wrong."""
        self._told = ()

    def to_tell(self, *, again: bool) -> tuple[str, ...]:
        """What to tell the other side of our addresses, and count as told; nothing when it knows.

        ``again``: what was told before may be lost.
        """
        ours = self.me.addresses[: limits.ADDRESSES_MAX]
        if not ours or (set(self._told) == set(ours) and not again):
            return ()
        self._told = ours
        return ours
