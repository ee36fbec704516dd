"""How often the password may be guessed through this box, in both directions.

A proof that a joiner sends tells whoever made the challenge whether one guess was right, and a
wrong proof that a member receives is one guess of the joiner's. Both are counted here, and nothing
else is: a frame that anybody could inject never gets this far.

Strangers share one budget in a room, whichever member they try (``strangers.py``). A box that was met
before, and a peer that a member named, have budgets of their own.

Time is monotonic seconds. The budgets survive a restart (``to_state``, ``from_state``): a box has
no clock that it can trust across one, so the time it was off counts as no time at all.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from appliance.core import limits
from appliance.core.strangers import StrangerGuesses
from appliance.errors import StartError


class Bucket:
    """A token bucket: ``capacity`` at once, then one more every ``every`` seconds."""

    def __init__(self, capacity: int, every: float, now: float) -> None:
        self.capacity = capacity
        self.every = every
        self._tokens = float(capacity)
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

    def next_at(self, now: float) -> float:
        """When there will be one again: ``now`` if there is."""
        return now if self.available(now) > 0 else self._times[0] + self.span

    def ages(self, now: float) -> tuple[float, ...]:
        """How long ago each one was that still counts."""
        self.available(now)
        return tuple(now - at for at in self._times)


class OwnBudgets:
    """Budgets of those that are no strangers in a room, by box id or peer id: 5 wrong in 10 minutes each."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, Window] = OrderedDict()

    def available(self, who: str, now: float) -> int:
        window = self._windows.get(who)
        return limits.MET_GUESSES if window is None else window.available(now)

    def spend(self, who: str, now: float) -> None:
        self._add(who, ()).take(now)

    def to_state(self, now: float) -> dict[str, tuple[float, ...]]:
        """The ages of what still counts, of those that have any."""
        ages = {who: window.ages(now) for who, window in self._windows.items()}
        return {who: told for who, told in ages.items() if told}

    def restore(self, who: str, ages: tuple[float, ...], now: float) -> None:
        self._add(who, tuple(now - age for age in ages))

    def _add(self, who: str, times: tuple[float, ...]) -> Window:
        if who not in self._windows:
            self._windows[who] = Window(limits.MET_GUESSES, limits.MET_GUESSES_SPAN, times)
            if len(self._windows) > limits.OWN_BUDGETS_MAX:
                self._windows.popitem(last=False)
        self._windows.move_to_end(who)
        return self._windows[who]


class JoinerGuesses:
    """What one key press may cost: its own five, within the ten an hour of the room."""

    def __init__(self, hourly: Window, own: OwnBudgets) -> None:
        self._left = limits.GUESSES_PER_PRESS
        self._hourly = hourly
        self.own = own
        """Budgets of boxes met before, which this box proves itself to."""

    def available(self, now: float) -> int:
        """How many more proofs may go unaccepted."""
        return min(self._left, self._hourly.available(now))

    def spend(self, now: float) -> None:
        """A proof was not accepted in time, or not rightly."""
        self._left = max(0, self._left - 1)
        self._hourly.take(now)


@dataclass(frozen=True, slots=True)
class ShutOut:
    """Strangers are not let in. ``until``: by itself again then; None: by hand only.

    ``admitted``: a person has just said that the next one may try.
    """

    until: float | None
    admitted: bool


