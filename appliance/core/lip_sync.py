"""Sound and picture of one peer together, within EBU R37: sound 40 ms early to 60 ms late.

*Skew* is how much later a sound is heard than the picture of the same moment is seen. Rules:

1. Where sound is later than ``SYNC_LATE``, pictures wait: each until so long before its sound that the skew
   is between ``SYNC_LEAD_MIN`` and ``SYNC_LEAD_MAX``. A picture that comes later than that is shown at once.
2. The wait changes by ``SYNC_STEP`` at most, so that motion does not jerk, and hardly (``SYNC_CREEP``) within
   the band between the two, which is wider than a frame of sound: pictures don't follow every frame by
   which a jitter buffer moves.
3. In a pause of the sound the wait stays for ``SYNC_HOLD``, and then goes slowly.
4. Where pictures are late, and none waits, sound waits: up to ``SYNC_SOUND_MAX`` more than its jitter asks
   for, and never beyond the jitter buffer's own bounds.
5. Reports that set the two further apart than ``SYNC_SPAN`` are not believed: nothing waits.

Times are seconds of the local monotonic clock, except capture times, which are on the sender's. The two
clocks may drift: what is compared was heard and seen in the same second.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from appliance.core import limits
from appliance.core.rtp import unwrap
from appliance.core.sender_clock import SenderClock, apart

PICTURE_RATE = 90_000  # RTP timestamps of pictures a second


class Heard(NamedTuple):
    """The sound that is played now: its RTP timestamp, and when its first sample is heard."""

    timestamp: int
    at: float


class Shown(NamedTuple):
    """A picture that was handed to the screen ``at``; it might have been decoded from ``ready`` on."""

    timestamp: int
    ready: float
    at: float


class LipSync:
    """Decides for one peer. ``pictures``, ``sound``: the clocks that its sender reports set.

    ``sound_wait``: seconds that sound is to wait beyond what its jitter asks for.
    """

    def __init__(self, pictures: SenderClock, sound: SenderClock) -> None:
        self.sound_wait = 0.0
        self._pictures = pictures
        self._sound = sound
        self._line: float | None = None  # when a picture is due, less its place; None: no picture waits
        self._place = 0  # timestamp of the last picture, unwrapped
        self._moved_at = 0.0  # the line
        self._waited_at = 0.0  # the last picture that had to
        self._due = 0.0  # of that one
        self._heard_at = -math.inf  # sound, last
        self._looked_at = -math.inf
        self._wait = 0.0  # of the last pictures, smoothed
        self._lag = limits.PICTURE_DRAWN_AFTER  # from a picture's being due to its being seen

    @property
    def picture_wait(self) -> float:
        """How long pictures wait for their sound now, seconds."""
        return self._wait if self._line is not None else 0.0

    def not_before(self, timestamp: int, now: float, heard: Heard | None) -> float:
        """When the picture that came ``now`` may be decoded; a time that is over for one that needs no wait.

        To be asked for every picture, in decoding order. ``timestamp``: its 32-bit RTP timestamp.
        """
        sounding = heard is not None and now - heard.at < limits.SYNC_SOUND_FOR
        if not sounding and self._line is None:
            return now
        due = self._due_with(heard, timestamp) if heard is not None and sounding else None
        if due is not None and abs(due - now) > limits.SYNC_SPAN:
            due = None
        self._place = unwrap(timestamp, self._place, 32)
        self._move(due, now)
        if self._line is None:
            return now
        ready = self._line + self._place / PICTURE_RATE
        if ready > now + limits.SYNC_WAIT_MAX:
            ready = now + limits.SYNC_WAIT_MAX
            self._line = ready - self._place / PICTURE_RATE
        ready = max(ready, self._due)  # they are shown in order
        self._wait += (max(0.0, ready - now) - self._wait) * limits.SYNC_SHARE
        if ready > now:
            self._waited_at, self._due = now, ready
        elif now - self._waited_at > limits.SYNC_RELEASE:
            self._line, self._wait = None, 0.0
        return ready

    def _due_with(self, heard: Heard, timestamp: int) -> float | None:
        """When the sound of a picture's moment is heard; None while the reports don't tell."""
        picture, sound = self._pictures.captured(timestamp), self._sound.captured(heard.timestamp)
        if picture is None or sound is None:
            return None
        return heard.at + apart(picture, sound)

    def _move(self, due: float | None, now: float) -> None:
        """Move the line towards ``due``, when this picture's sound is heard; None: there is no sound."""
        place = self._place / PICTURE_RATE
        elapsed = min(max(now - self._moved_at, 0.0), limits.SYNC_MOVED_FOR)
        self._moved_at = now
        if due is None:
            if self._line is not None and now - self._heard_at > limits.SYNC_HOLD:
                self._line -= limits.SYNC_RETURN * elapsed
            return
        self._heard_at = now
        least = due - limits.SYNC_LEAD_MAX - self._lag - place
        most = due - limits.SYNC_LEAD_MIN - self._lag - place
        if self._line is None:
            if now - place < due - limits.SYNC_LATE - self._lag - place:
                self._line = now - place  # where nothing waits yet: it begins from there
                self._waited_at = now
        elif self._line < least:
            self._line = min(least, self._line + limits.SYNC_STEP * elapsed)
        else:
            step = limits.SYNC_STEP if self._line > most else limits.SYNC_CREEP
            self._line = max(least, self._line - step * elapsed)

    def skew(self, shown: Sequence[Shown], heard: Heard | None, now: float) -> float | None:
        """Return the skew of the last pictures, seconds: positive when sound is late; None: not known now.

        ``shown``: the last pictures; a screen is taken to draw them ``PICTURE_DRAWN_AFTER`` later.
        """
        if heard is None or now - heard.at > limits.SYNC_SOUND_FOR:
            return None
        dues = [(self._due_with(heard, picture.timestamp), picture.at) for picture in _recent(shown, now)]
        skews = [due - at - limits.PICTURE_DRAWN_AFTER for due, at in dues if due is not None]
        skew = statistics.median(skews) if skews else None
        return skew if skew is not None and abs(skew) <= limits.SYNC_SPAN else None

    def look(self, shown: Sequence[Shown], heard: Heard | None, now: float) -> None:
        """Look at how pictures and sound fare; to be called when a report of the sound came."""
        if now - self._looked_at < limits.SYNC_LOOK_EVERY:
            return
        self._looked_at = now
        recent = _recent(shown, now)
        if not recent:
            self.sound_wait = max(0.0, self.sound_wait - limits.SYNC_SOUND_STEP)  # nobody sees anything
            return
        lag = statistics.median(picture.at - picture.ready for picture in recent)
        self._lag = min(max(0.0, lag), limits.SYNC_LAG_MAX) + limits.PICTURE_DRAWN_AFTER
        skew = self.skew(recent, heard, now)
        if skew is None:
            return
        if skew < -limits.SYNC_SOUND_EARLY and self._line is None:
            self.sound_wait = min(limits.SYNC_SOUND_MAX, self.sound_wait + limits.SYNC_SOUND_STEP)
        elif skew > -limits.SYNC_SOUND_ENOUGH:
            self.sound_wait = max(0.0, self.sound_wait - limits.SYNC_SOUND_STEP)


def _recent(shown: Sequence[Shown], now: float) -> list[Shown]:
    return [picture for picture in shown if now - picture.at < limits.SYNC_SOUND_FOR]
