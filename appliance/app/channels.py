"""The channels of one room: on every signaling server known, for as long as newcomers are let in."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable

from appliance.signaling.client import RelayPool, ServerAddress


class Channels:
    """``knocks()``: is this box to be in them? ``hello()``: what it says in each as it opens. ``heard(relay,
    text)``: somebody said something. ``lost(relay)``: a server went; ``refused()``: one lets nobody into this
    room. ``settled()``: perhaps all servers were tried now.
    """

    def __init__(
        self,
        room: int,
        token: str,
        *,
        knocks: Callable[[], bool],
        hello: Callable[[], str],
        heard: Callable[[str, str], None],
        lost: Callable[[str], None],
        refused: Callable[[], None],
        settled: Callable[[], None],
    ) -> None:
        self._knocks = knocks
        self._hello = hello
        self._heard = heard
        self._lost = lost
        self._refused = refused
        self._settled = settled
        self._relays = RelayPool(
            room,
            token,
            on_open=self._opened,
            on_text=self._text,
            on_close=self._closed,
            on_settled=settled,
            rng=random.Random(int.from_bytes(os.urandom(8))),  # noqa: S311 - jitter of redials
        )
        self._servers: tuple[ServerAddress, ...] = ()
        self.ended = False
        """The room is left: what is said there is not heard any more."""

    @property
    def asked(self) -> int:
        """How many servers were asked for this room, our own among them."""
        return len(self._relays.open)

    @property
    def settled(self) -> bool:
        """Was every server tried?"""
        return self._relays.settled

    @property
    def servers_dialed(self) -> tuple[frozenset[str], frozenset[str]]:
        """The keys of the servers that were tried, and of those reached."""
        return self._relays.tried, self._relays.reached

    @property
    def counters(self) -> Counter[str]:
        """What the relays dropped or lost, by stable code."""
        return self._relays.counters

    def set_servers(self, servers: Iterable[ServerAddress]) -> None:
        """The servers known now: our own, those found, those configured."""
        self._servers = tuple(servers)
        if self._knocks():
            self.follow()

    def follow(self) -> None:
        """``knocks`` changed: be in the channels, or leave them all."""
        self._relays.set_servers(self._servers if self._knocks() else ())

    def leave_addresses(self, ours: tuple[str, ...]) -> None:
        """Our own addresses are these now: what hangs on another one is made anew."""
        self._relays.leave_addresses(ours)

    def send(self, relay: str, text: str) -> bool:
        """Send a frame to one server's channel; return whether it is on its way."""
        return self._relays.send(relay, text)

    def greet(self) -> None:
        """Say hello in all of them."""
        for relay in self._relays.open:
            self._relays.send(relay, self._hello())

    async def close(self) -> None:
        """Leave them; bounded."""
        await self._relays.close()

    def _opened(self, relay: str) -> None:
        if self.ended:
            return
        self._relays.send(relay, self._hello())
        self._settled()

    def _text(self, relay: str, text: str) -> None:
        if not self.ended:
            self._heard(relay, text)

    def _closed(self, relay: str, reason: str) -> None:
        if reason == "relay.lost":
            self._lost(relay)
        elif reason == "relay.closed-room":
            self._refused()
        self._settled()
