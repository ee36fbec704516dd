"""A video file as a camera: looped, at its own pace.

The pace is the file's time stamps on the monotonic clock. While nobody wants the picture the file
stands still. A machine that can't keep up skips pictures instead of falling behind.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from appliance.core.limits import CAMERA_READ_WAIT
from appliance.core.words import say
from appliance.errors import DeviceError
from appliance.media.sources.source import CapturedFrame, Wanted, every

LOCAL_ONLY = {"protocol_whitelist": "file"}  # a playlist must not reach out to the network
BEHIND_MAX = 0.5  # seconds behind the pace: start a new pace here instead of hurrying after it
SKIPPED_MAX = 3  # pictures decoded and not shown in a row: a slow machine shows fewer, not none
DEFAULT_INTERVAL = 1 / 30  # seconds a picture, where the file does not say


class FileSource:
    """``path``: any file with a picture that FFmpeg opens."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._container: Any = None
        self._frames: Iterator[av.VideoFrame] | None = None
        self._pending: av.VideoFrame | None = None
        self._interval = DEFAULT_INTERVAL
        self._pixel_aspect = 1.0
        self._shown = 0  # pictures of this round of the loop
        self._first_pts: int | None = None  # of this round
        self._origin: float | None = None  # when the picture at position 0 of this round was due
        self._position = 0.0  # of the pending picture, seconds from the round's first

    @property
    def label(self) -> str:
        return Path(self._path).name

    def probe(self) -> None:
        if not Path(self._path).is_file():
            raise DeviceError(
                "device.camera.missing",
                say("The video file {path} is not there. Check [video] source.", path=self._path),
            )
        if not os.access(self._path, os.R_OK):
            raise DeviceError(
                "device.camera.permission",
                say("The video file {path} may not be read. Check its rights.", path=self._path),
            )

    def open(self) -> None:
        self.close()
        self.probe()
        try:
            self._begin()
            self._advance()
        except (av.FFmpegError, OSError) as error:
            raise self._unusable(_reason(error)) from error

    def want_size(self, width: int, height: int) -> None:
        """The file has the size it has."""

    def read(self, wanted: Wanted = every) -> CapturedFrame | None:
        now = time.monotonic()
        if self._origin is None or now - (self._origin + self._position) > BEHIND_MAX:
            self._origin = now - self._position
        wait = self._origin + self._position - now
        if wait > 0:
            time.sleep(min(wait, CAMERA_READ_WAIT))
            if wait > CAMERA_READ_WAIT:
                return None
        frame = self._pending
        try:
            for _ in range(SKIPPED_MAX):
                frame = self._pending
                self._advance()
                if time.monotonic() < self._origin + self._position:
                    break  # the next one is not due yet: this is the one to show
        except (av.FFmpegError, OSError) as error:
            raise self._unusable(_reason(error)) from error
        assert frame is not None
        shown_ns = time.monotonic_ns()
        return CapturedFrame(frame, shown_ns, self._pixel_aspect) if wanted(shown_ns) else None

    def _begin(self) -> None:
        """Open the file at its start (again: not every format can be sought back in)."""
        if self._container is not None:
            self._container.close()
        self._container = av.open(self._path, options=LOCAL_ONLY)
        if not self._container.streams.video:
            raise self._unusable("it has no picture")
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"  # a large file may need more than one core to keep its pace
        rate = stream.average_rate or stream.guessed_rate
        self._interval = float(1 / rate) if rate else DEFAULT_INTERVAL
        ratio = stream.sample_aspect_ratio
        self._pixel_aspect = float(ratio) if ratio else 1.0
        self._frames = self._container.decode(stream)
        self._first_pts = None
        self._shown = 0

    def _advance(self) -> None:
        """Decode the next picture, from the start again after the last."""
        assert self._frames is not None
        frame = next(self._frames, None)
        if frame is None and self._shown:
            if self._origin is not None:
                self._origin += self._position + self._interval
            self._begin()
            frame = next(self._frames, None)
        if frame is None:
            raise self._unusable("it has no picture")
        if frame.pts is None or frame.time_base is None:
            self._position = self._shown * self._interval
        else:
            if self._first_pts is None:
                self._first_pts = frame.pts
            self._position = float((frame.pts - self._first_pts) * frame.time_base)
        self._shown += 1
        self._pending = frame

    def _unusable(self, reason: str) -> DeviceError:
        return DeviceError(
            "device.camera.file",
            say(
                "The video file {path} can't be used: {reason}. Choose another one.",
                path=self._path,
                reason=reason,
            ),
        )

    def close(self) -> None:
        self._frames = None
        self._pending = None
        self._origin = None
        self._shown = 0
        self._position = 0.0
        container, self._container = self._container, None
        if container is not None:
            container.close()


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
