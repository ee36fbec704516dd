"""What every encoder has in common: pictures of one layer in, encoded frames out.

No B-frames, no lookahead: a software encoder gives each picture out in the call that it came in by,
hardware perhaps a call or two later. A receiver can begin at any keyframe.
"""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction
from typing import ClassVar

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.stream import VideoStream

from appliance.core.layers import Codec, Layer, LayerSpec, Stream
from appliance.core.limits import ENCODER_IN_FLIGHT_MAX, KEYFRAME_EVERY
from appliance.media.encoded import CLOCK_RATE, EncodedFrame, rtp_timestamp

SMPTE170M = 6  # FFmpeg's number of the matrix and the primaries of BT.601, 525 lines


TIME_BASE = Fraction(1, CLOCK_RATE)


class Encoder:
    """The encoder of one stream; open from construction until ``close``.

    Construction and ``encode`` raise av.FFmpegError when the encoder can't do it.
    """

    name: ClassVar[str]  # FFmpeg's
    codec: ClassVar[Codec]

    def __init__(self, layer: Layer) -> None:
        self.stream = Stream(layer, self.codec)
        spec = layer.spec
        context = av.CodecContext.create(self.name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = spec.width, spec.height
        context.pix_fmt = "yuv420p"
        context.time_base = TIME_BASE
        context.framerate = Fraction(spec.fps, 1)
        context.bit_rate = spec.bitrate
        context.gop_size = round(spec.fps * KEYFRAME_EVERY)
        context.max_b_frames = 0
        context.thread_count = 1  # a thread more a box costs more than it saves at these sizes
        context.color_range = 1  # limited
        context.colorspace = context.color_primaries = context.color_trc = SMPTE170M
        self._set_up(context, spec)
        context.open()
        self._context: VideoCodecContext | None = context
        self._in_flight: OrderedDict[int, int] = OrderedDict()  # pts: captured_ns
        self._last_pts = -1
        self._keyframe_owed = False
        self._asked_pts: int | None = None  # the picture inside the encoder that is to be the owed one

    def encode(self, frame: av.VideoFrame, captured_ns: int, *, keyframe: bool) -> list[EncodedFrame]:
        """Encode a picture of this layer's size; return what the encoder gives out (usually one).

        ``keyframe``: make it one, or if it never comes out as one, a later one; one keyframe answers
        every request before it came out. A picture that is not younger than the one before is passed over.
        """
        assert self._context is not None
        self._keyframe_owed |= keyframe
        pts = captured_ns * 9 // 100_000
        if pts <= self._last_pts:
            return []
        self._last_pts = pts
        frame = self._fitting(frame)
        frame.pts = pts
        frame.time_base = TIME_BASE
        # Asked again only when the picture that was asked for is known to be lost, or each picture that
        # hardware takes before it gives the keyframe out would become one.
        ask = self._keyframe_owed and self._asked_pts is None
        if ask:
            self._asked_pts = pts
        frame.pict_type = PictureType.I if ask else PictureType.NONE
        self._in_flight[pts] = captured_ns
        if len(self._in_flight) > ENCODER_IN_FLIGHT_MAX:
            self._in_flight.popitem(last=False)
        given = (self._given(packet) for packet in self._context.encode(frame))
        return [encoded for encoded in given if encoded is not None]

    def close(self) -> None:
        """Free the encoder's memory."""
        self._context = None
        self._in_flight.clear()

    # --- what differs -----------------------------------------------------------------------------

    def _set_up(self, context: VideoCodecContext, spec: LayerSpec) -> None:
        """Set this encoder's own options."""
        raise NotImplementedError

    def _fitting(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the picture as this encoder takes it."""
        return frame

    def _access_unit(self, packet: Packet[VideoStream]) -> tuple[bytes, bool] | None:
        """Return (data, is it a keyframe) of what came out, or None if there is no picture in it."""
        return bytes(packet), packet.is_keyframe

    # --- inside -----------------------------------------------------------------------------------

    def _given(self, packet: Packet[VideoStream]) -> EncodedFrame | None:
        unit = self._access_unit(packet)
        taken_ns = self._in_flight.get(packet.pts) if packet.pts is not None else None
        if unit is None or taken_ns is None:
            return None
        while next(iter(self._in_flight)) != packet.pts:
            self._in_flight.popitem(last=False)  # an encoder at its lowest quality leaves some out
        self._in_flight.popitem(last=False)
        (layer, codec), (data, keyframe) = self.stream, unit
        if keyframe:  # the owed one, or an earlier picture: hardware gives the wish to what it encodes next
            self._keyframe_owed, self._asked_pts = False, None
        elif self._asked_pts is not None and packet.pts >= self._asked_pts:
            self._asked_pts = None  # it was left out, or did not become one: the next is asked
        spec = layer.spec
        timestamp = rtp_timestamp(taken_ns)
        return EncodedFrame(layer, keyframe, data, timestamp, taken_ns, spec.width, spec.height, codec)
