"""The H.264 encoder of a Raspberry Pi up to model 4, through FFmpeg's V4L2 memory-to-memory driver.

What is peculiar about it, each seen in FFmpeg's and the kernel's sources or reported by others:

- A picture comes out a call later: FFmpeg asks the driver for packets only while it hands one in.
- The driver reads planes whose lines are a multiple of 64 bytes (32 for the colours), and FFmpeg copies
  the picture's lines as they are: a picture with other lines would come out skewed.
- The parameter sets come once, in a packet of their own (FFmpeg asks for separate headers).
- At its lowest quality it leaves pictures out instead of exceeding the bitrate.
- It may take pictures and never give one out.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import struct
from pathlib import Path

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from appliance.core.layers import Codec, Layer, LayerSpec
from appliance.core.limits import ENCODER_SILENT_PICTURES
from appliance.core.parameter_sets import ParameterSets
from appliance.media.encoded import EncodedFrame
from appliance.media.encoders.encoder import Encoder
from appliance.media.sources.v4l2 import (
    CAP_DEVICE_CAPS,
    CAPABILITY,
    FORMAT,
    FORMATS_MAX,
    VIDIOC_ENUM_FMT,
    VIDIOC_QUERYCAP,
)

log = logging.getLogger("meetingbox.camera")

LINE_BYTES = 64  # bcm2835-codec: lines of the luma plane; half of it for the colours
CAP_VIDEO_M2M = 0x0000_8000
CAP_VIDEO_M2M_MPLANE = 0x0000_4000
BUF_TYPE_VIDEO_CAPTURE = 1
BUF_TYPE_VIDEO_CAPTURE_MPLANE = 9
MODEL = "/proc/device-tree/model"

# Model 5 has no encoder any more. Zero, and the first ones without a number, have it.
_NUMBERED = re.compile(r"Raspberry Pi (?:Compute Module )?([0-9])")
_UNNUMBERED = re.compile(r"Raspberry Pi (?:Model|Zero|Compute Module)\b")


class HardwareEncoder(Encoder):
    """H.264 constrained baseline, Annex B, the parameter sets in front of every keyframe."""

    name = "h264_v4l2m2m"
    codec = Codec.H264

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer)
        assert self._context is not None
        self._sets = ParameterSets(self._context.extradata)
        self._unanswered = 0  # pictures since the last that came out

    def encode(self, frame: av.VideoFrame, captured_ns: int, *, keyframe: bool) -> list[EncodedFrame]:
        """As for every encoder. av.FFmpegError also when it takes pictures and gives none out."""
        given = super().encode(frame, captured_ns, keyframe=keyframe)
        self._unanswered = 0 if given else self._unanswered + 1
        if self._unanswered > ENCODER_SILENT_PICTURES:
            raise av.error.ExternalError(-1, f"{self._unanswered} pictures went in and none came out")
        return given

    def _set_up(self, context: VideoCodecContext, spec: LayerSpec) -> None:  # noqa: ARG002
        context.profile = "Constrained Baseline"

    def _fitting(self, frame: av.VideoFrame) -> av.VideoFrame:
        if not has_its_lines(frame):
            frame = copied(frame)
            if not has_its_lines(frame):
                raise av.error.ExternalError(-1, f"no picture of {frame.width} has the lines that it reads")
        return frame

    def _access_unit(self, packet: Packet[VideoStream]) -> tuple[bytes, bool] | None:
        try:
            return self._sets.complete(bytes(packet))
        except ValueError as error:
            raise av.error.InvalidDataError(-1, str(error)) from error


def has_its_lines(frame: av.VideoFrame) -> bool:
    """Whether a yuv420p picture's lines are as long as the driver reads them."""
    line = LINE_BYTES * -(-frame.width // LINE_BYTES)
    return [plane.line_size for plane in frame.planes] == [line, line // 2, line // 2]


def copied(frame: av.VideoFrame) -> av.VideoFrame:
    """Copy a yuv420p picture; the copy's lines are no longer than they need to be."""
    copy = av.VideoFrame(frame.width, frame.height, "yuv420p")
    for to, of in zip(copy.planes, frame.planes, strict=True):
        target, source = memoryview(to), memoryview(of)
        for row in range(of.height):
            at, start = row * to.line_size, row * of.line_size
            target[at : at + of.width] = source[start : start + of.width]
    return copy


def model_has_encoder(model: str) -> bool:
    """Whether a board with this name in its device tree has the H.264 encoder."""
    numbered = _NUMBERED.match(model)
    return int(numbered[1]) <= 4 if numbered else _UNNUMBERED.match(model) is not None


def is_there(model_file: str = MODEL, folder: str = "/dev") -> bool:
    """Whether this computer is a Raspberry Pi up to model 4 and its encoder's device node is there."""
    try:
        model = Path(model_file).read_bytes().rstrip(b"\0").decode("utf-8", "replace")
    except OSError:
        return False
    return model_has_encoder(model) and any(map(encodes_h264, sorted(Path(folder).glob("video*"))))


def encodes_h264(path: Path) -> bool:
    """Whether a device node is a V4L2 memory-to-memory H.264 encoder."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        reply = bytearray(CAPABILITY.size)
        fcntl.ioctl(fd, VIDIOC_QUERYCAP, reply)
        *_, all_caps, own_caps = CAPABILITY.unpack(reply)
        caps = own_caps if all_caps & CAP_DEVICE_CAPS else all_caps
        if caps & CAP_VIDEO_M2M_MPLANE:
            return _gives_h264(fd, BUF_TYPE_VIDEO_CAPTURE_MPLANE)
        return bool(caps & CAP_VIDEO_M2M) and _gives_h264(fd, BUF_TYPE_VIDEO_CAPTURE)
    except OSError:
        return False
    finally:
        os.close(fd)


def _gives_h264(fd: int, buffer_type: int) -> bool:
    for index in range(FORMATS_MAX):
        request = bytearray(FORMAT.pack(index, buffer_type, 0, b"", 0))
        try:
            fcntl.ioctl(fd, VIDIOC_ENUM_FMT, request)
        except OSError:
            return False
        if struct.pack("=I", FORMAT.unpack(request)[4]) == b"H264":
            return True
    return False
