"""What two boxes tell each other on the data channel of their bound connection, but for the bind itself.

Whether microphone and camera are on, how large the other's picture is drawn, that both are in one room,
which links each has, and a heartbeat every second. What a new connection must know is said on it first. All
but the heartbeats may be said while no connection is bound; then it waits for one, or is not said.
"""

from __future__ import annotations

from appliance.core import messages as m
from appliance.core.constraints import ConstraintPacer
from appliance.core.generations import Generations
from appliance.core.peer_effects import Changed, Effect, HeardLinks, HeardSameRoom, ToControl, Wants
from appliance.core.pulse import Pulse


class DataChannel:
    """Of one pair. ``links``: says which connection is bound. Times are monotonic seconds."""

    def __init__(self, links: Generations, now: float) -> None:
        self._links = links
        self.pulse = Pulse(now)
        self.theirs = m.MediaState(muted=False, camera_on=True)
        """Their microphone and camera, and whether they are in another room just now."""
        self._ours = m.MediaState(muted=False, camera_on=True)
        self._constraints = ConstraintPacer()  # what we say
        self._their_constraints = ConstraintPacer()  # what they say, and we obey

    def begin(self, now: float) -> list[Effect]:
        """A connection is bound: say on it what its other end must know."""
        self.pulse.begin(now)
        wanted = self._constraints.begin(now)
        return [self._say(self._ours), *self._say_wanted(wanted), self._say(self.pulse.beat(now))]

    def hear(self, message: m.Control, now: float) -> list[Effect]:
        """Take what the other side said on the bound connection."""
        match message:
            case m.Heartbeat():
                self.pulse.take(message, now)
            case m.MediaState():
                self.theirs = message
                return [Changed()]
            case m.Constraints():
                return _obey(self._their_constraints.want(message, now))
            case m.SameRoom():
                return [HeardSameRoom()]
            case m.Links():
                return [HeardLinks(tuple(message.links))]
        return []

    # --- what this box says -------------------------------------------------------------------

    def say(self, message: m.Control) -> list[Effect]:
        """Say it now, or, while no connection is bound, not at all."""
        return [self._say(message)] if self._links.bound is not None else []

    def say_media(self, state: m.MediaState) -> list[Effect]:
        """Tell the other box what is on here, also on every connection to come."""
        self._ours = state
        return self.say(state)

    def say_constraints(self, wanted: m.Constraints, now: float) -> list[Effect]:
        """Tell the other box how large its picture is drawn here; changes in quick succession are merged."""
        if self._links.bound is None:
            self._constraints.hold(wanted)
            return []
        return self._say_wanted(self._constraints.want(wanted, now))

    def _say_wanted(self, wanted: m.Constraints | None) -> list[Effect]:
        return [self._say(wanted)] if wanted is not None else []

    def _say(self, message: m.Control) -> ToControl:
        assert self._links.bound is not None
        return ToControl(self._links.bound, m.encode_control(message))

    # --- time ---------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When ``tick`` has something to do, or None."""
        times = [self._their_constraints.deadline()]
        if self._links.bound is not None:
            times += [self.pulse.beat_at, self._constraints.deadline()]
        return min((at for at in times if at is not None), default=None)

    def tick(self, now: float) -> list[Effect]:
        """Say and obey what is due."""
        effects: list[Effect] = []
        if self._links.bound is not None:
            if now >= self.pulse.beat_at:
                effects.append(self._say(self.pulse.beat(now)))
            effects += self._say_wanted(self._constraints.tick(now))
        return effects + _obey(self._their_constraints.tick(now))


def _obey(constraints: m.Constraints | None) -> list[Effect]:
    if constraints is None:
        return []
    return [Wants(constraints.max_height, constraints.max_fps, constraints.visible)]
