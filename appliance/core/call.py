"""THE call state machine: is this box in a meeting, and did joining succeed?

The rules, in prose:

* A join begins with a key press and ends in one of three ways: somebody accepted our proof, nobody
  answered (then we are the first one there, which is not a failure), or everybody who answered
  refused us.
* One acceptance is enough. A rogue box that refuses everybody must not be able to keep a person
  out of a meeting whose members accept them, so a refusal counts only when nobody accepted and
  nothing is pending any more, or what is pending takes longer than an acceptance ever does.
* "Nobody answered" is decided soon after every server was reached or given up, because a person
  is waiting; a member that is discovered later still finds us by its hello.
* Once in a call, a refused handshake is somebody else's failed attempt and never throws us out.
"""

from __future__ import annotations

import enum

from appliance.core.limits import JOIN_ALONE_AFTER, JOIN_GIVE_UP_AFTER, JOIN_PENDING_SETTLE, JOIN_SETTLE
from appliance.core.table import Machine


class CallState(enum.Enum):
    IDLE = "idle"
    JOINING = "joining"
    IN_CALL = "in-call"


class CallEvent(enum.Enum):
    JOIN = "join"  # the last key was pressed
    ACCEPTED = "accepted"  # a pair was proven
    ALONE = "alone"  # nobody answered
    REFUSED = "refused"  # everybody who answered refused
    LEAVE = "leave"  # a person left, or gave up joining


TABLE: dict[tuple[CallState, CallEvent], CallState] = {
    (CallState.IDLE, CallEvent.JOIN): CallState.JOINING,
    (CallState.JOINING, CallEvent.ACCEPTED): CallState.IN_CALL,
    (CallState.JOINING, CallEvent.ALONE): CallState.IN_CALL,
    (CallState.JOINING, CallEvent.REFUSED): CallState.IDLE,
    (CallState.JOINING, CallEvent.LEAVE): CallState.IDLE,
    (CallState.IN_CALL, CallEvent.ACCEPTED): CallState.IN_CALL,
    (CallState.IN_CALL, CallEvent.LEAVE): CallState.IDLE,
}


class Call:
    """One box's call. Times are monotonic seconds; feed it what happens, ask ``tick`` for a verdict.

    ``give_up_after``: nobody answered for so long.
    """

    def __init__(self, give_up_after: float = JOIN_GIVE_UP_AFTER) -> None:
        self._give_up_after = give_up_after
        self._machine = Machine("call", TABLE, CallState.IDLE)
        self._joined_at = 0.0
        self._servers_settled_at: float | None = None
        self._refused_at: float | None = None

    @property
    def state(self) -> CallState:
        return self._machine.state

    @property
    def give_up_at(self) -> float:
        """Joining is decided by then."""
        return self._joined_at + self._give_up_after

    def join(self, now: float) -> None:
        """The last key was pressed."""
        self._machine.step(CallEvent.JOIN)
        self._joined_at = now
        self._servers_settled_at = None
        self._refused_at = None

    def leave(self) -> None:
        """A person left, or gave up joining."""
        self._machine.step(CallEvent.LEAVE)

    def servers_settled(self, now: float) -> None:
        """Every known server was reached (our hello is on its way) or given up."""
        if self._servers_settled_at is None:
            self._servers_settled_at = now

    def proven(self) -> None:
        """A pair was proven: both know the password."""
        self._refused_at = None
        if self._machine.allows(CallEvent.ACCEPTED):
            self._machine.step(CallEvent.ACCEPTED)

    def failed(self, now: float) -> None:
        """A pair's proof failed, in either direction."""
        if self.state is CallState.JOINING:
            self._refused_at = now

    def deadline(self, pending: bool) -> float | None:
        """When ``tick`` may decide something, or None. ``pending``: a handshake is under way."""
        if self.state is not CallState.JOINING:
            return None
        give_up = self.give_up_at
        if self._refused_at is not None:
            settle = JOIN_PENDING_SETTLE if pending else JOIN_SETTLE
            return min(give_up, self._refused_at + settle)
        if pending or self._servers_settled_at is None:
            return give_up
        return min(give_up, self._servers_settled_at + JOIN_ALONE_AFTER)

    def tick(self, now: float, pending: bool) -> CallEvent | None:
        """Decide what is due; return ALONE or REFUSED when the state changed by it."""
        deadline = self.deadline(pending)
        if deadline is None or now < deadline:
            return None
        event = CallEvent.REFUSED if self._refused_at is not None else CallEvent.ALONE
        self._machine.step(event)
        return event
