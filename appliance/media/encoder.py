"""Encoding: every layer that somebody watches is encoded once, the others not at all.

H.264 constrained baseline, Annex B, no B-frames, no lookahead, the parameter sets in front of every
keyframe: each picture leaves the encoder in the call that it entered by, and a receiver can begin
at any keyframe. The bitrate is capped by a small buffer, so that a burst stays one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from appliance.core.layers import Layer
from appliance.core.limits import ENCODER_VBV_SECONDS, KEYFRAME_EVERY
from appliance.media.encoded import CLOCK_RATE, EncodedFrame, rtp_timestamp
from appliance.media.scale import Scaler
from appliance.media.sources.source import CapturedFrame

IN_FLIGHT_MAX = 16  # pictures inside an encoder; libx264 holds none, hardware a few
SMPTE170M = 6  # FFmpeg's number of the matrix and the primaries of BT.601, 525 lines


class Encoder:
    """The encoder of one layer; open from construction until ``close``."""

    name = "libx264"

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        spec = layer.spec
        context = av.CodecContext.create(self.name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = spec.width, spec.height
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, CLOCK_RATE)
        context.framerate = Fraction(spec.fps, 1)
        context.bit_rate = spec.bitrate
        context.gop_size = round(spec.fps * KEYFRAME_EVERY)
        context.max_b_frames = 0
        context.thread_count = 1  # a thread more a box costs more than it saves at these sizes
        context.color_range = 1  # limited
        context.colorspace = context.color_primaries = context.color_trc = SMPTE170M
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "forced-idr": "1",
            "maxrate": str(spec.bitrate),
            "bufsize": str(round(spec.bitrate * ENCODER_VBV_SECONDS)),
            "x264-params": "sliced-threads=0:scenecut=0:repeat-headers=1:annexb=1:aud=0",
        }
        context.open()
        self._context: VideoCodecContext | None = context
        self._in_flight: OrderedDict[int, int] = OrderedDict()  # pts: captured_ns
        self._last_pts = -1

    def encode(self, frame: av.VideoFrame, captured_ns: int, *, keyframe: bool) -> list[EncodedFrame]:
        """Encode a picture of this layer's size; return what the encoder gives out (usually one).

        ``keyframe``: make it an IDR picture. A picture that is not younger than the one before is
        passed over.
        """
        assert self._context is not None
        pts = captured_ns * 9 // 100_000
        if pts <= self._last_pts:
            return []
        self._last_pts = pts
        frame.pts = pts
        frame.time_base = Fraction(1, CLOCK_RATE)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        self._in_flight[pts] = captured_ns
        if len(self._in_flight) > IN_FLIGHT_MAX:
            self._in_flight.popitem(last=False)
        spec = self.layer.spec
        return [
            EncodedFrame(
                self.layer,
                packet.is_keyframe,
                bytes(packet),
                rtp_timestamp(taken_ns),
                taken_ns,
                spec.width,
                spec.height,
            )
            for packet in self._context.encode(frame)
            if packet.pts is not None and (taken_ns := self._in_flight.pop(packet.pts, None)) is not None
        ]

    def close(self) -> None:
        """Free the encoder's memory."""
        self._context = None
        self._in_flight.clear()


class RateGate:
    """Lets through at most ``fps`` pictures a second, evenly; pure.

    A picture passes when it is due within half of the time between two captured pictures, so a camera of
    30 gives every second picture to a layer of 15, whatever its jitter.
    """

    def __init__(self, fps: int) -> None:
        self._interval_ns = 1_000_000_000 // fps
        self._due_ns: int | None = None
        self._before_ns: int | None = None

    def passes(self, captured_ns: int) -> bool:
        """Say whether the picture taken at ``captured_ns`` is to be encoded."""
        step_ns = self._interval_ns if self._before_ns is None else captured_ns - self._before_ns
        self._before_ns = captured_ns
        if self._due_ns is None or abs(captured_ns - self._due_ns) > 2 * self._interval_ns:
            self._due_ns = captured_ns  # the first, or after a pause: a new beat
        if captured_ns + min(step_ns, self._interval_ns) // 2 < self._due_ns:
            return False
        self._due_ns += self._interval_ns
        return True


class _LayerWork:
    """What one wanted layer needs: its encoder, its scaler, its beat."""

    def __init__(self, layer: Layer) -> None:
        self.encoder = Encoder(layer)
        self.scaler = Scaler(layer.spec.width, layer.spec.height)
        self.gate = RateGate(layer.spec.fps)
        self.keyframe = True


class LayerEncoders:
    """Every wanted layer's encoder, fed from one captured picture at a time."""

    def __init__(self) -> None:
        self._work: dict[Layer, _LayerWork] = {}  # largest first

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that have an encoder open, largest first."""
        return tuple(self._work)

    def want(self, layers: Iterable[Layer]) -> None:
        """Open the encoders that are missing, close those that nobody needs any more."""
        wanted = set(layers)
        for layer in [layer for layer in self._work if layer not in wanted]:
            self._work.pop(layer).encoder.close()
        self._work = {
            layer: self._work.get(layer) or _LayerWork(layer) for layer in reversed(Layer) if layer in wanted
        }

    def keyframe(self, layer: Layer) -> None:
        """Make the layer's next picture a keyframe."""
        if layer in self._work:
            self._work[layer].keyframe = True

    def encode(self, captured: CapturedFrame) -> Iterator[EncodedFrame]:
        """Encode a captured picture in every layer whose turn it is, and yield each as it is done.

        A smaller layer is scaled from the next larger one: a quarter of the work.
        """
        frame, pixel_aspect = captured.frame, captured.pixel_aspect
        for work in self._work.values():
            if not work.gate.passes(captured.captured_ns):
                continue
            frame, pixel_aspect = work.scaler.scale(frame, pixel_aspect), 1.0
            keyframe, work.keyframe = work.keyframe, False
            yield from work.encoder.encode(frame, captured.captured_ns, keyframe=keyframe)

    def close(self) -> None:
        """Close every encoder."""
        self.want(())
