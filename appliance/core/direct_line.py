"""Whether a pair has its direct line, and who dials when.

The rules:

* The leader of the pair dials first. When that does not work, or takes longer than ``LINE_WITHIN``,
  the other one dials. When neither gets through there is no line, and the relay serves.
* A line that was up and is lost is dialed again: at once by the leader when the other side's system
  reset it, a little later by the other one, and every ``LINE_REDIAL_EVERY`` when it only fell silent.
  A process that dies closes its lines a moment before its server: the first dials follow each other
  quickly then.
* A line that was up, and whose new connection is refused, means that the other box is gone.
"""

from __future__ import annotations

import enum

from appliance.core import limits


class LineState(enum.Enum):
    """The direct sealed line, which lives beside the link's own state."""

    NONE = "none"
    DIALING = "dialing"  # we dial
    AWAITING = "awaiting"  # the other one dials
    UP = "up"
    LOST = "lost"  # was up; dialing again, or waiting to be dialed
    FAILED = "failed"  # never came up: the relay serves


class Verdict(enum.Enum):
    """What a failed dial, or time, says of the line."""

    WAIT = "wait"
    DIAL = "dial"  # dial now
    NO_LINE = "no-line"  # there will be none: use the relay
    VANISHED = "vanished"  # the other box is gone


class DirectLine:
    """The direct line of one pair; times are monotonic seconds."""

    def __init__(self) -> None:
        self.state = LineState.NONE
        self._since = 0.0
        self._dial_at: float | None = None
        self._renew_at = 0.0
        self._quick = 0  # dials after a reset that may follow each other quickly
        self._was_up = False
        self._both_ways = False  # each side had its turn to dial

    def begin(self, leads: bool, now: float) -> Verdict:
        """The pair is identified: the leader dials."""
        self._since = now
        if leads:
            return self._dial(now)
        self.state = LineState.AWAITING
        return Verdict.WAIT

    def _dial(self, now: float) -> Verdict:
        self.state = LineState.DIALING
        self._since = now
        self._dial_at = None
        return Verdict.DIAL

    def up(self) -> None:
        """A line was proven, whoever dialed it."""
        self.state = LineState.UP
        self._was_up = True
        self._dial_at = None

    def failed(self, refused: bool, now: float) -> Verdict:
        """Our dialing failed. ``refused``: nobody listens there."""
        if self.state is LineState.UP:
            return Verdict.WAIT
        if self._was_up:
            if refused:
                return Verdict.VANISHED
            self.state = LineState.LOST
            quick, self._quick = self._quick > 0, max(0, self._quick - 1)
            self._dial_at = now + (limits.LINE_RESET_REDIAL if quick else limits.LINE_REDIAL_EVERY)
            return Verdict.WAIT
        if self._both_ways:
            return self._give_up(now)
        self._both_ways = True
        self.state = LineState.AWAITING
        self._since = now
        return Verdict.WAIT

    def lost(self, reset: bool, leads: bool, now: float) -> Verdict:
        """The line ended. ``reset``: the other side's system closed it; else it fell silent."""
        self.state = LineState.LOST
        self._quick = limits.LINE_RESET_REDIALS if reset else 0
        if reset and leads:
            return self._dial(now)
        # The leader dials first; the other one makes sure in case the leader can't.
        self._dial_at = now + (0.0 if reset else limits.LINE_REDIAL_EVERY)
        if not leads:
            self._dial_at += limits.LINE_WITHIN
        return Verdict.WAIT

    def renew(self, now: float) -> Verdict:
        """The line's keys are used up: dial another one beside it, once in a while."""
        if now < self._renew_at:
            return Verdict.WAIT
        self._renew_at = now + limits.LINE_REDIAL_EVERY
        return Verdict.DIAL

    def none(self) -> None:
        """The other side says that there is no line, by using the relay."""
        self.state = LineState.FAILED

    def _give_up(self, now: float) -> Verdict:
        self.state = LineState.FAILED
        self._dial_at = now + limits.LINE_REDIAL_EVERY
        return Verdict.NO_LINE

    def deadline(self) -> float | None:
        """When ``tick`` has something to say, or None."""
        if self.state is LineState.AWAITING or (self.state is LineState.DIALING and not self._was_up):
            return self._since + limits.LINE_WITHIN
        return self._dial_at

    def tick(self, now: float) -> Verdict:
        """Say what is due."""
        due = self.deadline()
        if due is None or now < due:
            return Verdict.WAIT
        if self.state is LineState.AWAITING and not self._both_ways:
            self._both_ways = True
            return self._dial(now)
        if self.state in (LineState.AWAITING, LineState.DIALING):
            return self._give_up(now)
        return self._dial(now)
