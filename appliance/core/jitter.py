"""The jitter buffer of one peer's sound: packets in as they come, one frame out every 20 ms.

Rules:

1. Every packet has a place on one timeline: its timestamp plus the shortest transit seen in the
   last 10 s. The *delay* is how far behind that place playout runs. Nothing else is remembered of
   the past, so delay can't ratchet: whatever happened, it is steered back to the target.
2. The target follows jitter (``transit.py``).
3. Delay may be within a band around the target that is wider than a frame. Below the band a frame
   is inserted; above it what is too much is taken out in one cut: a missing frame first, else the
   first one left out is cross-faded into the first one played. In a quiet frame, where nobody
   hears it, the band is narrow; in speech what is a little outside waits ``JITTER_PATIENCE`` for a
   quiet frame. Above the cap playout leaps to the target.
4. A missing frame is taken from its successor's FEC if that is there; else it is waited for, by
   inserting one, if the band has room for it and the network lost none of late; else it is
   concealed. After
   ``CONCEAL_MAX`` of them, or when the sender has stopped sending (DTX), there is silence, and the
   next talk spurt starts afresh at the target.

A talk spurt after DTX is recognised by sequence numbers that go on while timestamps leap. Packets
that are off the timeline, or claim more packets than there was time for, change nothing, unless
enough of them come in a row: then they are the new timeline.
Times are seconds of any monotonic clock; timestamps are RTP's, in samples.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from appliance.core import limits
from appliance.core.rtp import unwrap
from appliance.core.seen import Mark, Seen
from appliance.core.transit import Transit

_SHIFT_EVERY = 0.1  # between two frames inserted or taken out in speech: a stretch nobody hears
_UNDER = 0.005  # below the target by more: insert a frame, ...
_UNDER_FAR = 0.020  # ... at once, also in speech
_OVER_QUIET = 0.025  # above the target by more: take out a quiet frame, ...
_OVER = 0.035  # ... one of speech (wide, so that jitter of the target moves nothing), ...
_OVER_FAR = 0.075  # ... at once
DTX_BYTES = 2  # an Opus packet this short says "silence from here", RFC 6716 section 3.2.1


class Kind(enum.Enum):
    """What one frame is made of."""

    PACKET = "packet"  # decode the payload
    FEC = "fec"  # decode the redundancy about this frame that the payload, its successor, carries
    CONCEAL = "conceal"  # have the decoder make something up
    SILENCE = "silence"  # nothing to play


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame to play.

    ``run``: how many frames in a row were concealed, this one included. ``inserted``: nothing is
    missing here, or it may still come: the frame only makes time, and what comes next continues
    from before it.
    ``skipped``: the payload of the first frame that is left out to catch up: decode it and cross-fade
    from it into this one. ``resumed``: the first frame of a talk spurt, with nothing but silence between
    it and the spurt before, and maybe the silence's announcement.
    """

    kind: Kind
    payload: bytes = b""
    run: int = 0
    inserted: bool = False
    skipped: bytes | None = None
    resumed: bool = False


_SILENCE = Frame(Kind.SILENCE)


@dataclass(slots=True)
class Counters:
    """Packets and frames since the start; ``lost`` is `JitterBuffer.lost`, it follows from these.

    ``received``: packets, each once. ``duplicates``: again. ``late``: their time had passed.
    ``dropped``: packets thrown away to keep delay down. ``concealed``, ``fec``: frames.
    ``inserted``: frames (concealed as well) that made delay longer. ``resets``: new timelines.
    """

    received: int = 0
    duplicates: int = 0
    late: int = 0
    dropped: int = 0
    concealed: int = 0
    fec: int = 0
    inserted: int = 0
    resets: int = 0


