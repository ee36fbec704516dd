"""The layers a camera is encoded in, and which one a tile gets.

A layer is encoded once, however many boxes watch it. A receiver says how large its tile is; the
sender takes the smallest layer that fills it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """``width``, ``height`` in pixels, ``fps`` in pictures per second, ``bitrate`` in bit/s."""

    width: int
    height: int
    fps: int
    bitrate: int


class Layer(enum.Enum):
    """Ordered from small to large."""

    L = "L"
    M = "M"
    H = "H"

    @property
    def spec(self) -> LayerSpec:
        return SPECS[self]

    @property
    def below(self) -> Layer:
        """The next smaller one; the smallest is its own."""
        ordered = tuple(Layer)
        return ordered[max(0, ordered.index(self) - 1)]

    @property
    def above(self) -> Layer:
        """The next larger one; the largest is its own."""
        ordered = tuple(Layer)
        return ordered[min(len(ordered) - 1, ordered.index(self) + 1)]

    def fits(self, cap: Layer) -> bool:
        """Whether it is no larger than ``cap``."""
        return self.spec.height <= cap.spec.height


SPECS: dict[Layer, LayerSpec] = {
    Layer.L: LayerSpec(320, 180, 15, 150_000),
    Layer.M: LayerSpec(640, 360, 30, 600_000),
    Layer.H: LayerSpec(1280, 720, 30, 2_000_000),
}


class Codec(enum.Enum):
    """What a picture is encoded with; its value is the name in an SDP (RFC 6184, RFC 7741).

    Boxes speak H.264 with each other. VP8 is for a browser that has no H.264.
    """

    H264 = "H264"
    VP8 = "VP8"


class Stream(NamedTuple):
    """One thing to encode: a layer in a codec. However many peers get it, it is encoded once."""

    layer: Layer
    codec: Codec = Codec.H264


# A tile this much larger than a layer still gets the smaller one: nobody sees 10 % of upscaling.
UPSCALE_TOLERANCE = 1.10


def layer_for_height(height: int) -> Layer:
    """Return the smallest layer that fills a tile of ``height`` pixels, or the largest there is."""
    for layer in Layer:
        if layer.spec.height * UPSCALE_TOLERANCE >= height:
            return layer
    return Layer.H


def layer_wanted(max_height: int, max_fps: int, visible: bool) -> Layer | None:
    """Return what a receiver asks for with its constraints; None: no pictures.

    The smallest layer that fills its tile, but none with more pictures a second than it can use: a
    stream can't be thinned out without an encoder of its own. L is for everybody who wants any at all.
    """
    if not visible or max_fps == 0:
        return None
    layer = layer_for_height(max_height)
    while layer is not Layer.L and layer.spec.fps > max_fps:
        layer = layer.below
    return layer
