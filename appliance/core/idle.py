"""When nobody is in front of the screen: how long until it dims and goes off, and where an idle page stands.

The rules:

* Whoever touches, moves a mouse or presses a key is there; so is a meeting, a notice, a call that arrives.
  All of them are an *act*, which wakes the screen.
* Without one the screen dims after some minutes, and goes off after more. Either may be switched off.
* What is on a dimmed screen wanders, one small step a minute, so that no pixel shows the same for months.
"""

from __future__ import annotations

import enum
import math

from appliance.core import limits


class Light(enum.Enum):
    """How bright the screen is."""

    FULL = "full"
    DIM = "dim"
    OFF = "off"


class Idleness:
    """Times are monotonic seconds, the settings minutes; 0 minutes: never."""

    def __init__(self, dim_after_minutes: float, off_after_minutes: float, now: float) -> None:
        self._dim_after = 60 * dim_after_minutes or math.inf
        self._off_after = 60 * off_after_minutes or math.inf
        self._acted_at = now

    def act(self, now: float) -> None:
        """Somebody is there, or something happened that people should see."""
        self._acted_at = max(self._acted_at, now)

    def light(self, now: float) -> Light:
        """What is due."""
        idle = now - self._acted_at
        if idle >= self._off_after:
            return Light.OFF
        return Light.DIM if idle >= self._dim_after else Light.FULL

    def changes_at(self, now: float) -> float:
        """When the light changes, if nobody acts until then; never: infinity."""
        due = (self._acted_at + self._dim_after, self._acted_at + self._off_after)
        return min((at for at in due if at > now), default=math.inf)


def wander(minute: int) -> tuple[int, int]:
    """Where an idle page stands in this minute: units to the right and down from its place."""
    (across, down), (wide, high) = limits.IDLE_STEP, limits.IDLE_STEPS
    return across * _there_and_back(minute, wide), down * _there_and_back(minute, high)


def _there_and_back(minute: int, steps: int) -> int:
    """From 0 to ``steps`` // 2, to the other side, and back, one step a minute."""
    place = (minute + steps // 2) % (2 * steps)
    return min(place, 2 * steps - place) - steps // 2
