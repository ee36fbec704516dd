"""Frames from RTP packets, whatever their codec; losses as in RFC 4585.

The rules, in the order in which they bite:

1. A frame is complete at its marker bit, when every packet since the end of the frame before it
   is there. It never waits for the next frame.
2. A hole in the sequence numbers becomes a NACK after ``NACK_AFTER``, repeated on a timer, at most
   ``NACK_TRIES_MAX`` times. So does the packet after the last one, when a frame stops in the middle:
   its lost end would otherwise be seen only when the next frame comes.
3. A hole older than ``GAP_MAX`` is given up: everything up to the next keyframe is thrown away and a
   keyframe is wanted. So is everything after a payload that can't be parsed.
4. Assembly starts, and starts again, only at the first packet of a keyframe. A sender may change the
   codec between two frames, never within one.
5. Nothing here raises for what the network sent; it is counted in ``counts``.

Time is passed in; ``deadline`` says when ``expire``, ``nacks`` and ``keyframe_due`` want to be asked next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from appliance.core import h264, limits, rtp, vp8
from appliance.core.layers import Codec


@dataclass(frozen=True, slots=True)
class AssembledFrame:
    """One frame; H.264 in annex-B form. ``timestamp``: 32-bit RTP timestamp, 90 kHz."""

    data: bytes
    timestamp: int
    keyframe: bool
    codec: Codec = Codec.H264


@dataclass(slots=True)
class AssemblyCounts:
    """What happened to packets and frames since the start."""

    packets: int = 0
    duplicates: int = 0  # repeated, or so late that their frame is gone
    malformed: int = 0  # payloads that are not of their codec's format
    frames: int = 0
    nacked: int = 0  # packets asked for again, repeats included
    recovered: int = 0  # packets that were missing and came
    given_up: int = 0  # holes older than GAP_MAX
    flushes: int = 0  # times that a keyframe had to be waited for


@dataclass(slots=True)
class _Missing:
    """``since``: when the hole was seen. ``due``: next NACK."""

    since: float
    due: float
    tries: int = 0
    asked: float = 0.0  # when first asked for


class _Packet(NamedTuple):
    timestamp: int
    marker: bool
    payload: bytes
    codec: Codec

    def starts_keyframe(self) -> bool:
        return FORMATS[self.codec].starts_keyframe(self.payload)


class PayloadFormat(Protocol):
    """What depends on the codec: ``core/h264.py``, ``core/vp8.py``."""

    def starts_keyframe(self, payload: bytes) -> bool:
        """Whether this is the first payload of a keyframe; never raises."""

    def depacketize(self, payloads: Sequence[bytes]) -> tuple[bytes, bool]:
        """Return (the frame, is it a keyframe) of one frame's payloads. Raises ValueError."""


FORMATS: dict[Codec, PayloadFormat] = {Codec.H264: h264, Codec.VP8: vp8}


