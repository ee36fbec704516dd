"""The connections of a pair: the newest one, and the one that carries media.

A broken connection is not repaired: another one, of a higher *generation*, is built beside it and takes
over once it is bound. One that does not come up in time is given up.
"""

from __future__ import annotations

from appliance.core import limits


class Generations:
    """Of one pair; ``now``: monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.newest = 0
        self.bound: int | None = None
        """The connection that carries media."""
        self.building = False
        """The newest is on its way."""
        self.give_up_at = now
        """While one is being built, or should be."""
        self.tries = 0
        """Offers made, or waited for in vain, since one was bound."""
        self.unanswered = False
        """Our newest offer was said, and nothing came back."""

    def begin(self, generation: int, now: float) -> int | None:
        """Begin a connection; return the one that was still being built and gives way, if any."""
        gives_way = self.newest if self.building and self.newest != self.bound else None
        self.newest = generation
        self.building = True
        self.unanswered = False
        self.extend(now)
        return gives_way

    def extend(self, now: float, within: float = limits.CONNECT_WITHIN) -> None:
        """Give what is being built this long from now on."""
        self.give_up_at = now + within

    def bind(self) -> int | None:
        """The newest is bound; return the one that carried media before, if any."""
        old, self.bound = self.bound, self.newest
        self.building = False
        self.tries = 0
        return old

    def abandon(self) -> list[int]:
        """The other box is out of reach: return all connections, which are over."""
        links = {link for link in (self.bound, self.newest) if link}
        self.bound, self.building = None, False
        return sorted(links)
