"""A camera process of a computer with a hardware encoder: x264 under that encoder's name."""

from __future__ import annotations

import sys

from av.video.codeccontext import VideoCodecContext

from appliance.core.layers import Layer, LayerSpec
from appliance.media import camera
from appliance.media.encoders import choice
from appliance.media.encoders.hardware import HardwareEncoder


class Hardware(HardwareEncoder):
    def __init__(self, layer: Layer) -> None:
        self.__dict__["name"] = "libx264"  # what is opened
        super().__init__(layer)
        del self.__dict__["name"]

    def _set_up(self, context: VideoCodecContext, spec: LayerSpec) -> None:
        context.options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}


if __name__ == "__main__":
    choice.HardwareEncoder = Hardware  # type: ignore[misc]
    choice.is_there = lambda: True
    sys.exit(camera.main(sys.argv[1:]))
