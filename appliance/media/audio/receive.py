"""One peer's sound, from RTP packets to frames for the mix."""

from __future__ import annotations

import threading
import time
from collections import deque

import numpy as np

from appliance.core import limits
from appliance.core.jitter import Frame, JitterBuffer, Kind
from appliance.media.audio.level import SILENCE_DBOV, level_dbov
from appliance.media.audio.opus import Decoder, packet_samples
from appliance.media.audio.ring import Samples

_FADE_IN = np.linspace(0.0, 1.0, 120, dtype=np.float32)  # 2.5 ms after silence: no click
_FADE_OUT = np.linspace(1.0, 0.0, limits.SOUND_FRAME, dtype=np.float32)  # the last concealed frame
_CROSS = np.linspace(0.0, 1.0, 480, dtype=np.float32)  # 10 ms from one sound to another


class PeerSound:
    """The jitter buffer and the decoder of one peer.

    The network thread pushes, the playout thread pulls; the decoder is the playout thread's alone.
    """

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.silenced = False
        """A person muted this peer here: its sound is decoded (its level is shown) and not played."""
        self._lock = threading.Lock()
        self._buffer = JitterBuffer()
        self._decoder = Decoder()
        self._before_insertion: bytes | None = None  # the decoder's state, to go on from
        self._malformed = 0
        self._told: tuple[int, float] = (SILENCE_DBOV, 0.0)  # level in the last header, when it came
        self._heard = SILENCE_DBOV  # level of the last frame played
        self._silent = True  # the last frame was silence
        self._levels: deque[tuple[int, float, float]] = deque(maxlen=limits.SOUND_LEVELS_MAX)

    def push(
        self, sequence_number: int, timestamp: int, payload: bytes, now: float, level: int | None = None
    ) -> None:
        """Take one RTP packet. ``now``: its arrival, ``time.monotonic()``; ``level``: RFC 6464, 0 to 127.

        Anything but one 20 ms Opus packet is dropped and counted.
        """
        if packet_samples(payload) != limits.SOUND_FRAME:
            self._malformed += 1
            return
        with self._lock:
            self._buffer.push(sequence_number, timestamp, payload, now)
        if level is not None:
            self._told = (level, now)
            self._levels.append((level, timestamp / limits.SOUND_RATE, now))

    def take_levels(self) -> list[tuple[int, float, float]]:
        """Return (level, RTP time in seconds, arrival) of the packets since the last call."""
        taken = list(self._levels)
        self._levels.clear()
        return taken

    @property
    def level_dbov(self) -> int:
        """How loud the peer is now, in -dBov: 0 to 127, 127 while nothing is heard.

        What the sender says in the RTP header, as long as it does; else what was decoded.
        """
        level, when = self._told
        if when and not self._silent and time.monotonic() - when < limits.JITTER_CAP:
            return level
        return self._heard

    def pull(self, now: float) -> Samples | None:
        """Return the next 20 ms, or None for silence (playout thread only)."""
        with self._lock:
            frame = self._buffer.pull(now)
        if frame.kind is Kind.SILENCE:
            self._silent = True
            self._before_insertion = None
            self._heard = SILENCE_DBOV
            return None
        samples = self._decode(frame)
        if self._silent:
            self._silent = False
            samples[: len(_FADE_IN)] = samples[: len(_FADE_IN)] * _FADE_IN
        self._heard = level_dbov(samples)
        return None if self.silenced else samples

    def _decode(self, frame: Frame) -> Samples:
        decoder = self._decoder
        if frame.kind is Kind.CONCEAL:
            if not frame.inserted:
                self._before_insertion = None
            elif self._before_insertion is None:
                self._before_insertion = decoder.save()
            samples = decoder.conceal()
            if frame.run >= limits.CONCEAL_MAX:
                samples = (samples * _FADE_OUT).astype(np.int16)
            return samples
        left: Samples | None = None  # what the listener would have heard next
        if self._before_insertion is not None:
            left = decoder.conceal()
            decoder.restore(self._before_insertion)
            self._before_insertion = None
        if frame.skipped is not None:
            skipped = decoder.decode(frame.skipped)
            left = skipped if left is None else left
        decode = decoder.recover if frame.kind is Kind.FEC else decoder.decode
        samples = decode(frame.payload)
        if left is not None:
            head = samples[: len(_CROSS)].astype(np.float32)
            from_left = left[: len(_CROSS)].astype(np.float32)
            samples[: len(_CROSS)] = (from_left + (head - from_left) * _CROSS).astype(np.int16)
        return samples

    @property
    def queue(self) -> tuple[int, int]:
        """(packets that wait to be played, the most there may be)."""
        with self._lock:
            return self._buffer.held, limits.JITTER_PACKETS_MAX

    def stats(self) -> dict[str, int | float]:
        """Counters since the peer came, and the delay now. See `appliance.core.jitter.Counters`."""
        with self._lock:
            buffer = self._buffer
            counters = buffer.counters
            return {
                "received": counters.received,
                "lost": buffer.lost,
                "late": counters.late,
                "duplicates": counters.duplicates,
                "dropped": counters.dropped,
                "concealed": counters.concealed,
                "fec": counters.fec,
                "inserted": counters.inserted,
                "resets": counters.resets,
                "malformed": self._malformed,
                "buffer_ms": round(buffer.delay * 1000, 1),
                "target_ms": round(buffer.target * 1000, 1),
                "level": self.level_dbov,
            }
