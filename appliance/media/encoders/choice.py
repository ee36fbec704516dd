"""Which encoder a stream gets, and what happens when the hardware fails."""

from __future__ import annotations

import functools
import logging

import av

from appliance.core.layers import Codec, Layer, Stream
from appliance.media.encoded import EncodedFrame
from appliance.media.encoders.encoder import Encoder
from appliance.media.encoders.hardware import HardwareEncoder, is_there
from appliance.media.encoders.software import Vp8Encoder, X264Encoder

log = logging.getLogger("meetingbox.camera")

AUTO = "auto"


class EncoderChoice:
    """The configuration's word (auto, libx264 or h264_v4l2m2m), and what became of it.

    A layer whose hardware encoder failed once gets x264 for the rest of this process.
    """

    def __init__(self, word: str = AUTO) -> None:
        self._word = word
        self._failed: set[Layer] = set()

    @functools.cached_property
    def hardware(self) -> type[HardwareEncoder] | None:
        """The hardware's class of encoder, None where there is none or it is not wanted."""
        wanted = self._word == HardwareEncoder.name or (self._word == AUTO and is_there())
        return HardwareEncoder if wanted else None

    @property
    def failures(self) -> int:
        """How many layers the hardware failed at."""
        return len(self._failed)

    def open(self, stream: Stream) -> Encoder:
        """Open the encoder of a stream."""
        layer, codec = stream
        if codec is Codec.VP8:
            return Vp8Encoder(layer)
        if self.hardware is not None and layer not in self._failed:
            try:
                return self.hardware(layer)
            except av.FFmpegError as error:
                self.failed(layer, error)
        return X264Encoder(layer)

    def failed(self, layer: Layer, error: av.FFmpegError) -> None:
        """The hardware can't encode this layer."""
        self._failed.add(layer)
        log.warning(
            "%s fails at layer %s, which gets %s: %s",
            HardwareEncoder.name,
            layer.value,
            X264Encoder.name,
            error,
        )


class SafeEncoder:
    """The encoder of a stream, replaced by x264 when the hardware fails: the call never notices."""

    def __init__(self, stream: Stream, choice: EncoderChoice) -> None:
        self._stream = stream
        self._choice = choice
        self._encoder = choice.open(stream)

    @property
    def name(self) -> str:
        """FFmpeg's name of the encoder in use."""
        return self._encoder.name

    @property
    def may_sleep(self) -> bool:
        """Whether it may stay open while nobody needs it."""
        return not isinstance(self._encoder, HardwareEncoder)

    def encode(self, frame: av.VideoFrame, captured_ns: int, *, keyframe: bool) -> list[EncodedFrame]:
        """As ``Encoder.encode``; raises av.FFmpegError only for a software encoder."""
        try:
            return self._encoder.encode(frame, captured_ns, keyframe=keyframe)
        except av.FFmpegError as error:
            if not isinstance(self._encoder, HardwareEncoder):
                raise
            self._choice.failed(self._stream.layer, error)
        self._encoder.close()
        self._encoder = self._choice.open(self._stream)
        return self._encoder.encode(frame, captured_ns, keyframe=True)

    def close(self) -> None:
        """Free the encoder's memory."""
        self._encoder.close()