class MemberGuesses:
    """What others may guess at this box in one room.

    ``own``, where it is asked for: whose own budget counts, a box id or a peer id; "" for a stranger.
    After ``WRONG_PROOFS_MAX`` wrong proofs in a meeting a person lets strangers in by hand.
    """

    def __init__(self, own: OwnBudgets) -> None:
        self.strangers = StrangerGuesses()
        self._own = own
        self._met: OrderedDict[str, None] = OrderedDict()
        self._admitted_until = float("-inf")

    def met(self, peer_id: str) -> None:
        """This peer proved that it knows the password."""
        if peer_id not in self._met:
            self._admitted_until = float("-inf")
            self._met[peer_id] = None
            if len(self._met) > limits.MET_REMEMBERED:
                self._met.popitem(last=False)

    def knows(self, peer_id: str) -> bool:
        return peer_id in self._met

    def allows(self, own: str, now: float) -> bool:
        """Say whether a proof may be looked at."""
        if own:
            return self._own.available(own, now) > 0
        return now < self._admitted_until or self._open(now)

    def spend(self, own: str, event_id: bytes, now: float) -> None:
        """A proof was wrong. ``event_id``: 8 random bytes, for a stranger's."""
        if own:
            self._own.spend(own, now)
            return
        self._admitted_until = float("-inf")
        self.strangers.spend(event_id, now)

    @property
    def by_hand(self) -> bool:
        """True once there were so many wrong proofs that only a person lets a stranger in."""
        return self.strangers.wrong >= limits.WRONG_PROOFS_MAX

    def admit(self, now: float) -> None:
        """A person lets one stranger try, soon, whatever the budget says."""
        self._admitted_until = now + limits.ADMIT_FOR

    def shut_out(self, now: float) -> ShutOut | None:
        """Whether strangers are shut out, and until when."""
        if self._open(now):
            return None
        until = None if self.by_hand else self.strangers.next_at(now)
        return ShutOut(until, admitted=now < self._admitted_until)

    def meeting_over(self) -> None:
        """This box left the meeting: the next one counts its wrong proofs from zero."""
        self.strangers.meeting_over()
        self._admitted_until = float("-inf")
        self._met.clear()

    def _open(self, now: float) -> bool:
        return not self.by_hand and self.strangers.available(now) > 0


_Age = Annotated[float, Meta(ge=0.0)]
_Who = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
_EventId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]


class _RoomState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    room: int
    joiner_ages: tuple[_Age, ...]
    strangers: tuple[tuple[_EventId, _Age, bool], ...]
    own: dict[_Who, tuple[_Age, ...]]


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    rooms: tuple[_RoomState, ...]


class GuessBudgets:
    """All budgets of one box, by room: there are at most ``ROOM_MAX`` of them."""

    def __init__(self) -> None:
        self._joiner: dict[int, Window] = {}
        self._member: dict[int, MemberGuesses] = {}
        self._own: dict[int, OwnBudgets] = {}

    def press(self, room: int) -> JoinerGuesses:
        """The budget of one key press."""
        if room not in self._joiner:
            self._joiner[room] = Window(limits.GUESSES_PER_ROOM, limits.GUESSES_SPAN)
        return JoinerGuesses(self._joiner[room], self._own_of(room))

    def member(self, room: int) -> MemberGuesses:
        """The budget of those who guess at this box in a room."""
        if room not in self._member:
            self._member[room] = MemberGuesses(self._own_of(room))
        return self._member[room]

    def next_press(self, room: int, now: float) -> float:
        """When a joiner may lose a guess in this room again: ``now`` if it may."""
        window = self._joiner.get(room)
        return now if window is None else window.next_at(now)

    def _own_of(self, room: int) -> OwnBudgets:
        return self._own.setdefault(room, OwnBudgets())

    def to_state(self, now: float) -> bytes:
        """Everything that must survive a restart, as JSON; no secret is in it."""
        rooms = []
        for room in sorted(self._joiner.keys() | self._member.keys()):
            ages = self._joiner[room].ages(now) if room in self._joiner else ()
            strangers = self._member[room].strangers.to_state(now) if room in self._member else ()
            own = self._own_of(room).to_state(now)
            if ages or strangers or own:
                rooms.append(_RoomState(room, ages, strangers, own))
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
            for who, ages in saved.own.items():
                budgets._own_of(saved.room).restore(who, ages, now)
            for event_id, age, here in saved.strangers:
                budgets.member(saved.room).strangers.restore(bytes.fromhex(event_id), age, here, now)
        return budgets
