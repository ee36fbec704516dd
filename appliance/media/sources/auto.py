"""``auto``: the best camera that is there.

The Raspberry Pi's own camera comes first, then the first usable ``/dev/video*``. The choice is made
anew each time the camera is opened, so a camera that is plugged in later is found.
"""

from __future__ import annotations

import contextlib

from appliance.core.words import say
from appliance.errors import DeviceError
from appliance.media.sources import picamera, v4l2
from appliance.media.sources.source import CapturedFrame, Source, Wanted, every

NOTHING_FOUND = say("No camera was found. Plug in a USB camera: it is picked up by itself.")


class AutoSource:
    """Stands for the camera it has chosen. ``folder``: where the device nodes are."""

    def __init__(self, folder: str = "/dev") -> None:
        self._folder = folder
        self._chosen: Source | None = None
        self._label = "Camera"
        self._size: tuple[int, int] | None = None

    @property
    def label(self) -> str:
        return self._chosen.label if self._chosen is not None else self._label

    def probe(self) -> None:
        self._label = self._candidates()[0].label

    def open(self) -> None:
        self.close()
        failure: DeviceError | None = None
        for candidate in self._candidates():
            try:
                candidate.open()
            except DeviceError as error:
                candidate.close()
                failure = failure or error
                continue
            if self._size is not None:
                candidate.want_size(*self._size)
            self._chosen = candidate
            return
        assert failure is not None
        raise failure

    def want_size(self, width: int, height: int) -> None:
        self._size = (width, height)
        if self._chosen is not None:
            self._chosen.want_size(width, height)

    def read(self, wanted: Wanted = every) -> CapturedFrame | None:
        assert self._chosen is not None, "read() of a source that is not open"
        return self._chosen.read(wanted)

    def close(self) -> None:
        if self._chosen is not None:
            self._label = self._chosen.label
            self._chosen.close()
            self._chosen = None

    def _candidates(self) -> list[Source]:
        """The cameras that are there, best first; DeviceError if there are none."""
        found: list[Source] = []
        if picamera.cameras():
            found.append(picamera.PiCameraSource())
        found += [v4l2.V4l2Source(device.path) for device in v4l2.cameras(self._folder)]
        if not found:
            raise DeviceError("device.camera.missing", NOTHING_FOUND)
        for source in found:
            with contextlib.suppress(DeviceError):
                source.probe()  # fills in its label
        return found