class JitterBuffer:
    """Adaptive playout of one RTP stream. See the module's rules.

    ``frame``: samples per packet and per pull. ``rate``: samples per second.
    """

    def __init__(self, frame: int = limits.SOUND_FRAME, rate: int = limits.SOUND_RATE) -> None:
        self._frame = frame
        self._rate = rate
        self.counters = Counters()
        self._transit = Transit()
        self._expected_before = 0  # packets expected on the timelines before this one
        self._start(0)

    def _start(self, highest: int) -> None:
        """Forget the timeline; the next packet starts a new one."""
        self._packets: dict[
            int, tuple[int, bytes, bool]
        ] = {}  # timestamp -> (sequence number, payload, quiet)
        self._seen = Seen(highest)
        self._newest = 0  # highest timestamp, unwrapped
        self._transit.restart()
        self._strays = 0  # packets in a row that are off the timeline
        self._strayed_at = 0.0  # when the first of them came
        self._next: int | None = None  # timestamp of the next frame; nothing older is played
        self._idle = True  # between talk spurts
        self._last: tuple[int, int] | None = None  # (timestamp, sequence number) last taken out
        self._ended = False  # that packet announced silence
        self._run = 0  # frames concealed in a row
        self._shifted_at = -math.inf  # when delay was last changed
        self._under_since: float | None = None  # since when delay is below the band
        self._over_since: float | None = None  # or above it
        self._delay = 0.0

    # --- what is known ----------------------------------------------------------------------

    @property
    def target(self) -> float:
        """The playout delay aimed at, seconds behind the shortest transit."""
        return self._transit.target

    @property
    def extra(self) -> float:
        """Seconds that the target is above what jitter asks for, as far as its bounds allow (lip sync)."""
        return self._transit.extra

    @extra.setter
    def extra(self, seconds: float) -> None:
        self._transit.extra = seconds

    @property
    def delay(self) -> float:
        """The playout delay of the last frame that was played, seconds behind the shortest transit."""
        return self._delay

    @property
    def position(self) -> int | None:
        """The 32-bit timestamp of the frame that was given out last; None while there is silence."""
        return None if self._idle or self._next is None else (self._next - self._frame) & 0xFFFFFFFF

    @property
    def held(self) -> int:
        """Packets waiting."""
        return len(self._packets)

    @property
    def lost(self) -> int:
        """Packets that never came, by sequence numbers (RFC 3550, appendix A.3)."""
        expected = self._expected_before
        if self._transit.base is not None:
            expected += self._seen.expected
        return max(0, expected - self.counters.received)

    # --- in -----------------------------------------------------------------------------------

    def push(
        self, sequence_number: int, timestamp: int, payload: bytes, now: float, *, quiet: bool = False
    ) -> None:
        """Take one packet: 16-bit sequence number, 32-bit timestamp, its payload, its arrival.

        ``quiet``: nobody would hear if a little of it were missing, or lasted longer.
        """
        self._transit.use(now)
        if self._transit.base is None:
            self._begin(sequence_number, timestamp, now)
        assert self._transit.base is not None
        seq = unwrap(sequence_number, self._seen.highest, 16)
        ts = unwrap(timestamp, self._newest, 32)
        transit = now - ts / self._rate
        onwards = self._next is None or ts >= self._next
        if onwards:
            self._transit.forget_old(transit, now)
        miscounted = self._is_miscounted(seq, ts)
        if miscounted or abs(transit - self._transit.base) > limits.JITTER_CAP:
            late = not miscounted and limits.JITTER_CAP < transit - self._transit.base <= limits.JITTER_RESET
            if not self._is_new_timeline(late, onwards, now):
                if not late:
                    self.counters.dropped += 1
                elif self._mark(seq):
                    self.counters.late += 1
                return
            floor = self._next if onwards else None  # what was played is not played again
            self._begin(seq, ts, now)
            self._next = floor
            self.counters.resets += 1
        self._strays = 0
        new_spurt = self._seen and seq == self._seen.highest + 1 and ts > self._newest + self._frame
        # The first packet of a spurt may have waited at the sender for the second: that is no jitter.
        waited = not self._seen or new_spurt
        if not self._mark(seq):
            return
        if new_spurt and self._idle:
            self._transit.start_spurt(now)
        self._newest = max(self._newest, ts)
        if not waited:
            self._transit.note(transit, now)
        if self._next is not None and ts + self._frame <= self._next:
            self.counters.late += 1
            self._transit.measure(now)
            return
        self._packets[ts] = (seq, payload, quiet)
        if len(self._packets) > limits.JITTER_PACKETS_MAX:
            oldest = min(self._packets)
            self._take(oldest)
            self._next = oldest + self._frame
            self.counters.dropped += 1

    def _is_miscounted(self, seq: int, ts: int) -> bool:
        """Does a sequence number not belong to this timeline?"""
        ahead = seq - self._seen.highest
        if ahead <= 0:
            return ahead <= -limits.JITTER_SEEN and ts > self._newest
        return ahead - limits.JITTER_SEEN > (ts - self._newest) // self._frame

    def _is_new_timeline(self, late: bool, onwards: bool, now: float) -> bool:
        """Note a packet that is off the timeline; are there enough of them to believe them?"""
        if self._strays == 0:
            self._strayed_at = now
        self._strays += 1
        if self._strays < (limits.JITTER_STRAYS if onwards else limits.JITTER_STRAYS_BACK):
            return False
        # What a network held up comes in one burst; a longer way lasts.
        return not late or now - self._strayed_at >= limits.JITTER_ASTRAY

    def _begin(self, seq: int, ts: int, now: float) -> None:
        """Start a timeline at one packet."""
        if self._transit.base is not None:
            self._expected_before += self._seen.expected
        self.counters.dropped += len(self._packets)
        self._start(seq)
        self._newest = ts
        self._transit.base = now - ts / self._rate

    def _mark(self, seq: int) -> bool:
        """Note a sequence number. False: it was there before, or is too old to know."""
        match self._seen.mark(seq):
            case Mark.TOO_OLD:
                self.counters.late += 1
                return False
            case Mark.AGAIN:
                self.counters.duplicates += 1
                return False
        self.counters.received += 1
        return True

    # --- out ----------------------------------------------------------------------------------

    def pull(self, now: float) -> Frame:
        """Return the frame to play now. To be called once per frame's length of time."""
        self._transit.use(now)
        frame = self._pull(now)
        if frame.kind is Kind.CONCEAL:
            self._run = frame.run
            self.counters.concealed += 1
        else:
            self._run = 0
        return frame

    def _pull(self, now: float) -> Frame:
        if self._idle or self._next is None:
            return self._pull_idle(now)
        delay = self._delay_of(self._next, now)
        if delay > limits.JITTER_CAP:
            self._leap(delay)
            delay = self._delay_of(self._next, now)
        first = min(self._packets, default=None)
        if first is not None and first < self._next + self._frame:
            self._delay = delay
            if self._is_too_short(first, delay, now):
                return self._insert(now)
            if self._is_too_long(first, delay, now) and (onto := self._onto(first, delay)) > first:
                self._shifted_at = now
                skipped = self._take(first)
                passed_over = [ts for ts in self._packets if ts < onto]
                for ts in passed_over:
                    self._take(ts)
                self.counters.dropped += 1 + len(passed_over)
                return Frame(Kind.PACKET, self._play(onto), skipped=skipped)
            return Frame(Kind.PACKET, self._play(first))
        # The frame that should be played is not there.
        if (first is None and self._ended) or (first is not None and self._is_new_spurt(first)):
            self._idle = True
            return self._pull_idle(now)
        if self._run >= limits.CONCEAL_MAX:
            self._idle = True
            return self._pull_idle(now)
        if delay < self._transit.target + self._patience(first):
            return self._insert(now)
        if first is not None and delay > self._transit.target + _OVER:
            self._shifted_at = now
            return Frame(Kind.PACKET, self._play(first))
        if first is not None and first < self._next + 2 * self._frame:
            self._next += self._frame
            self.counters.fec += 1
            return Frame(Kind.FEC, self._packets[first][1])
        self._next += self._frame
        return Frame(Kind.CONCEAL, run=self._run + 1)

    def _is_too_short(self, first: int, delay: float, now: float) -> bool:
        """Is a frame to be inserted before ``first``?"""
        under = self._transit.target - delay
        if under <= _UNDER:
            self._under_since = None
            return False
        if self._under_since is None:
            self._under_since = now
        at_once = under > _UNDER_FAR or self._packets[first][2]
        waited = now - self._under_since >= limits.JITTER_PATIENCE
        return (at_once or waited) and now - self._shifted_at >= _SHIFT_EVERY

    def _is_too_long(self, first: int, delay: float, now: float) -> bool:
        """Is delay to be taken out now?"""
        over = delay - self._transit.target
        if over <= _OVER:
            self._over_since = None
        elif self._over_since is None:
            self._over_since = now
        at_once = over > _OVER_FAR or (over > _OVER_QUIET and self._packets[first][2])
        waited = self._over_since is not None and now - self._over_since >= limits.JITTER_PATIENCE
        return (at_once or waited) and now - self._shifted_at >= _SHIFT_EVERY

    def _patience(self, first: int | None) -> float:
        """Seconds above the target up to which a missing frame is waited for, by inserting one."""
        if first is not None:
            return -_UNDER
        if self._seen.has_lost():
            return 0.0  # so is this one, most likely: concealed it costs no time
        return _OVER - self._frame / self._rate

    def _onto(self, first: int, delay: float) -> int:
        """The frame that is played at the target instead of ``first``: one cut, and not one a frame."""
        steps = max(1, int((delay - self._transit.target) * self._rate / self._frame))
        return max(ts for ts in self._packets if ts <= first + steps * self._frame)

    def _pull_idle(self, now: float) -> Frame:
        """Wait for a talk spurt, and start it at the target."""
        while self._packets:
            first = min(self._packets)
            delay = self._delay_of(first, now)
            if delay < self._transit.target:
                return _SILENCE
            overdue = delay > limits.JITTER_CAP or (
                delay > self._transit.target + _OVER and len(self._packets) > 1
            )
            if not overdue:
                resumed = self._last is not None and 1 <= self._packets[first][0] - self._last[1] <= 2
                self._idle = False
                self._delay = delay
                return Frame(Kind.PACKET, self._play(first), resumed=resumed)
            self._take(first)
            self._next = first + self._frame
            self.counters.dropped += 1
        return _SILENCE

    def _delay_of(self, ts: int, now: float) -> float:
        assert self._transit.base is not None
        return now - self._transit.base - ts / self._rate

    def _take(self, ts: int) -> bytes:
        seq, payload, _ = self._packets.pop(ts)
        self._last = (ts, seq)
        self._ended = len(payload) <= DTX_BYTES
        return payload

    def _play(self, ts: int) -> bytes:
        self._next = ts + self._frame
        return self._take(ts)

    def _insert(self, now: float) -> Frame:
        self._shifted_at = now
        self.counters.inserted += 1
        return Frame(Kind.CONCEAL, run=self._run + 1, inserted=True)

    def _leap(self, delay: float) -> None:
        """Go on at the target, leaving out whole frames."""
        assert self._next is not None
        frames = math.floor((delay - self._transit.target) * self._rate / self._frame)
        self._next += frames * self._frame
        for ts in sorted(self._packets):
            if ts + self._frame <= self._next:
                self._take(ts)
                self.counters.dropped += 1

    def _is_new_spurt(self, first: int) -> bool:
        """Is there no packet missing before ``first``, only time?"""
        return self._last is not None and self._packets[first][0] == self._last[1] + 1
