"""How often the password may be guessed through this box, in both directions.

A proof that a joiner sends tells whoever made the challenge whether one guess was right, and a
wrong proof that a member receives is one guess of the joiner's. Both are counted here, and nothing
else is: a frame that anybody could inject never gets this far.

Time is monotonic seconds. The budgets survive a restart (``to_state``, ``from_state``): a box has
no clock that it can trust across one, so the time it was off counts as no time at all.
"""

from __future__ import annotations

from collections import OrderedDict, deque

import msgspec

from appliance.core import limits
from appliance.errors import StartError


class Bucket:
    """A token bucket: ``capacity`` at once, then one more every ``every`` seconds."""

    def __init__(self, capacity: int, every: float, now: float, tokens: float | None = None) -> None:
        self.capacity = capacity
        self.every = every
        self._tokens = float(capacity) if tokens is None else min(max(tokens, 0.0), capacity)
        self._at = now

    def level(self, now: float) -> float:
        """Tokens in it, fractions included."""
        return min(self.capacity, self._tokens + max(0.0, now - self._at) / self.every)

    def available(self, now: float) -> int:
        """Whole tokens in it."""
        return int(self.level(now) + 1e-9)

    def take(self, now: float) -> bool:
        """Take one token; return whether there was one. Below one the bucket is emptied."""
        level = self.level(now)
        had_one = level + 1e-9 >= 1
        self._tokens, self._at = max(0.0, level - 1), max(now, self._at)
        return had_one

    def next_at(self, now: float) -> float:
        """When there will be a token: ``now`` if there is one."""
        missing = 1 - self.level(now)
        return now if missing <= 1e-9 else now + missing * self.every


class Window:
    """At most ``limit`` in any ``span`` seconds."""

    def __init__(self, limit: int, span: float, times: tuple[float, ...] = ()) -> None:
        self.limit = limit
        self.span = span
        self._times: deque[float] = deque(times, maxlen=limit)

    def available(self, now: float) -> int:
        while self._times and now - self._times[0] >= self.span:
            self._times.popleft()
        return self.limit - len(self._times)

    def take(self, now: float) -> bool:
        """Count one; return whether it was within the limit."""
        had_one = self.available(now) > 0
        self._times.append(now)
        return had_one

    def ages(self, now: float) -> tuple[float, ...]:
        """How long ago each one was that still counts."""
        self.available(now)
        return tuple(now - at for at in self._times)


class JoinerGuesses:
    """What one key press may cost: its own five, within the ten an hour of the room."""

    def __init__(self, hourly: Window) -> None:
        self._left = limits.GUESSES_PER_PRESS
        self._hourly = hourly

    def available(self, now: float) -> int:
        """How many more proofs may go unaccepted."""
        return min(self._left, self._hourly.available(now))

    def spend(self, now: float) -> None:
        """A proof was not accepted in time, or not rightly."""
        self._left = max(0, self._left - 1)
        self._hourly.take(now)


