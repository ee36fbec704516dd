"""What a picture comes from: the interface of every source, and its name in the configuration.

====================  ======================================================================
``auto``              the Raspberry Pi's camera, else the first usable ``/dev/video*``
``test``              a moving picture with a clock and a time code
``file:PATH``         a video file, looped
``v4l2:/dev/videoN``  a camera of Video4Linux
``picamera2``         the Raspberry Pi's camera, through libcamera
``none``              no camera
====================  ======================================================================

The modules of the sources are imported only when they are used: their libraries are slow to load.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from appliance.core.words import say
from appliance.errors import DeviceError

if TYPE_CHECKING:
    import av

KINDS_WITH_ARGUMENT = ("file", "v4l2")
KINDS_ALONE = ("auto", "test", "picamera2", "none")

CAPTURE_WIDTH, CAPTURE_HEIGHT, CAPTURE_FPS = 1280, 720, 30  # asked of a camera; the largest layer's


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A parsed ``[video] source``. ``argument``: the path behind the colon, else empty."""

    kind: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """A picture and when it was taken: CLOCK_MONOTONIC in nanoseconds.

    ``pixel_aspect``: the width of a pixel divided by its height; some files' pixels are not square.
    """

    frame: av.VideoFrame
    captured_ns: int
    pixel_aspect: float = 1.0


Wanted = Callable[[int], bool]
"""Whether the picture taken at that time (CLOCK_MONOTONIC in nanoseconds) is of use; asked once for each."""


def every(_captured_ns: int) -> bool:
    """Every picture is wanted."""
    return True


class Source(Protocol):
    """A camera or what stands in for one. Used by one thread of the camera process.

    Every method may raise DeviceError, whose sentence names the remedy; after one of ``open`` or
    ``read`` the source is to be closed, and may be opened again.
    """

    @property
    def label(self) -> str:
        """A person's word for the device in use."""

    def probe(self) -> None:
        """Look whether the device is there, without using it (its light stays off)."""

    def open(self) -> None:
        """Start capturing."""

    def want_size(self, width: int, height: int) -> None:
        """The largest picture that anybody wants now; a hint, before ``open`` or while open."""

    def read(self, wanted: Wanted = every) -> CapturedFrame | None:
        """Return the next picture; None if none came within CAMERA_READ_WAIT or so, or it is not wanted.

        What is not wanted is neither drawn nor decoded, where it can be left out.
        """

    def close(self) -> None:
        """Stop capturing; never raises, and may be called at any time."""


def parse_source(text: str) -> SourceSpec:
    """Parse the configuration's word for a source; DeviceError says what was expected."""
    kind, colon, argument = text.strip().partition(":")
    if kind in KINDS_ALONE and not colon:
        return SourceSpec(kind)
    if kind in KINDS_WITH_ARGUMENT and argument:
        return SourceSpec(kind, argument)
    raise DeviceError(
        "device.camera.source",
        say(
            "The video source “{source}” is not known. "
            "Use auto, test, none, picamera2, file:PATH or v4l2:/dev/videoN.",
            source=text,
        ),
    )


def make_source(spec: SourceSpec, label: str) -> Source:
    """Return the source for ``spec``, not yet opened. ``label`` is drawn into the test picture.

    There is nothing to make of ``none``: DeviceError.
    """
    if spec.kind == "test":
        from appliance.media.sources.pattern import PatternSource

        return PatternSource(label)
    if spec.kind == "file":
        from appliance.media.sources.file import FileSource

        return FileSource(spec.argument)
    if spec.kind == "v4l2":
        from appliance.media.sources.v4l2 import V4l2Source

        return V4l2Source(spec.argument)
    if spec.kind == "picamera2":
        from appliance.media.sources.picamera import PiCameraSource

        return PiCameraSource()
    if spec.kind == "auto":
        from appliance.media.sources.auto import AutoSource

        return AutoSource()
    raise DeviceError("device.camera.none", say("This box is configured to have no camera."))
