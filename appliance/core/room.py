"""A room: who is in it, and whether newcomers may join.

Joining window. One deadline a room. Members compare what they know at every connect: the higher
counter wins; at the same counter closed beats open, and of two open windows the one that closes
sooner wins, so that joining never extends it. A counter that jumps by more than
``DOOR_COUNTER_JUMP_MAX`` is refused: nobody may run it to its end. A newcomer takes the first one it
hears as it is, because it can't know how often the door was moved before.

Roster. The peer ids that members name to each other are hints: a peer that a roster names but that
we never proved anything to is a hole in the mesh, and worth another hello.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from appliance.core.limits import (
    DOOR_COUNTER_JUMP_MAX,
    DOOR_COUNTER_MAX,
    JOINING_MINUTES_MAX,
    MEMBERS_MAX,
    MESH_REPAIR_AFTER,
    MESH_REPAIR_EVERY,
    PEERS_MAX,
    PEERS_OVER_MAX,
)
from appliance.errors import RemoteProtocolError


@dataclass(frozen=True, slots=True)
class Window:
    """The joining window as one member knows it.

    ``meeting``: 16 random bytes of the meeting's first member, hex. ``closes_at``: monotonic
    seconds, meaningful while open. ``by``: the name of who changed it last, for the screen.
    """

    meeting: str
    counter: int
    open: bool
    closes_at: float
    by: str = ""

    def remaining(self, now: float) -> float:
        """Seconds until it closes, 0 when it is closed."""
        return max(0.0, self.closes_at - now) if self.open else 0.0


class JoiningWindow:
    """The joining window of one room, merged from what the members say."""

    def __init__(self, meeting: str, minutes: float, now: float) -> None:
        self._minutes = minutes
        self._seen = 0  # the highest counter heard of, followed or not
        self._alone = True  # nobody told us yet: any counter may be the meeting's
        self._window = Window(meeting, 0, True, now + minutes * 60)

    @property
    def window(self) -> Window:
        return self._window

    def set_open(self, open_: bool, by: str, now: float) -> Window:
        """This box's person opens (for the full time again) or closes joining."""
        self._window = Window(
            self._window.meeting,
            min(self._window.counter + 1, DOOR_COUNTER_MAX),
            open_,
            now + self._minutes * 60 if open_ else now,
            by,
        )
        return self._window

    def heard(self, theirs: Window, now: float) -> bool:
        """Merge what a member says; return whether ours changed.

        Raises RemoteProtocolError for a counter out of reach or a window longer than a day.
        """
        mine = self._window
        jump = 0 if self._alone else theirs.counter - max(mine.counter, self._seen)
        if jump > DOOR_COUNTER_JUMP_MAX or theirs.counter > DOOR_COUNTER_MAX:
            raise RemoteProtocolError("door.counter-jump", "a member's joining window is out of reach")
        if theirs.remaining(now) > JOINING_MINUTES_MAX * 60:
            raise RemoteProtocolError("door.too-long", "a member's joining window is longer than a day")
        self._alone = False
        if self._precedence(theirs, now) < self._precedence(mine, now):
            self._window = theirs
            return True
        return False

    def saw(self, counter: int) -> None:
        """A member has that counter, which we did not follow: the next one is no jump."""
        if self._alone or counter <= max(self._window.counter, self._seen) + DOOR_COUNTER_JUMP_MAX:
            self._seen = max(self._seen, counter)

    @staticmethod
    def _precedence(window: Window, now: float) -> tuple[int, bool, float, str]:
        # Whole seconds: clocks of members differ by the time a message takes, and must not flip-flop.
        return (-window.counter, window.open, round(window.remaining(now)), window.meeting)

    def tick(self, now: float) -> bool:
        """Close it when its time is over; return whether it closed now."""
        if self._window.open and now >= self._window.closes_at:
            self._window = replace(self._window, open=False)
            return True
        return False

    def deadline(self) -> float | None:
        """When ``tick`` will close it, or None while it is closed."""
        return self._window.closes_at if self._window.open else None


class Roster:
    """Which peers are in the room, and which of those that others name we do not know."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._known: set[str] = set()
        self._away: set[str] = set()  # known, and out of reach: not named to others
        self._named: dict[str, dict[str, float]] = {}  # who named them -> {peer: since when}
        self._over: OrderedDict[str, None] = OrderedDict()  # left, or closed by a person: never again
        self._repaired_at = float("-inf")

    @property
    def members(self) -> tuple[str, ...]:
        """The peer ids that we are proven with and that are here, and our own: what we tell others."""
        return (self._me, *sorted(self._known - self._away))

    @property
    def full(self) -> bool:
        """Is there no place for another one? Who is away has none, and finds one again, or not."""
        return self.crowded or len(self._known) >= MEMBERS_MAX

    @property
    def crowded(self) -> bool:
        """Are as many here as a meeting has places?"""
        return len(self._known - self._away) >= PEERS_MAX

    def add(self, peer: str) -> None:
        """A pair was proven."""
        self._known.add(peer)
        self._away.discard(peer)

    def away(self, peer: str) -> None:
        """A member is out of reach: nobody else need look for it, and what it named is old."""
        if peer in self._known:
            self._away.add(peer)
        self._named.pop(peer, None)

    def back(self, peer: str) -> None:
        """It is here again."""
        self._away.discard(peer)

    def remove(self, peer: str) -> None:
        """A peer left or is gone; what it named is forgotten."""
        self._known.discard(peer)
        self._away.discard(peer)
        self._named.pop(peer, None)

    def over(self, peer: str) -> None:
        """A peer left, or a person closed it: a roster that still names it changes nothing."""
        self._over[peer] = None
        if len(self._over) > PEERS_OVER_MAX:
            self._over.popitem(last=False)

    def is_over(self, peer: str) -> bool:
        return peer in self._over

    def heard(self, by: str, peers: Iterable[str], now: float) -> None:
        """A member told us who is there."""
        before = self._named.get(by, {})
        named = [peer for peer in peers if peer != self._me and peer not in self._over][: PEERS_MAX + 1]
        self._named[by] = {peer: before.get(peer, now) for peer in named}

    @property
    def holes_known(self) -> bool:
        """True while a member names a peer that we don't know, however short."""
        return any(self._is_hole(peer) for named in self._named.values() for peer in named)

    def _is_hole(self, peer: str) -> bool:
        return peer not in self._known and peer not in self._over

    def holes(self, now: float, after: float = MESH_REPAIR_AFTER) -> set[str]:
        """Peers that a member has named for ``after`` seconds and that we don't know."""
        return {
            peer
            for named in self._named.values()
            for peer, since in named.items()
            if self._is_hole(peer) and now - since >= after
        }

    def introducers(self, peer: str) -> list[str]:
        """The members that name this peer."""
        return sorted(by for by, named in self._named.items() if peer in named)

    def wants_hello(self, now: float) -> bool:
        """Say, at most every ``MESH_REPAIR_EVERY``, that another hello may mend a hole in the mesh."""
        if now - self._repaired_at < MESH_REPAIR_EVERY or not self.holes(now):
            return False
        self._repaired_at = now
        return True
