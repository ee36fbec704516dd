"""A camera of Video4Linux: what is there, what it can do, and its pictures.

The formats are asked with ioctls (struct layouts: linux/videodev2.h); the pictures come through
PyAV. MJPEG is preferred: over USB 2 uncompressed 720p does not reach 30 pictures a second.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from appliance.core.limits import CAMERA_STALE_AFTER
from appliance.core.words import say
from appliance.errors import DeviceError
from appliance.media.sources.source import (
    CAPTURE_FPS,
    CAPTURE_HEIGHT,
    CAPTURE_WIDTH,
    CapturedFrame,
    Wanted,
    every,
)

VIDIOC_QUERYCAP = 0x80685600  # _IOR('V', 0, struct v4l2_capability: 104 bytes)
VIDIOC_ENUM_FMT = 0xC0405602  # _IOWR('V', 2, struct v4l2_fmtdesc: 64 bytes)
CAPABILITY = struct.Struct("=16s32s32sIII12x")
FORMAT = struct.Struct("=III32sI16x")
BUF_TYPE_VIDEO_CAPTURE = 1
CAP_VIDEO_CAPTURE = 0x0000_0001
CAP_STREAMING = 0x0400_0000
CAP_DEVICE_CAPS = 0x8000_0000
FORMATS_MAX = 64  # a driver that never ends its list

# Best first: V4L2's four letters and FFmpeg's word for them.
FORMATS = ((b"MJPG", "mjpeg"), (b"YU12", "yuv420p"), (b"NV12", "nv12"), (b"YUYV", "yuyv422"))

# Nodes that look like cameras and are parts of a Raspberry Pi's image pipeline (libcamera uses them).
NOT_CAMERAS = ("bcm2835-", "unicam", "rp1-cfe", "pispbe", "rpi-", "rpivid")

STALE_NS = int(CAMERA_STALE_AFTER * 1e9)


@dataclass(frozen=True, slots=True)
class V4l2Device:
    """``formats``: FFmpeg's words for the formats that both sides know, best first."""

    path: str
    label: str
    formats: tuple[str, ...]


def cameras(folder: str = "/dev") -> list[V4l2Device]:
    """Return the cameras that can be used, in the order of their numbers."""
    numbered = [
        (int(match[1]), entry)
        for entry in Path(folder).glob("video*")
        if (match := re.fullmatch(r"video(\d+)", entry.name))
    ]
    found = []
    for _, path in sorted(numbered):
        try:
            found.append(query(str(path)))
        except DeviceError:
            continue
    return found


def query(path: str) -> V4l2Device:
    """Ask a device node what it is; DeviceError if it is not a camera that can be used."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _failure(path, error) from error
    try:
        reply = bytearray(CAPABILITY.size)
        fcntl.ioctl(fd, VIDIOC_QUERYCAP, reply)
        driver, card, _, _, all_caps, own_caps = CAPABILITY.unpack(reply)
        caps = own_caps if all_caps & CAP_DEVICE_CAPS else all_caps
        known = _formats(fd) if caps & CAP_VIDEO_CAPTURE and caps & CAP_STREAMING else ()
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EINVAL):
            raise DeviceError("device.camera.kind", say("{path} is not a camera.", path=path)) from error
        raise _failure(path, error) from error
    finally:
        os.close(fd)
    if not known or _text(driver).startswith(NOT_CAMERAS):
        raise DeviceError("device.camera.kind", say("{path} gives no picture that can be used.", path=path))
    return V4l2Device(path, _text(card) or path, known)


def _formats(fd: int) -> tuple[str, ...]:
    offered: set[bytes] = set()
    for index in range(FORMATS_MAX):
        request = bytearray(FORMAT.pack(index, BUF_TYPE_VIDEO_CAPTURE, 0, b"", 0))
        try:
            fcntl.ioctl(fd, VIDIOC_ENUM_FMT, request)
        except OSError:
            break
        offered.add(struct.pack("=I", FORMAT.unpack(request)[4]))
    return tuple(name for letters, name in FORMATS if letters in offered)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def _failure(path: str, error: Exception) -> DeviceError:
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return DeviceError(
            "device.camera.missing",
            say("No camera at {path}. Plug it in: it is picked up by itself.", path=path),
        )
    if number in (errno.EACCES, errno.EPERM):
        return DeviceError(
            "device.camera.permission",
            say("{path} may not be opened. Add this user to the group video.", path=path),
        )
    if number == errno.EBUSY:
        return DeviceError(
            "device.camera.busy", say("{path} is used by another program. Close that program.", path=path)
        )
    reason = getattr(error, "strerror", None) or str(error)
    sentence = say("{path} does not work: {reason}. Unplug it and plug it in.", path=path, reason=reason)
    return DeviceError("device.camera.failed", sentence)


class V4l2Source:
    """``path``: the device node."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._label = path
        self._container: Any = None
        self._packets: Any = None

    @property
    def label(self) -> str:
        return self._label

    def probe(self) -> None:
        self._label = query(self._path).label

    def open(self) -> None:
        device = query(self._path)
        self._label = device.label
        sized = {"video_size": f"{CAPTURE_WIDTH}x{CAPTURE_HEIGHT}", "framerate": str(CAPTURE_FPS)}
        attempts = [{"input_format": name, **sized} for name in device.formats]
        attempts.append({"input_format": device.formats[0]})  # a driver that lets nothing be chosen
        failure: Exception | None = None
        for options in attempts:
            try:
                self._container = av.open(self._path, format="v4l2", options=options)
                stream = self._container.streams.video[0]
                stream.thread_type = "NONE"  # a thread of delay is a picture of delay
                self._packets = self._container.demux(stream)
            except (av.FFmpegError, OSError) as error:
                self.close()
                failure = failure or error
            else:
                return
        assert failure is not None
        raise _failure(self._path, failure)

    def want_size(self, width: int, height: int) -> None:
        """A camera keeps its size: changing it would interrupt the picture."""

    def read(self, wanted: Wanted = every) -> CapturedFrame | None:
        # Blocks in the kernel until the next picture; the supervisor kills a process that waits too long.
        try:
            packet = next(self._packets)
            captured_ns = self._captured_ns(packet)
            if time.monotonic_ns() - captured_ns > STALE_NS or not wanted(captured_ns):
                return None  # no format of ours builds on a picture before it
            frames = packet.decode()
        except BlockingIOError:
            return None
        except av.InvalidDataError:
            return None  # one JPEG damaged on the cable
        except (av.FFmpegError, OSError) as error:
            raise _failure(self._path, error) from error
        except StopIteration:
            raise _failure(self._path, OSError(errno.ENODEV, "end of stream")) from None
        return CapturedFrame(frames[-1], captured_ns) if frames else None

    @staticmethod
    def _captured_ns(packet: Any) -> int:
        """The driver's time stamp where it is of the monotonic clock (nearly always), else now."""
        now = time.monotonic_ns()
        if packet.pts is None or packet.time_base is None:
            return now
        stamped = int(packet.pts * packet.time_base * 1_000_000_000)
        return stamped if 0 <= now - stamped < 2_000_000_000 else now

    def close(self) -> None:
        self._packets = None
        container, self._container = self._container, None
        if container is not None:
            container.close()