class FrameAssembler:
    """Puts the packets of one video stream together, asks for what is missing, gives up in time."""

    def __init__(self) -> None:
        self.rtt = 0.0  # seconds, as told; NACKs are repeated no faster than a repair can arrive
        self._repair_times: deque[float] = deque(maxlen=limits.REPAIR_TIMES)  # seconds
        self.counts = AssemblyCounts()
        self._packets: dict[int, _Packet] = {}  # by extended sequence number, in order of arrival
        self._missing: dict[int, _Missing] = {}  # in order of sequence, and so of age
        self._highest: int | None = None  # extended sequence number
        self._synced = False  # _next is the first packet of a frame that can be decoded
        self._next = 0  # first packet of the frame that is being assembled
        self._scan = 0  # first packet of it that is not there yet
        self._tail_at: float | None = None  # the highest packet does not end its frame: when that is odd
        self._jump: int | None = None  # sequence number that would confirm a restarted stream
        self._wants_keyframe = True
        self._heard = False  # packets came since the last request: the sender is alive
        self._pli_at = 0.0  # no request before

    @property
    def wants_keyframe(self) -> bool:
        """Nothing can be decoded before the next keyframe."""
        return self._wants_keyframe

    def queues(self) -> dict[str, tuple[int, int]]:
        """(packets that are kept, the most there may be), and the same of those that are missing."""
        return {
            "assembly": (len(self._packets), limits.ASSEMBLY_PACKETS_MAX),
            "missing": (len(self._missing), limits.MISSING_MAX),
        }

    def push(self, arrived: rtp.Packet, now: float, codec: Codec = Codec.H264) -> list[AssembledFrame]:
        """Take a packet, a repair unwrapped; return the frames that it completed, in order.

        ``codec``: what its payload type stands for.
        """
        self.counts.packets += 1
        if len(arrived.payload) > limits.RTP_PAYLOAD_MAX:
            self.counts.malformed += 1
            return []
        extended = self._place(arrived, now)
        if extended is None:
            return []
        packet = _Packet(arrived.timestamp, arrived.marker, arrived.payload, codec)
        self._packets[extended] = packet
        if extended == self._highest:
            self._tail_at = None if arrived.marker else now + limits.NACK_AFTER
        self._heard = True
        if not self._synced:
            if not packet.starts_keyframe():
                while len(self._packets) > limits.ASSEMBLY_UNSYNCED_MAX:
                    del self._packets[next(iter(self._packets))]
                return self.expire(now) if self._missing else []
            self._sync(extended, now)
            if not self._synced:
                return []
        frames = self._collect(now)
        if len(self._packets) > limits.ASSEMBLY_PACKETS_MAX:
            self._packets.clear()
            self.lose(now)
        if self._missing:
            frames += self.expire(now)
        return frames

    def expire(self, now: float) -> list[AssembledFrame]:
        """Give up holes older than ``GAP_MAX``; return frames of a keyframe that waited behind one."""
        given_up = False
        while self._missing:
            extended, oldest = next(iter(self._missing.items()))
            if oldest.since + limits.GAP_MAX > now:
                break
            del self._missing[extended]
            self.counts.given_up += 1
            given_up |= self._synced and extended >= self._next
        if not given_up:
            return []
        self.lose(now)
        return self._collect(now) if self._sync_to_waiting(now) else []

    def nacks(self, now: float) -> list[int]:
        """Return the sequence numbers to ask for again, oldest first, and note that they were."""
        if self._tail_at is not None and now >= self._tail_at and self._highest is not None:
            self._tail_at = None
            if len(self._missing) < limits.MISSING_MAX:
                self._highest += 1
                self._missing[self._highest] = _Missing(now, now)
        due: list[int] = []
        # What tells the round trip may itself be repaired and late, so that one try would fill GAP_MAX;
        # the quickest of the last repairs can't be too slow.
        rtt = min((self.rtt, *self._repair_times))
        again = max(limits.NACK_EVERY, 1.25 * rtt)
        for extended, missing in self._missing.items():
            if missing.due <= now and missing.tries < limits.NACK_TRIES_MAX:
                if not missing.tries:
                    missing.asked = now
                missing.tries += 1
                missing.due = now + again
                due.append(extended & 0xFFFF)
        self.counts.nacked += len(due)
        return due

    def keyframe_due(self, now: float) -> bool:
        """Whether to send a PLI, and note that it was sent."""
        if not self._wants_keyframe or not self._heard or now < self._pli_at:
            return False
        self._heard = False
        self._pli_at = now + limits.PLI_EVERY
        return True

    def deadline(self) -> float | None:
        """When to call ``expire``, ``nacks`` and ``keyframe_due`` next; None while there is nothing to do."""
        when = self._tail_at
        if self._wants_keyframe and self._heard:
            when = self._pli_at if when is None else min(when, self._pli_at)
        if self._missing:
            oldest = next(iter(self._missing.values())).since + limits.GAP_MAX
            when = oldest if when is None else min(when, oldest)
            for missing in self._missing.values():
                if missing.tries < limits.NACK_TRIES_MAX and missing.due < when:
                    when = missing.due
        return when

    def lose(self, now: float) -> None:
        """Throw away the frame that is being assembled and all others up to the next keyframe.

        For a hole that was given up, and for a decoder that failed.
        """
        self._synced = False
        self._wants_keyframe = True
        self._heard = True
        self._pli_at = max(self._pli_at, now)
        self.counts.flushes += 1
        for extended in [e for e in self._packets if e < self._scan]:
            del self._packets[extended]

    def reset(self) -> None:
        """Forget the stream, as before its first packet; the counts go on."""
        self._packets.clear()
        self._missing.clear()
        self._highest = self._jump = self._tail_at = None
        self._synced = False
        self._wants_keyframe = True
        self._heard = False

    # --- inside ---------------------------------------------------------------------------------

    def _place(self, arrived: rtp.Packet, now: float) -> int | None:
        """Return the extended sequence number of a packet that is news, and keep the book of holes."""
        sequence_number, highest = arrived.sequence_number, self._highest
        if highest is None:
            self._highest = (1 << 16) + sequence_number  # room below for packets that were overtaken
            return self._highest
        ahead = (sequence_number - highest) & 0xFFFF
        if ahead >= 0x8000:
            ahead -= 0x10000
        if abs(ahead) > limits.ASSEMBLY_PACKETS_MAX:
            # RFC 3550 appendix A.1: a stream that was restarted shows two packets in sequence.
            if self._jump != sequence_number:
                self._jump = (sequence_number + 1) & 0xFFFF
                self.counts.duplicates += 1
                return None
            self._packets.clear()
            self._missing.clear()
            self._jump = None
            self._highest = (highest & ~0xFFFF) + 0x10000 + sequence_number
            self.lose(now)
            return self._highest
        self._jump = None
        extended = highest + ahead
        if ahead > 0:
            hole = ahead - 1
            if hole + len(self._missing) > limits.MISSING_MAX:
                self._missing.clear()
                self._packets.clear()
                self.counts.given_up += hole
                self.lose(now)
            else:
                for absent in range(highest + 1, extended):
                    self._missing[absent] = _Missing(now, now + limits.NACK_AFTER)
            self._highest = extended
            return extended
        if (missing := self._missing.pop(extended, None)) is not None:
            self.counts.recovered += 1
            if missing.tries and arrived.repair:  # an original that was overtaken tells no round trip
                self._repair_times.append(now - missing.asked)
            if extended == highest:  # the end that was asked for: it may not be the end either
                return extended
        elif self._synced or extended in self._packets:
            self.counts.duplicates += 1
            return None
        if self._synced and extended < self._next:
            self.counts.duplicates += 1
            return None
        return extended

    def _sync(self, extended: int, now: float) -> None:
        """Start assembling at a packet, and look for holes behind it: it may have been overtaken."""
        for stale in [e for e in self._packets if e < extended]:
            del self._packets[stale]
        for stale in [e for e in self._missing if e < extended]:
            del self._missing[stale]
        highest = self._highest or extended
        holes = [e for e in range(extended + 1, highest) if e not in self._packets and e not in self._missing]
        if len(holes) + len(self._missing) > limits.MISSING_MAX:
            return
        for absent in holes:
            self._missing[absent] = _Missing(now, now + limits.NACK_AFTER)
        self._synced = True
        self._wants_keyframe = False
        self._next = self._scan = extended

    def _sync_to_waiting(self, now: float) -> bool:
        """Start again at a keyframe that came already, behind what was given up."""
        start = min((e for e, p in self._packets.items() if p.starts_keyframe()), default=None)
        if start is not None:
            self._sync(start, now)
        return self._synced

    def _collect(self, now: float) -> list[AssembledFrame]:
        frames: list[AssembledFrame] = []
        packets = self._packets
        while (packet := packets.get(self._scan)) is not None:
            timestamp = packets[self._next].timestamp
            # A sender without marker bits ends a frame by the next one's timestamp.
            if packet.timestamp == timestamp:
                self._scan += 1
                if not packet.marker:
                    continue
            codec = packets[self._next].codec
            parts = [packets.pop(e) for e in range(self._next, self._scan)]
            self._next = self._scan
            try:
                if any(part.codec is not codec for part in parts):
                    raise ValueError("two codecs in one frame")
                data, keyframe = FORMATS[codec].depacketize([part.payload for part in parts])
            except ValueError:
                self.counts.malformed += 1
                self.lose(now)
                if not self._sync_to_waiting(now):
                    break
                continue
            if data:
                self.counts.frames += 1
                frames.append(AssembledFrame(data, timestamp, keyframe, codec))
        return frames
