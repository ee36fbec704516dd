"""The encoders that are everywhere: x264 for the other boxes, libvpx for a browser without H.264."""

from __future__ import annotations

from av.video.codeccontext import VideoCodecContext

from appliance.core.layers import Codec, LayerSpec
from appliance.core.limits import ENCODER_VBV_SECONDS
from appliance.media.encoders.encoder import Encoder


class X264Encoder(Encoder):
    """H.264 constrained baseline, Annex B, the parameter sets in front of every keyframe.

    The bitrate is capped by a small buffer, so that a burst stays one.
    """

    name = "libx264"
    codec = Codec.H264

    def _set_up(self, context: VideoCodecContext, spec: LayerSpec) -> None:
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "forced-idr": "1",
            "maxrate": str(spec.bitrate),
            "bufsize": str(round(spec.bitrate * ENCODER_VBV_SECONDS)),
            "x264-params": "sliced-threads=0:scenecut=0:repeat-headers=1:annexb=1:aud=0",
        }


class Vp8Encoder(Encoder):
    """VP8 as a browser's own encoder is set: constant bitrate, real time, no frame held back."""

    name = "libvpx"
    codec = Codec.VP8

    def _set_up(self, context: VideoCodecContext, spec: LayerSpec) -> None:
        context.qmin, context.qmax = 2, 56
        context.options = {
            "deadline": "realtime",
            "cpu-used": "-10",  # the speed is fixed (negative), whatever else the computer does
            "lag-in-frames": "0",
            "auto-alt-ref": "0",
            "error-resilient": "default",
            "minrate": str(spec.bitrate),
            "maxrate": str(spec.bitrate),
            "bufsize": str(round(spec.bitrate * ENCODER_VBV_SECONDS)),
            "undershoot-pct": "100",
            "overshoot-pct": "15",
            "max-intra-rate": "450",  # percent of a frame's share that a keyframe may take
            "static-thresh": "1",
        }
