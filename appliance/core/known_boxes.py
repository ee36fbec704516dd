"""Where boxes were: addresses to try where discovery does not show them.

* A box is remembered when mDNS showed it, when a person typed its address, and when it proved the
  password in a meeting; the better of these counts.
* Two entries that share an address and the port are the same box: the newer one stays.
* Tried first is what people met or typed, the latest first; what was only seen comes after it, and
  makes room first when there are too many.
* A box that so many joins in a row did not reach (``KNOWN_MISSES_MAX``) is forgotten. Joins are
  counted and not days: a box without a network has no idea what day it is.

Nothing here is a secret, and nothing here is believed: whoever answers at an address proves the
password like anybody else.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Collection, Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from appliance.core import limits
from appliance.errors import StartError


class How(enum.IntEnum):
    """How a box is known."""

    SEEN = 0  # mDNS showed it, and its server answered
    TYPED = 1  # a person typed its address, and a box answered there
    MET = 2  # it was in a meeting with us


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One box. ``addresses``: of its signaling server, IP addresses, best first. ``name``: may be empty.

    ``misses``: joins in a row that did not reach it.
    """

    addresses: Annotated[tuple[str, ...], Meta(min_length=1, max_length=limits.BOX_ADDRESSES_MAX)]
    port: Annotated[int, Meta(ge=1, le=65535)]
    name: Annotated[str, Meta(max_length=limits.NAME_MAX_BYTES)] = ""
    how: How = How.SEEN
    misses: Annotated[int, Meta(ge=0)] = 0

    @property
    def key(self) -> str:
        """Names it among the servers of a room."""
        return f"known {self.addresses[0]} {self.port}"

    def is_at(self, addresses: Iterable[str], port: int) -> bool:
        """Is this the box at one of these addresses?"""
        return port == self.port and not set(self.addresses).isdisjoint(addresses)


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    boxes: list[Known]  # the latest last


class KnownBoxes:
    """Boxes by address, the latest last; at most ``limits.KNOWN_MAX``."""

    def __init__(self) -> None:
        self._boxes: list[Known] = []

    def __len__(self) -> int:
        return len(self._boxes)

    def remember(self, how: How, addresses: Iterable[str], port: int, name: str = "") -> bool:
        """A box was at these addresses; return whether that is news."""
        kept = tuple(dict.fromkeys(addresses))[: limits.BOX_ADDRESSES_MAX]
        if not kept:
            return False
        same = [box for box in self._boxes if box.is_at(kept, port)]
        best = max((box.how for box in same), default=how)
        name = name or next((box.name for box in same if box.name), "")
        box = Known(kept, port, name, max(best, how))
        if how is How.SEEN and same == [box]:
            return False  # in its place: what is seen every day is no reason to write every day
        self._boxes = [*(b for b in self._boxes if b not in same), box]
        if len(self._boxes) > limits.KNOWN_MAX:
            self._boxes.remove(min(self._boxes, key=lambda b: b.how > How.SEEN))
        return True

    def joined(self, tried: Collection[str], reached: Collection[str]) -> bool:
        """A join is over: of the boxes with the keys ``tried`` some were ``reached``. Is that news?"""
        before = self._boxes
        self._boxes = [
            msgspec.structs.replace(box, misses=0 if box.key in reached else box.misses + 1)
            if box.key in tried
            else box
            for box in before
        ]
        self._boxes = [box for box in self._boxes if box.misses < limits.KNOWN_MISSES_MAX]
        return self._boxes != before

    def to_try(self) -> list[Known]:
        """Every box, the likeliest first."""
        latest_first = self._boxes[::-1]
        return sorted(latest_first, key=lambda box: box.how is How.SEEN)

    def to_state(self) -> bytes:
        """Everything, as JSON."""
        return msgspec.json.encode(_State(1, self._boxes))

    @classmethod
    def from_state(cls, data: bytes) -> KnownBoxes:
        """Restore what ``to_state`` gave. Raises StartError (``known.state``) when it is damaged."""
        known = cls()
        try:
            if len(data) > limits.KNOWN_BYTES_MAX:
                raise ValueError("too large")
            state = msgspec.json.decode(data, type=_State)
            for address in (address for box in state.boxes for address in box.addresses):
                ipaddress.ip_address(address)
        except (ValueError, RecursionError):
            raise StartError("known.state", "The list of known addresses is damaged.") from None
        known._boxes = state.boxes[-limits.KNOWN_MAX :]
        return known
