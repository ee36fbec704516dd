"""One peer's sound, from RTP packets to frames for the mix."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import NamedTuple

import numpy as np

from appliance.core import limits
from appliance.core.jitter import DTX_BYTES, Frame, JitterBuffer, Kind
from appliance.core.lip_sync import Heard
from appliance.media.audio.level import SILENCE_DBOV, level_dbov
from appliance.media.audio.opus import Decoder, packet_samples
from appliance.media.audio.ring import Samples

_FADE_IN = np.linspace(0.0, 1.0, 120, dtype=np.float32)  # 2.5 ms after silence: no click
_FADE_OUT = np.linspace(1.0, 0.0, limits.SOUND_FRAME, dtype=np.float32)  # the last frame before silence
_CROSS = np.linspace(0.0, 1.0, 480, dtype=np.float32)  # 10 ms from one sound to another
_QUIET = 30  # dB below the loudest of late: the pauses of a talk
_FORGET = 0.02  # dB per packet: the loudest of late is a minute old at most


class Told(NamedTuple):
    """How loud a packet's frame is, 0 to 127 -dBov; its RTP time in seconds; when it came."""

    level_dbov: int
    media_s: float
    at: float


class PeerSound:
    """The jitter buffer and the decoder of one peer.

    The network thread pushes, the playout thread pulls; the decoder is the playout thread's alone.
    """

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.silenced = False
        """A person muted this peer here: its sound is decoded (its level is shown) and not played."""
        self.heard: Heard | None = None
        """The sound that was played last, and when it is heard."""
        self._lock = threading.Lock()
        self._buffer = JitterBuffer()
        self._decoder = Decoder()
        self._before_insertion: bytes | None = None  # the decoder's state, to go on from
        self._before_silence: bytes | None = None  # and its state when packets ended
        self._malformed = 0
        self._told: tuple[int, float] = (SILENCE_DBOV, 0.0)  # level in the last header, when it came
        self._loudest = float(SILENCE_DBOV)  # level of late
        self._heard = SILENCE_DBOV  # level of the last frame played
        self._levels: deque[Told] = deque(maxlen=limits.LEVELS_MAX)  # by packets since they were looked at
        self._silent = True  # the last frame was silence

    def push(
        self, sequence_number: int, timestamp: int, payload: bytes, now: float, level: int | None = None
    ) -> None:
        """Take one RTP packet. ``now``: its arrival, ``time.monotonic()``; ``level``: RFC 6464, 0 to 127.

        Anything but one 20 ms Opus packet is dropped and counted.
        """
        if packet_samples(payload) != limits.SOUND_FRAME:
            self._malformed += 1
            return
        quiet = False
        if level is not None:
            self._told = (level, now)
            self._loudest = min(self._loudest + _FORGET, level)
            quiet = level >= min(self._loudest + _QUIET, SILENCE_DBOV)
        self._levels.append(Told(self._heard if level is None else level, timestamp / limits.SOUND_RATE, now))
        with self._lock:
            self._buffer.push(sequence_number, timestamp, payload, now, quiet=quiet)

    def restart(self) -> None:
        """Forget what waits to be played: what comes next has nothing to do with it."""
        self._levels.clear()
        self.heard = None
        with self._lock:
            self._buffer = JitterBuffer()

    def take_levels(self) -> list[Told]:
        """Return what the packets since the last call told, each of 20 ms; for the pushing thread."""
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

    def wait_longer(self, seconds: float) -> None:
        """Keep playing this much later than jitter asks for, as far as delay's bounds allow."""
        with self._lock:
            self._buffer.extra = seconds

    def pull(self, now: float, output_delay: float = 0.0) -> Samples | None:
        """Return the next 20 ms, or None for silence (playout thread only).

        ``output_delay``: seconds until they are heard.
        """
        with self._lock:
            frame = self._buffer.pull(now)
            position = self._buffer.position
        if frame.kind is Kind.SILENCE:
            self._silent = True
            self._before_insertion = None
            self._heard = SILENCE_DBOV
            return None
        if position is not None and not frame.inserted and not self.silenced:
            self.heard = Heard(position, now + output_delay + limits.OPUS_DELAY)
        samples = self._decode(frame)
        if self._silent:
            self._silent = False
            samples[: len(_FADE_IN)] = samples[: len(_FADE_IN)] * _FADE_IN
        self._heard = level_dbov(samples)
        return None if self.silenced else samples

    def _decode(self, frame: Frame) -> Samples:
        decoder = self._decoder
        if frame.kind is Kind.CONCEAL:
            if frame.run == 1:
                self._before_silence = decoder.save()
            if not frame.inserted:
                self._before_insertion = None
            elif self._before_insertion is None:
                self._before_insertion = decoder.save()
            samples = decoder.conceal()
            if frame.run >= limits.CONCEAL_MAX:
                samples = (samples * _FADE_OUT).astype(np.int16)
            return samples
        if frame.kind is Kind.PACKET and len(frame.payload) <= DTX_BYTES:
            return self._end()
        if frame.resumed and self._before_silence is not None:
            decoder.restore(self._before_silence)
        self._before_silence = None
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

    def _end(self) -> Samples:
        """The sound fades away; the decoder goes on from here when it comes back, as the encoder does."""
        state = self._before_insertion or self._before_silence or self._decoder.save()
        samples = (self._decoder.conceal() * _FADE_OUT).astype(np.int16)
        self._before_insertion = None
        self._before_silence = state
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
