"""Who may connect: counted by address, and refused before a connection costs anything.

A WebSocket connection costs this box a millisecond, a refused TCP connection some twenty microseconds: the
listening socket itself resets what is too much. asyncio knows nothing of it; it accepts from a socket that
seems to have fewer connections waiting.
"""

from __future__ import annotations

import socket
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from appliance.core import limits
from appliance.core.guesses import Bucket

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close() sends RST and keeps no state


class GatedSocket(socket.socket):
    """A listening socket that resets every connection which ``admits(address)`` does not want."""

    admits: Callable[[str], bool] | None = None
    """By remote address; None: every one."""

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept the next connection that is wanted; raises BlockingIOError when there is none for now."""
        for _ in range(limits.RELAY_REFUSED_PER_WAKE):
            connection, peer = super().accept()
            if self.admits is None or self.admits(peer[0]):
                return connection, peer
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.close()
        raise BlockingIOError


class Allowance:
    """What may be sent on: ``rate`` a second, ``burst`` at once; more is owed, and waited for."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = now

    def spend(self, cost: float, now: float) -> float:
        """Take so much; return the seconds to wait until it is there."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - cost
        self._at = now
        return max(0.0, -self._left / self._rate)

    def refund(self, cost: float) -> None:
        """It was not sent on after all."""
        self._left += cost


class Places:
    """TCP connections by remote address, and what each address may do. Times: monotonic seconds."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._arrivals: OrderedDict[str, Bucket] = OrderedDict()
        self._frames: OrderedDict[str, Allowance] = OrderedDict()

    @property
    def total(self) -> int:
        return self._open.total()

    def of(self, address: str) -> int:
        """Connections of one address."""
        return self._open[address]

    def admits(self, address: str, now: float) -> bool:
        """Count an arrival; return whether it is not one too many of its address, at once or in a second."""
        if self._open[address] >= limits.RELAY_CLIENTS_PER_ADDRESS:
            return False
        bucket = self._arrivals.get(address)
        if bucket is None:
            every = 1 / limits.RELAY_ARRIVALS_PER_S
            bucket = self._arrivals[address] = Bucket(limits.RELAY_ARRIVALS_BURST, every, now)
        _keep(self._arrivals, address)
        if bucket.available(now) < 1:
            return False
        bucket.take(now)
        return True

    def take(self, address: str) -> bool:
        """Is there a place for one more connection of this address? Then it is counted."""
        full = self.total >= limits.RELAY_CONNECTIONS_MAX
        if full or self._open[address] >= limits.RELAY_CLIENTS_PER_ADDRESS:
            return False
        self._open[address] += 1
        return True

    def free(self, address: str) -> None:
        """A connection of this address ended."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]

    def crowder(self, newcomer: str) -> str | None:
        """Of a full server: the address with the most connections, far more than a newcomer would have."""
        address, most = max(self._open.items(), key=lambda item: item[1], default=("", 0))
        return address if most > max(limits.RELAY_CROWDED_FROM, self._open[newcomer] + 1) else None

    def frames(self, address: str, now: float) -> Allowance:
        """What all clients of one address together may send."""
        if address not in self._frames:
            rate, burst = limits.RELAY_ADDRESS_FRAMES_PER_S, limits.RELAY_ADDRESS_FRAMES_BURST
            self._frames[address] = Allowance(rate, burst, now)
        _keep(self._frames, address)
        return self._frames[address]


def read_little(transport: Any) -> None:
    """Have an asyncio transport read ``RELAY_READ_BYTES`` at once: what it has read when the queue behind it
    turns out to be full waits in memory, once for every connection."""
    transport.max_size = limits.RELAY_READ_BYTES


def _keep(memory: OrderedDict[str, Any], address: str) -> None:
    memory.move_to_end(address)
    if len(memory) > limits.RELAY_ADDRESSES_REMEMBERED:
        memory.popitem(last=False)
