"""Scaling of captured pictures: any size and shape into a 16:9 picture, whole, with black bars.

Inside the box every picture is yuv420p in the limited range of BT.601, which is what most cameras
give: a camera of that kind costs nothing but the scaling.
"""

from __future__ import annotations

import av
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from appliance.core.timecode import BLACK

NEUTRAL = 128


def fit(source: tuple[int, int], aspect: float, target: tuple[int, int]) -> tuple[int, int]:
    """Return the largest even size inside ``target`` of a picture of ``source`` pixels.

    ``aspect``: the width of one pixel of the source divided by its height. Within 2 % of the
    target's shape the target is filled: nobody sees it, and bars of two lines look like a fault.
    """
    shape = source[0] * aspect / source[1]
    wanted = target[0] / target[1]
    if abs(shape / wanted - 1) < 0.02:
        return target
    if shape > wanted:
        return target[0], max(2, round(target[0] / shape / 2) * 2)
    return max(2, round(target[1] * shape / 2) * 2), target[1]


class Scaler:
    """Scales pictures to one size, ``width`` x ``height``, both even. Keeps its tables between calls."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._reformatter = VideoReformatter()
        template = av.VideoFrame(width, height, "yuv420p")
        self._black = [
            bytes((BLACK if index == 0 else NEUTRAL,)) * plane.buffer_size
            for index, plane in enumerate(template.planes)
        ]

    def scale(self, frame: av.VideoFrame, pixel_aspect: float = 1.0) -> av.VideoFrame:
        """Return the picture at this size; the same object if it fits already. Not for drawing on."""
        width, height = fit((frame.width, frame.height), pixel_aspect, (self.width, self.height))
        inner = self._reformat(frame, width, height)
        if (width, height) == (self.width, self.height):
            return inner
        return self._framed(inner)

    def _reformat(self, frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
        name = frame.format.name
        if name == "yuv420p" and (frame.width, frame.height) == (width, height) and _is_ours(frame):
            return frame
        return self._reformatter.reformat(
            frame,
            width,
            height,
            "yuv420p",
            src_color_range=ColorRange.JPEG if name.startswith("yuvj") else None,
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )

    def _framed(self, inner: av.VideoFrame) -> av.VideoFrame:
        outer = av.VideoFrame(self.width, self.height, "yuv420p")
        left, top = (self.width - inner.width) // 2 & ~1, (self.height - inner.height) // 2 & ~1
        for index, (to, of) in enumerate(zip(outer.planes, inner.planes, strict=True)):
            to.update(self._black[index])
            shift = 1 if index else 0
            target, source = memoryview(to), memoryview(of)
            width = inner.width >> shift
            at = (top >> shift) * to.line_size + (left >> shift)
            for start in range(0, (inner.height >> shift) * of.line_size, of.line_size):
                target[at : at + width] = source[start : start + width]
                at += to.line_size
        return outer


def _is_ours(frame: av.VideoFrame) -> bool:
    """Whether the frame's colours need no conversion (what a source leaves unsaid is taken as ours)."""
    unspecified, bt470bg, smpte170m = 2, 5, 6
    return frame.color_range != ColorRange.JPEG and frame.colorspace in (unspecified, bt470bg, smpte170m)