class MemberGuesses:
    """What others may guess at this box in one room.

    Strangers share one budget. A box that proved itself once in this join has its own, so that
    strangers can't shut it out. After ``WRONG_PROOFS_MAX`` a person lets strangers in by hand.
    """

    def __init__(self, strangers: Bucket, wrong: int = 0) -> None:
        self._strangers = strangers
        self._met: OrderedDict[str, Window] = OrderedDict()
        self._admitted = 0
        self.wrong = wrong
        """Wrong proofs in this meeting."""

    def met(self, peer_id: str) -> None:
        """This box proved that it knows the password."""
        if peer_id not in self._met:
            self._admitted = 0
            self._met[peer_id] = Window(limits.MET_GUESSES, limits.MET_GUESSES_SPAN)
            if len(self._met) > limits.MET_REMEMBERED:
                self._met.popitem(last=False)

    def knows(self, peer_id: str) -> bool:
        return peer_id in self._met

    def allows(self, peer_id: str, now: float) -> bool:
        """Say whether a proof of this peer may be looked at."""
        own = self._met.get(peer_id)
        if own is not None:
            return own.available(now) > 0
        return self._admitted > 0 or (not self.by_hand and self._strangers.available(now) > 0)

    def spend(self, peer_id: str, now: float) -> None:
        """A proof of this peer was wrong."""
        self.wrong += 1
        own = self._met.get(peer_id)
        if own is not None:
            own.take(now)
        elif self._admitted:
            self._admitted -= 1
        else:
            self._strangers.take(now)

    def spent_elsewhere(self, now: float) -> None:
        """Another member told us of a stranger's wrong proof: the room has one budget."""
        self.wrong += 1
        self._strangers.take(now)

    @property
    def by_hand(self) -> bool:
        """True once there were so many wrong proofs that only a person lets a stranger in."""
        return self.wrong >= limits.WRONG_PROOFS_MAX

    def admit(self) -> None:
        """A person lets one stranger try, whatever the budget says."""
        self._admitted = 1

    def meeting_over(self) -> None:
        """This box left the meeting: the next one counts its wrong proofs from zero."""
        self.wrong = 0
        self._admitted = 0
        self._met.clear()

    def strangers_left(self, now: float) -> float:
        """Tokens in the strangers' budget."""
        return self._strangers.level(now)


class _RoomState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    room: int
    joiner_ages: tuple[float, ...]
    strangers: float
    wrong: int


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    rooms: tuple[_RoomState, ...]


class GuessBudgets:
    """All budgets of one box, by room: there are at most ``ROOM_MAX`` of them."""

    def __init__(self) -> None:
        self._joiner: dict[int, Window] = {}
        self._member: dict[int, MemberGuesses] = {}

    def press(self, room: int) -> JoinerGuesses:
        """The budget of one key press."""
        if room not in self._joiner:
            self._joiner[room] = Window(limits.GUESSES_PER_ROOM, limits.GUESSES_SPAN)
        return JoinerGuesses(self._joiner[room])

    def member(self, room: int, now: float) -> MemberGuesses:
        """The budget of those who guess at this box in a room."""
        if room not in self._member:
            strangers = Bucket(limits.STRANGER_GUESSES, limits.STRANGER_GUESS_EVERY, now)
            self._member[room] = MemberGuesses(strangers)
        return self._member[room]

    def to_state(self, now: float) -> bytes:
        """Everything that must survive a restart, as JSON; no secret is in it."""
        rooms = []
        for room in sorted(self._joiner.keys() | self._member.keys()):
            ages = self._joiner[room].ages(now) if room in self._joiner else ()
            member = self.member(room, now)
            left = member.strangers_left(now)
            if ages or member.wrong or left < limits.STRANGER_GUESSES:
                rooms.append(_RoomState(room, ages, left, member.wrong))
        return msgspec.json.encode(_State(1, tuple(rooms)))

    @classmethod
    def from_state(cls, data: bytes, now: float) -> GuessBudgets:
        """Restore what ``to_state`` gave. Raises StartError (``guesses.state``) when it is damaged."""
        try:
            state = msgspec.json.decode(data, type=_State)
        except (ValueError, RecursionError):
            raise StartError("guesses.state", "The saved count of wrong passwords is damaged.") from None
        budgets = cls()
        for saved in state.rooms[: limits.ROOM_MAX]:
            times = tuple(now - age for age in saved.joiner_ages)
            budgets._joiner[saved.room] = Window(limits.GUESSES_PER_ROOM, limits.GUESSES_SPAN, times)
            strangers = Bucket(
                limits.STRANGER_GUESSES, limits.STRANGER_GUESS_EVERY, now, tokens=saved.strangers
            )
            budgets._member[saved.room] = MemberGuesses(strangers, wrong=saved.wrong)
        return budgets
