"""WebRTC's audio processing module, out of the library in the `livekit` wheel.

Only the library is used, not the Python package: importing that brings protobuf and a whole client. Four
requests are all there is, so their protobuf messages are written here by hand. What was found of the library:
it opens no connection and no device; with its first request it starts a runtime of three threads that
sleep until the process ends; a request that is not exactly 10 ms long aborts the process.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core import limits
from appliance.errors import DeviceError
from appliance.media.audio.ring import Samples

log = logging.getLogger(__name__)

_PART = limits.SOUND_RATE // 100  # samples of 10 ms, the only size that the module takes
_NEW, _FORWARD, _REVERSE = 50, 51, 52  # fields of the library's FfiRequest
_EVENT_PANIC = 20  # field of its FfiEvent


class AudioProcessing:
    """Echo canceller, noise suppression, automatic gain and high-pass filter of one microphone.

    For one thread. ``delay_ns``: how much later a sound leaves `forward` than it went in, measured. Raises
    DeviceError when the library is not there, or fails.
    """

    def __init__(self, *, echo: bool, noise: bool, gain: bool) -> None:
        flags = _field(1, echo) + _field(2, gain) + _field(3, 1) + _field(4, noise)
        self._library = _load()
        self._handle = _new_handle(self._library.request(_message(_NEW, flags)))
        samples = {(True, True): 718, (True, False): 430, (False, True): 334, (False, False): 46}[echo, noise]
        self.delay_ns = samples * 1_000_000_000 // limits.SOUND_RATE
        # The module works in place, on 10 ms at a time: always here, so that a request is written once.
        self._frame = np.zeros(limits.SOUND_FRAME, np.int16)
        self._requests = {field: self._parts(field) for field in (_FORWARD, _REVERSE)}

    def _parts(self, field: int) -> list[bytes]:
        starts = range(self._frame.ctypes.data, self._frame.ctypes.data + self._frame.nbytes, _PART * 2)
        sound = _field(3, _PART * 2) + _field(4, limits.SOUND_RATE) + _field(5, 1)
        return [_message(field, _field(1, self._handle) + _field(2, start) + sound) for start in starts]

    def forward(self, captured: Samples) -> Samples:
        """Return 20 ms without echo and noise, ``delay_ns`` later than they were captured."""
        self._process(_FORWARD, captured)
        return self._frame.copy()

    def reverse(self, played: Samples) -> None:
        """Take 20 ms that are going to be played."""
        self._process(_REVERSE, played)

    def _process(self, field: int, samples: Samples) -> None:
        self._frame[:] = samples
        for request in self._requests[field]:
            if (
                len(self._library.request(request)) > 3
            ):  # its tag and an empty message; else an error is in it
                raise DeviceError("sound.processing.failed", _FAILED)

    def close(self) -> None:
        """Give the module back; it can't be used any more."""
        handle, self._handle = self._handle, 0
        if handle:
            self._library.drop(handle)


_FAILED = "Echo control stopped working, so others may hear themselves. Start the box again."


class _Library:
    """The loaded library; one in a process."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        on_event = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_uint8), ctypes.c_size_t)
        self._on_event = on_event(self._event)  # kept: the library calls it as long as it lives
        self._broken = False
        library.livekit_ffi_initialize.argtypes = [on_event, ctypes.c_bool, ctypes.c_char_p, ctypes.c_char_p]
        library.livekit_ffi_initialize.restype = None
        self._request = library.livekit_ffi_request
        self._request.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.POINTER(ctypes.c_void_p),
            ctypes.POINTER(ctypes.c_size_t),
        ]
        self._request.restype = ctypes.c_uint64
        self.drop: Any = library.livekit_ffi_drop_handle
        self.drop.argtypes = [ctypes.c_uint64]
        self.drop.restype = ctypes.c_bool
        library.livekit_ffi_initialize(self._on_event, False, b"meetingbox", b"1")

    def _event(self, data: Any, size: int) -> None:
        """On one of the library's threads."""
        if ctypes.string_at(data, min(size, 2)) == _varint(_EVENT_PANIC << 3 | 2):
            self._broken = True

    def request(self, message: bytes) -> bytes:
        """Return the reply to a request. Raises DeviceError once the library has panicked."""
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        handle = 0 if self._broken else self._request(message, len(message), data, size)
        if not handle:
            raise DeviceError("sound.processing.failed", _FAILED)
        reply = ctypes.string_at(data, size.value)
        self.drop(handle)
        return reply


_loaded: _Library | None = None
_loading = threading.Lock()


def _load() -> _Library:
    global _loaded
    with _loading:
        if _loaded is None:
            path = library_path()
            try:
                if path is None:
                    raise OSError("the package livekit is not installed")
                _loaded = _Library(path)
            except (OSError, AttributeError) as error:
                log.warning("no audio processing module: %s", error)
                raise DeviceError(
                    "sound.processing.missing",
                    "The audio processing module is missing, so echo control works with its own filter alone "
                    "and noise is not suppressed. Install the Python package livekit and restart.",
                ) from error
        return _loaded


def library_path() -> Path | None:
    """Return where the library is, None where it is not installed; nothing is loaded."""
    spec = importlib.util.find_spec("livekit")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / "rtc" / "resources" / "liblivekit_ffi.so"
        if path.is_file():
            return path
    return None


# --- Protobuf: as much as four requests need ---------------------------------------------------------


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(int(value))


def _message(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _new_handle(reply: bytes) -> int:
    """Read FfiResponse.new_apm.apm.handle.id: four messages in each other, and a number."""
    at = 0

    def read() -> int:
        nonlocal at
        number = shift = 0
        while True:
            if at >= len(reply):
                raise DeviceError("sound.processing.failed", _FAILED)
            byte = reply[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    for expected in (49 << 3 | 2, 1 << 3 | 2, 1 << 3 | 2, 1 << 3):
        if read() != expected:
            raise DeviceError("sound.processing.failed", _FAILED)
        if expected & 7 == 2:
            read()  # a length
    return read()
