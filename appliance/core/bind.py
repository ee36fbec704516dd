"""The bind: a connection proves that it is this pair's, before anything is sent or believed on it.

The first message each way on the data channel is a MAC, under a key that only this pair has, over both
DTLS fingerprints and both ICE ufrags (``channel.bind_mac``).
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.core import messages as m
from appliance.core.channel import bind_mac, equal_macs


@dataclass(frozen=True, slots=True)
class Ends:
    """What the bind MAC covers of one connection, of one side."""

    fingerprint: str
    ufrag: str


class Bind:
    """The bind of a pair's newest connection. ``role``: ours in the handshake. ``key``: the pair's."""

    def __init__(self, role: str, key: bytes) -> None:
        self.key = key
        self._role = role
        self._ends: tuple[Ends, Ends] | None = None  # (ours, theirs)
        self._early: m.Bind | None = None  # came before our own end knew that it was connected

    def begin(self) -> None:
        """A new connection is being built."""
        self._ends = self._early = None

    def say(self, generation: int, ours: Ends, theirs: Ends) -> m.Bind:
        """The connection is up; return our message on it."""
        self._ends = (ours, theirs)
        return m.Bind(mac=self._mac(self._role, generation, ours, theirs))

    def hear(self, message: m.Bind) -> bool:
        """Say whether their message can be checked now; else it is kept for ``early``."""
        if self._ends is None:
            self._early = message
        return self._ends is not None

    def early(self) -> m.Bind | None:
        """The message that came too early, once."""
        early, self._early = self._early, None
        return early

    def holds(self, generation: int, message: m.Bind) -> bool:
        """Is the other end of this connection who we proved the password to?"""
        assert self._ends is not None
        ours, theirs = self._ends
        role = "B" if self._role == "A" else "A"
        return equal_macs(message.mac, self._mac(role, generation, theirs, ours))

    def _mac(self, role: str, generation: int, sender: Ends, receiver: Ends) -> bytes:
        return bind_mac(
            self.key,
            role,
            generation,
            (sender.fingerprint, receiver.fingerprint),
            (sender.ufrag, receiver.ufrag),
        )
