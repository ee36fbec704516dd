"""Opus by libopus: one 20 ms frame of 48 kHz mono in one packet.

A coder belongs to one thread: libopus keeps its state without locks. The library is looked for
when the first coder is made, so that a machine without it can say so in a sentence.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from appliance.core import limits
from appliance.core.words import say
from appliance.errors import DeviceError
from appliance.media.audio.ring import Samples

_FRAME_48K = (  # samples of one frame by TOC configuration, RFC 6716 section 3.1, table 2
    *(480, 960, 1920, 2880) * 3,  # SILK
    *(480, 960) * 2,  # hybrid
    *(120, 240, 480, 960) * 4,  # CELT
)
_FIRST_CELT = 16
_COMPLEXITY = (
    8  # of 10: as good as 10, and PESQ 0.1 (no loss) to 0.7 (5 %) above 5, which takes half the time
)


def packet_samples(payload: bytes) -> int:
    """Return how many samples at 48 kHz an Opus packet holds; 0 if it is malformed (RFC 6716, 3.1)."""
    if not 1 <= len(payload) <= limits.OPUS_PACKET_MAX:
        return 0
    toc = payload[0]
    code = toc & 3
    if code == 3:
        if len(payload) < 2:
            return 0
        frames = payload[1] & 0x3F
    else:
        frames = 1 if code == 0 else 2
    return frames * _FRAME_48K[toc >> 3]


def end_of_spurt(last: bytes) -> bytes:
    """Return the packet that says "nothing from here", after ``last``: a frame of no octets, which is
    what an encoder says in discontinuous transmission (RFC 6716, 3.2.1 and 2.1.9).
    """
    return bytes((last[0] & 0xFC,))


def has_fec(payload: bytes) -> bool:
    """Does a packet of one mono frame carry redundancy about the frame before it (RFC 6716, 4.2.4)?"""
    return len(payload) > 1 and payload[0] >> 3 < _FIRST_CELT and bool(payload[1] & 0x40)


def _library() -> Any:
    try:
        import opuslib_next
        import opuslib_next.api.ctl
    except Exception as error:  # the binding raises a bare Exception when libopus is not there
        raise DeviceError(
            "sound.opus.missing", say("The sound codec Opus is missing. Install the package libopus0.")
        ) from error
    return opuslib_next


def _frame_of(opus: Any) -> tuple[Samples, Any]:
    """A frame's samples and libopus's pointer to them, made once: numpy's pointers are reference cycles,
    so that one made for each frame would keep that frame until the next garbage collection.
    """
    samples = np.zeros(limits.SOUND_FRAME, np.int16)
    return samples, samples.ctypes.data_as(opus.api.c_int16_pointer)


class Encoder:
    """32 kb/s speech with in-band FEC; ``dtx``: let packets of silence shrink to one or two bytes."""

    def __init__(
        self,
        *,
        bitrate: int = limits.SOUND_BITRATE,
        loss: int = limits.SOUND_FEC_LOSS,
        dtx: bool = False,
    ) -> None:
        opus = _library()
        self._coder = opus.Encoder(limits.SOUND_RATE, 1, opus.APPLICATION_VOIP)
        self._encode = opus.api.encoder.libopus_encode
        self._error = opus.OpusError
        self._frame, self._at_frame = _frame_of(opus)
        self._out = ctypes.create_string_buffer(limits.OPUS_PACKET_MAX)
        self._coder.bitrate = bitrate
        self._coder.complexity = _COMPLEXITY
        self._coder.signal = opus.SIGNAL_VOICE  # what sounds like music would lose its FEC
        self._coder.inband_fec = 1
        self._coder.dtx = int(dtx)
        self._loss = -1
        self.expect_loss(loss)

    def expect_loss(self, percent: int) -> None:
        """Spend bits on FEC for so many lost packets in a hundred; 0 turns the FEC off."""
        if percent != self._loss:
            self._loss = percent
            self._coder.packet_loss_perc = min(max(percent, 0), 100)

    def encode(self, samples: Samples) -> bytes:
        """Return the packet of one frame (960 samples)."""
        self._frame[:] = samples
        size = self._encode(
            self._coder.encoder_state,
            self._at_frame,
            limits.SOUND_FRAME,
            self._out,
            limits.OPUS_PACKET_MAX,
        )
        if size < 0:
            raise self._error(size)
        return self._out.raw[:size]

    def reset(self) -> None:
        """Forget every sample that was encoded."""
        self._coder.reset_state()


class Decoder:
    """One peer's decoder. Every method returns a new frame of 960 samples, in the stream's order."""

    def __init__(self) -> None:
        opus = _library()
        self._coder = opus.Decoder(limits.SOUND_RATE, 1)
        self._size = int(opus.api.decoder.libopus_get_size(1))
        self._decode = opus.api.decoder.libopus_decode
        self._samples, self._at_samples = _frame_of(opus)

    def decode(self, payload: bytes) -> Samples:
        """Decode a packet; one that libopus refuses is concealed."""
        return self._frame(payload, 0)

    def recover(self, successor: bytes) -> Samples:
        """Decode the lost frame from its successor's FEC; without FEC in there it is concealed."""
        return self._frame(successor, 1)

    def conceal(self) -> Samples:
        """Make up a frame that never came."""
        return self._frame(None, 0)

    def save(self) -> bytes:
        """Return the decoder's state, to go back to (some 20 KB: libopus keeps it in one piece)."""
        return ctypes.string_at(self._coder.decoder_state, self._size)

    def restore(self, state: bytes) -> None:
        """Go back to a state: what was decoded or concealed since then never happened."""
        ctypes.memmove(self._coder.decoder_state, state, self._size)

    def _frame(self, payload: bytes | None, fec: int) -> Samples:
        self._samples.fill(0)
        size = self._decode(
            self._coder.decoder_state,
            payload,
            0 if payload is None else len(payload),
            self._at_samples,
            limits.SOUND_FRAME,
            fec,
        )
        if size < 0 and payload is not None:
            return self._frame(None, 0)
        return self._samples.copy()
