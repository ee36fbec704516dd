"""The wrong proofs of strangers in one room: one budget, whichever member they try.

Each wrong proof is an *event* with a random id. Who saw it tells every other member over the sealed channel,
and a member tells a newcomer all that it knows. What is told is a set of events: the same however often and
in whatever order it comes, so nobody counts anything twice and a newcomer counts what was before it came.

A member that lies can add events, which shuts strangers out. It can take none away.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from appliance.core import limits


@dataclass(slots=True)
class _Event:
    """One wrong proof of a stranger. ``here``: it counts for the meeting that this box is in."""

    at: float
    here: bool


class StrangerGuesses:
    """The wrong proofs of strangers in one room, as all its members know them.

    Five in any ten minutes; so never more than five at once and one more every 120 s.
    """

    def __init__(self) -> None:
        self._events: OrderedDict[bytes, _Event] = OrderedDict()

    def spend(self, event_id: bytes, now: float) -> None:
        """A stranger's proof was wrong, at this box. ``event_id``: 8 random bytes."""
        self._add(event_id, _Event(now, True))

    def heard(self, events: Iterable[tuple[bytes, float]], now: float) -> bool:
        """A member of this meeting told us of (id, seconds ago); return whether one was new to us."""
        news = False
        for event_id, ago in events:
            known = self._events.get(event_id)
            if known is None:
                self._add(event_id, _Event(now - ago, True))
                news = True
            else:
                known.here = True
        return news

    def told(self, now: float) -> list[tuple[bytes, float]]:
        """What to tell a member: (id, seconds ago) of this meeting's, oldest first."""
        most = limits.STRANGER_EVENT_AGE_MAX
        return [(event_id, min(most, now - e.at)) for event_id, e in self._events.items() if e.here]

    @property
    def wrong(self) -> int:
        """Wrong proofs of strangers in this meeting."""
        return sum(event.here for event in self._events.values())

    def available(self, now: float) -> int:
        """How many more proofs of strangers may be wrong now."""
        return max(0, limits.STRANGER_GUESSES - len(self._recent(now)))

    def next_at(self, now: float) -> float:
        """When a stranger's proof is looked at again: ``now`` if it is."""
        recent = self._recent(now)
        if len(recent) < limits.STRANGER_GUESSES:
            return now
        return recent[-limits.STRANGER_GUESSES] + limits.STRANGER_GUESSES_SPAN

    def meeting_over(self) -> None:
        """This box left; what was lately still counts for the ten minutes, in no meeting."""
        for event in self._events.values():
            event.here = False

    def to_state(self, now: float) -> tuple[tuple[str, float, bool], ...]:
        """(id, age, counts for a meeting) of every event that still counts for anything."""
        return tuple(
            (event_id.hex(), now - event.at, event.here)
            for event_id, event in self._events.items()
            if event.here or now - event.at < limits.STRANGER_GUESSES_SPAN
        )

    def restore(self, event_id: bytes, age: float, here: bool, now: float) -> None:
        self._add(event_id, _Event(now - age, here))

    def _recent(self, now: float) -> list[float]:
        """When the wrong proofs of the last ten minutes were, oldest first."""
        span = limits.STRANGER_GUESSES_SPAN
        return sorted(event.at for event in self._events.values() if now - event.at < span)

    def _add(self, event_id: bytes, event: _Event) -> None:
        self._events[event_id] = event
        if len(self._events) > limits.STRANGER_EVENTS_MAX:
            del self._events[min(self._events, key=lambda each: self._events[each].at)]
