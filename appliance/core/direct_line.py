"""Whether a pair has its direct line, and who dials when.

The rules:

* The leader of the pair dials first. When that does not work, or takes longer than ``LINE_WITHIN``,
  the other one dials. When neither gets through there is no line, and the relay serves.
* A line that was up and is lost is dialed again, for as long as the pair lasts: at once by the leader
  when the other side's system reset it, a little later by the other one, and every
  ``LINE_LOST_REDIAL`` when it only fell silent; after ``LINE_LOST_QUICK_FOR`` less often. A process
  that dies closes its lines a moment before its server: the first dials follow each other quickly then.
* A line that was up, and whose new connections are refused for ``LINE_REFUSED_FOR`` after a reset, or
  ``LINE_REFUSED_SILENT`` after silence, says that the other box is gone: a network card that was just
  plugged in has its server again sooner. So does, at once, a box that answers and knows no such line;
  one that says so for ``LINE_REFUSED_SILENT``, and did not merely begin anew, has *forgotten* us.
* Whether that is true the link's own heartbeats know better (``core/absence.py``): dialing goes on.
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
    FORGOTTEN = "forgotten"  # and will not come back: it has forgotten us


class DirectLine:
    """The direct line of one pair; times are monotonic seconds."""

    def __init__(self) -> None:
        self.state = LineState.NONE
        self._since = 0.0
        self._dial_at: float | None = None
        self._renew_at = self._redial_at = 0.0
        self._quick = 0  # dials after a reset that may follow each other quickly
        self._lost_at = 0.0
        self._reset = False  # how it was lost
        self._refused_since: float | None = None  # the first of the refusals in a row
        self._unknown_since: float | None = None  # the first time in a row that it knew no such line
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

    def resume(self, now: float) -> Verdict:
        """This box restarted, and the line was up before: dial at once, and again until it is up."""
        self._was_up = True
        self._lost_at = now
        return self._dial(now)

    def up(self) -> None:
        """A line was proven, whoever dialed it."""
        self.state = LineState.UP
        self._was_up = True
        self._dial_at = None
        self._refused_since = self._unknown_since = None

    def failed(self, refused: bool, now: float, unknown: bool = False) -> Verdict:
        """Our dialing failed. ``refused``: nobody listens there. ``unknown``: it has forgotten us."""
        if self.state is LineState.UP:
            return Verdict.WAIT
        if self._was_up:
            return self._failed_again(refused, unknown, now)
        if self._both_ways:
            return self._give_up(now)
        self._both_ways = True
        self.state = LineState.AWAITING
        self._since = now
        return Verdict.WAIT

    def _failed_again(self, refused: bool, unknown: bool, now: float) -> Verdict:
        self.state = LineState.LOST
        quick, self._quick = self._quick > 0, max(0, self._quick - 1)
        if unknown:
            pause = limits.LINE_REDIAL_EVERY
        elif quick:
            pause = limits.LINE_RESET_REDIAL
        elif now - self._lost_at < limits.LINE_LOST_QUICK_FOR:
            pause = limits.LINE_LOST_REDIAL
        else:
            pause = limits.LINE_LOST_REDIAL_MAX
        self._dial_at = now + pause
        self._unknown_since = _first(self._unknown_since, now) if unknown else None
        self._refused_since = _first(self._refused_since, now) if refused else None
        if self._unknown_since is not None:
            forgotten = now - self._unknown_since >= limits.LINE_REFUSED_SILENT
            return Verdict.FORGOTTEN if forgotten else Verdict.VANISHED
        if self._refused_since is None:
            return Verdict.WAIT
        patience = limits.LINE_REFUSED_FOR if self._reset else limits.LINE_REFUSED_SILENT
        return Verdict.VANISHED if now - self._refused_since >= patience else Verdict.WAIT

    def lost(self, reset: bool, leads: bool, now: float) -> Verdict:
        """The line ended. ``reset``: the other side's system closed it; else it fell silent."""
        self.state = LineState.LOST
        self._lost_at = now
        self._reset = reset
        self._refused_since = self._unknown_since = None
        self._quick = limits.LINE_RESET_REDIALS if reset else 0
        if reset and leads:
            return self._dial(now)
        # The leader dials first; the other one makes sure in case the leader can't.
        self._dial_at = now + (0.0 if reset else limits.LINE_LOST_REDIAL)
        if not leads:
            self._dial_at += limits.LINE_WITHIN
        return Verdict.WAIT

    def redial(self, now: float) -> Verdict:
        """Something suggests that dialing works now: an address changed, a box was heard again."""
        if self._was_up and self.state in (LineState.LOST, LineState.DIALING) and now >= self._redial_at:
            self._redial_at = now + limits.LINE_RESET_REDIAL
            return self._dial(now)
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


def _first(since: float | None, now: float) -> float:
    return now if since is None else since
