"""What one link can carry: its loss and its round trip cap the layer.

The rules:

* A layer has a limit for loss and two for the round trip, one absolute and one above the link's
  own least. A link beyond a limit loses the layer with the next report.
* A link is judged by the layer that is sent on it. What it did with a larger one tells nothing about
  the next smaller one, which may be just what it carries: that is judged afresh.
* Loss is counted, not guessed: a limit is passed when more packets were lost in a second, or in five,
  than a link at that limit loses by chance. A few packets prove nothing.
* A larger layer comes back one step at a time, each after ``GOOD_FOR`` seconds without a bad sign and
  with some room below the limits. One that failed soon is tried again later and later.
* Time in which nothing was sent is neither good nor bad. An outage is no loss: a cable that was out
  for a second carries as much as before. A second outage soon after is.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from appliance.core import limits
from appliance.core.layers import Layer

LOSS = "loss"
RTT = "rtt"


@dataclass(frozen=True, slots=True)
class _Limit:
    """``loss``: share of packets. ``rtt``: seconds. ``grew``: seconds above the link's least."""

    loss: float
    rtt: float
    grew: float


_LIMITS = {
    Layer.H: _Limit(limits.LOSS_H, limits.RTT_H, limits.RTT_GREW_H),
    Layer.M: _Limit(limits.LOSS_M, limits.RTT_M, limits.RTT_GREW_M),
}


class _Count(NamedTuple):
    """What a report said, and when it came."""

    at: float
    highest: int
    lost: int


class LinkHealth:
    """The largest layer that a link may get now. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.cap = Layer.H
        self.capped_by = ""
        """Why ``cap`` is not H: ``LOSS`` or ``RTT``."""
        self._sent: Layer | None = None  # what the reports speak of
        self._counts: deque[_Count] = deque()  # since then; empty before a connection's first report
        self._told_at = now  # the last report
        self._packets_at = now  # the last report that spoke of packets
        self._stood = False  # the last report spoke of none
        self._outage_at = -math.inf
        self._round_trips: deque[float] = deque(maxlen=limits.RTT_SAMPLES)
        self._least = self._least_new = math.inf  # round trip; of the time before, and since
        self._least_since = now
        self._good_since = now
        self._good_for = limits.GOOD_FOR  # what the next larger layer needs
        self._rose_at = -math.inf

    def restart(self, now: float) -> None:
        """A new connection took over, which counts anew; what is known of the link stays."""
        self._counts.clear()
        self._told_at = self._packets_at = now

    def report(self, highest: int, lost: int, sent: Layer | None, now: float) -> None:
        """A receiver report came: the extended highest sequence number, and the packets lost so far
        (RFC 3550 section 6.4.1). ``sent``: the layer that is being sent.
        """
        count = _Count(now, highest, lost)
        if not self._counts or sent is not self._sent:  # this one may speak of both layers
            self._sent = sent
            self._forget(count)
            self._told_at = self._packets_at = now
            return
        last = self._counts[-1]
        packets = highest - last.highest
        if packets <= 0 or now - self._told_at > limits.OUTAGE:
            self._good_since += now - self._told_at
        self._told_at = now
        if packets <= 0:
            self._stood = True
            return
        gone = self._stood or now - self._packets_at > limits.OUTAGE
        self._stood, self._packets_at = False, now
        if gone and lost - last.lost > packets / 2 and self._first_outage(now):
            self._forget(count)
            return
        self._counts.append(count)
        while len(self._counts) > 2 and self._counts[1].at <= now - limits.GOOD_FOR:
            self._counts.popleft()
        self._judge(now)
        self._try_larger(now)

    def round_trip(self, seconds: float, now: float) -> None:
        """A round trip was measured."""
        self._round_trips.append(seconds)
        self._least_new = min(self._least_new, seconds)
        if now - self._least_since >= limits.RTT_LEAST_FOR:
            self._least, self._least_new, self._least_since = self._least_new, seconds, now
        self._judge(now)

    # --- inside ---------------------------------------------------------------------------------

    def _judge(self, now: float) -> None:
        cap, why = self.cap, ""
        least = self._sent.below if self._sent is not None else Layer.L
        while not cap.fits(least) and (bad := self._beyond(cap, now, limits.LOSS_SPANS)):
            cap, why = cap.below, bad
        if cap is not self.cap:
            rose_in_vain = now - self._rose_at < limits.RISE_PROVEN
            waited = 2 * self._good_for if rose_in_vain else limits.GOOD_FOR
            self._good_for = min(waited, limits.GOOD_FOR_MAX)
            self.cap, self.capped_by = cap, why
            self._good_since = now
            if cap is least:  # something else will be sent, with which the link is judged afresh
                self._round_trips.clear()
                self._forget(*self._counts)
        elif self.cap is not Layer.H and (bad := self._bad_sign(self.cap.above, now)):
            self.capped_by = bad
            self._good_since = now

    def _try_larger(self, now: float) -> None:
        if self.cap is Layer.H or now - self._good_since < self._good_for:
            return
        larger = self.cap.above
        limit = _LIMITS[larger]
        packets, lost = self._since(now - limits.GOOD_FOR)
        if lost > limits.HEALTH_UP * limit.loss * packets or self._slow(limit, limits.HEALTH_UP):
            return
        self.cap = larger
        if larger is Layer.H:
            self.capped_by = ""
        self._good_since = self._rose_at = now

    def _bad_sign(self, layer: Layer, now: float) -> str:
        """Why this is no good moment for a layer that the link does not have, or nothing."""
        packets, lost = self._since(now - limits.LOSS_SIGN_SPAN)
        if lost >= limits.LOSS_LOST_MIN and lost > packets * limits.LOSS_SIGN:
            return LOSS
        return self._beyond(layer, now, limits.LOSS_SPANS[:2])

    def _beyond(self, layer: Layer, now: float, spans: Sequence[float]) -> str:
        """Why the link can't carry a layer, or nothing."""
        limit = _LIMITS[layer]
        for span in spans:
            packets, lost = self._since(now - span)
            chance = limits.LOSS_SURE * math.sqrt(packets * limit.loss * (1 - limit.loss))
            enough = packets >= limits.LOSS_PACKETS_MIN and lost >= limits.LOSS_LOST_MIN
            if enough and lost > packets * limit.loss + chance:
                return LOSS
        return RTT if self._slow(limit, 1.0) else ""

    def _since(self, begun: float) -> tuple[int, int]:
        """Packets sent and lost since a time, or somewhat later."""
        if len(self._counts) < 2:
            return 0, 0
        last = self._counts[-1]
        # Reports may be further apart than that: the last two are always looked at.
        first = next((c for c in self._counts if c.at >= begun and c is not last), self._counts[-2])
        return last.highest - first.highest, last.lost - first.lost

    def _slow(self, limit: _Limit, share: float) -> bool:
        if len(self._round_trips) < limits.RTT_SAMPLES:
            return False
        standing = min(self._round_trips)
        least = min(self._least, self._least_new)
        return standing > share * limit.rtt or standing - least > share * limit.grew

    def _first_outage(self, now: float) -> bool:
        """Note an outage; is it the first one for a long time?"""
        before, self._outage_at = self._outage_at, now
        self._good_since = now
        return now - before > limits.OUTAGE_AGAIN

    def _forget(self, *counts: _Count) -> None:
        """Judge from the last of these reports on only."""
        self._counts = deque(counts[-1:])
