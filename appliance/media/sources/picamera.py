"""The Raspberry Pi's camera through picamera2, which is imported here and nowhere else.

picamera2 comes from Raspberry Pi's apt archive (``apt install python3-picamera2``), beside the
libcamera of the system. It can hang in the kernel: this runs in the camera process, and the
supervisor kills that.
"""

from __future__ import annotations

import importlib.util
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import av

from appliance.core.limits import CAMERA_READ_WAIT
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

BUFFERS = 4  # libcamera's for video is 6; a picture is copied out at once, fewer are less delay
FRAME_US = 1_000_000 // CAPTURE_FPS


def installed() -> bool:
    """Whether picamera2 can be imported at all; looking costs no import."""
    return importlib.util.find_spec("picamera2") is not None


def cameras() -> list[dict[str, Any]]:
    """Return picamera2's descriptions of the cameras on the CSI ports, empty without picamera2."""
    if not installed():
        return []
    try:
        from picamera2 import Picamera2
    except Exception:  # its own dependencies (libcamera) may be missing or of another version
        return []
    # USB cameras are listed too; they are better served by v4l2.
    return [info for info in Picamera2.global_camera_info() if "usb" not in str(info.get("Id", "")).lower()]


class PiCameraSource:
    """The first camera on a CSI port."""

    def __init__(self) -> None:
        self._label = "Raspberry Pi camera"
        self._camera: Any = None
        self._job: Any = None  # a picture that was asked for and has not come yet

    @property
    def label(self) -> str:
        return self._label

    def probe(self) -> None:
        self._info()

    def _info(self) -> dict[str, Any]:
        if not installed():
            raise DeviceError(
                "device.camera.library",
                say("The Raspberry Pi's camera needs picamera2. Install it: apt install python3-picamera2."),
            )
        found = cameras()
        if not found:
            raise DeviceError(
                "device.camera.missing",
                say("The Raspberry Pi's camera was not found. Check its ribbon cable, then restart the box."),
            )
        model = str(found[0].get("Model", "")).strip()
        self._label = f"Raspberry Pi camera {model}".strip()
        return found[0]

    def open(self) -> None:
        info = self._info()
        try:
            from libcamera import ColorSpace
            from picamera2 import Picamera2

            camera = Picamera2(int(info.get("Num", 0)))
            self._camera = camera
            # One colour space for every source: no conversion between here and the encoder.
            configuration = camera.create_video_configuration(
                main={"size": (CAPTURE_WIDTH, CAPTURE_HEIGHT), "format": "YUV420"},
                controls={"FrameDurationLimits": (FRAME_US, FRAME_US)},
                colour_space=ColorSpace.Smpte170m(),
                buffer_count=BUFFERS,
                queue=False,  # no picture kept back: the next one taken is a fresh one
            )
            camera.configure(configuration)
            camera.start()
        except Exception as error:  # libcamera's bindings raise RuntimeError for nearly everything
            raise DeviceError(
                "device.camera.failed",
                say(
                    "The Raspberry Pi's camera can't be started: {reason}. Is another program using it?",
                    reason=str(error),
                ),
            ) from error

    def want_size(self, width: int, height: int) -> None:
        """A camera keeps its size: changing it would interrupt the picture."""

    def read(self, wanted: Wanted = every) -> CapturedFrame | None:
        try:
            if self._job is None:
                self._job = self._camera.capture_request(wait=False)
            try:
                request = self._job.get_result(timeout=CAMERA_READ_WAIT)
            except FutureTimeoutError:
                return None
            self._job = None
            try:
                captured_ns = self._captured_ns(request.get_metadata().get("SensorTimestamp"))
                if not wanted(captured_ns):
                    return None
                array = request.make_array("main")  # a copy; libcamera gets its buffer back below
            finally:
                request.release()
        except DeviceError:
            raise
        except Exception as error:
            raise DeviceError(
                "device.camera.failed",
                say("The Raspberry Pi's camera stopped: {reason}. It is being restarted.", reason=str(error)),
            ) from error
        # Rows may be padded: the array is as wide as a row of the buffer.
        frame = av.VideoFrame.from_numpy_buffer(array, format="yuv420p", width=CAPTURE_WIDTH)
        return CapturedFrame(frame, captured_ns)

    @staticmethod
    def _captured_ns(stamp: int | None) -> int:
        """libcamera stamps with CLOCK_BOOTTIME, which runs on while the machine sleeps; ours does not."""
        now = time.monotonic_ns()
        if stamp is None:
            return now
        captured = stamp - (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - now)
        return captured if 0 <= now - captured < 2_000_000_000 else now

    def close(self) -> None:
        self._job = None
        camera, self._camera = self._camera, None
        if camera is not None:
            try:
                camera.stop()
                camera.close()
            except Exception:  # noqa: S110 - it is being given up; the next open says what is wrong
                pass
