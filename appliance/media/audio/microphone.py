"""Where sound comes from: a sound card, a file, the known sequence, or nowhere.

A microphone is read by the capture thread, one frame of 20 ms at a time. A sound card's stream is
opened and closed by the thread that watches the devices; its callback touches the ring only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import av
import av.audio
import numpy as np

from appliance.core import limits
from appliance.core.patience import silence_allowed
from appliance.core.words import Words, say
from appliance.errors import DeviceError
from appliance.media.audio import sequence
from appliance.media.audio.devices import PortAudio, SoundDevice, Stream
from appliance.media.audio.pace import FRAME_NS, Pace
from appliance.media.audio.ring import Doorbell, Ring, Samples


class Captured(NamedTuple):
    """960 samples, and when the first of them was at the microphone (``time.monotonic_ns()``)."""

    samples: Samples
    captured_ns: int


class Microphone(Protocol):
    """``label``: a person's word for it."""

    label: str

    def read(self, timeout: float) -> Captured | None:
        """Return the next frame; None if there is none within about ``timeout`` seconds."""

    def restart(self) -> None:
        """Begin now: what was captured up to here is nobody's business."""

    def close(self) -> None:
        """Give back what it holds."""


class NoMicrophone:
    """Nothing is captured, so nothing is sent."""

    def __init__(self, label: str = "none") -> None:
        self.label = label
        self._never = threading.Event()

    def read(self, timeout: float) -> Captured | None:
        self._never.wait(timeout)
        return None

    def restart(self) -> None:
        pass

    def close(self) -> None:
        self._never.set()


class PacedMicrophone:
    """Frames made by ``make(position)``, in real time; ``position`` counts samples, also skipped ones."""

    def __init__(
        self, label: str, make: Callable[[int], Samples], on_close: Callable[[], None] | None = None
    ) -> None:
        self.label = label
        self._make = make
        self._on_close = on_close
        self._pace = Pace()

    def read(self, timeout: float) -> Captured | None:
        if not self._pace.tick(timeout):
            return None
        captured_ns = self._pace.due_ns - FRAME_NS
        return Captured(self._samples((self._pace.index - 1) * limits.SOUND_FRAME, captured_ns), captured_ns)

    def _samples(self, position: int, _captured_ns: int) -> Samples:
        return self._make(position)

    def restart(self) -> None:
        self._pace.restart()

    def close(self) -> None:
        if self._on_close is not None:
            self._on_close()


def test_microphone(band: int, voices: int = 0) -> PacedMicrophone:  # noqa: PT028 - no test
    """The known sequence in one of its bands; ``voices``: so many take turns, in a room with faint noise."""

    def make(position: int) -> Samples:
        return sequence.generate(band, position, limits.SOUND_FRAME)

    label = f"test sequence {band}"
    return _TurnMicrophone(label, make, band, voices) if voices else PacedMicrophone(label, make)


test_microphone.__test__ = False  # type: ignore[attr-defined]  # pytest: its name, not its nature


class _TurnMicrophone(PacedMicrophone):
    """A voice where it is its turn, and faint noise all the time."""

    def __init__(self, label: str, make: Callable[[int], Samples], band: int, voices: int) -> None:
        super().__init__(label, make)
        self._band = band
        self._voices = voices
        amplitude = 32768.0 * 10 ** (limits.TEST_ROOM_DBOV / 20)
        noise = np.random.default_rng(band).standard_normal(
            (limits.SOUND_RATE // limits.SOUND_FRAME, limits.SOUND_FRAME)
        )
        self._noise: Samples = (amplitude * noise).astype(np.int16)  # a second of it

    def _samples(self, position: int, captured_ns: int) -> Samples:
        noise: Samples = self._noise[self._pace.index % len(self._noise)]
        if not sequence.is_turn(captured_ns, self._band, self._voices):
            return noise
        return self._make(position) + noise


def file_microphone(path: str) -> PacedMicrophone:
    """The sound of a file that PyAV can open, again and again. Raises DeviceError."""
    loop = _FileLoop(path)
    return PacedMicrophone(loop.label, loop.take, loop.close)


class _FileLoop:
    """Decodes a file to 48 kHz mono, a frame at a time, from the start again at its end."""

    def __init__(self, path: str) -> None:
        self.label = path.rpartition("/")[2]
        self._path = path
        self._fifo = av.AudioFifo()
        try:
            self._container = av.open(path)
        except (OSError, av.FFmpegError) as error:
            sentence = say(
                "The microphone's file {path} can't be opened ({reason}). Put another one there.",
                path=path,
                reason=type(error).__name__,
            )
            raise _error(sentence) from error
        if not self._container.streams.audio:
            self._container.close()
            raise _error(_no_sound_in(self._path))
        self._frames = self._decode()

    def take(self, _position: int) -> Samples:
        """Return the next frame. Raises DeviceError when the file can't be read any more."""
        passes = 0
        while self._fifo.samples < limits.SOUND_FRAME:
            try:
                frame = next(self._frames, None)
                if frame is None:
                    passes += 1
                    if passes > 1:  # it ended twice without a frame's worth between
                        raise _error(_no_sound_in(self._path))
                    self._container.seek(0)
                    self._frames = self._decode()
                    continue
            except (OSError, av.FFmpegError) as error:
                sentence = say(
                    "The microphone's file {path} can't be read ({reason}). Put another one there.",
                    path=self._path,
                    reason=type(error).__name__,
                )
                raise _error(sentence) from error
            frame.pts = None  # the loop's seam is no gap
            self._fifo.write(frame)
        read = self._fifo.read(limits.SOUND_FRAME)
        assert isinstance(read, av.AudioFrame)
        return np.ascontiguousarray(read.to_ndarray().reshape(-1), dtype=np.int16)

    def _decode(self) -> Iterator[av.AudioFrame]:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=limits.SOUND_RATE)
        for frame in self._container.decode(audio=0):
            yield from resampler.resample(frame)
        yield from resampler.resample(None)

    def close(self) -> None:
        self._frames = iter(())
        self._container.close()


class DeviceMicrophone:
    """A sound card, or what a sound server makes of one. `duplex` opens it together with its speaker."""

    def __init__(self, portaudio: PortAudio, device: SoundDevice) -> None:
        self.label = device.label
        self.device = device
        self.calls = 0
        self.overruns = 0  # times that the sound card's own buffer was full
        self._ring = Ring(limits.SOUND_RING)
        self._bell = Doorbell()
        self._stamp = (0, time.monotonic_ns())  # (samples ever captured, when the last of them was)
        self._called_at = time.monotonic()
        self._portaudio = portaudio
        self._patience = portaudio.patience
        self._used_from = self._called_at
        self._stream: Stream | None = None

    def use(self, stream: Stream) -> None:
        """Belong to a stream whose callback calls `captured`."""
        self._called_at = self._used_from = time.monotonic()
        self._stream = stream

    def captured(self, data: Any, when: Any, status: Any) -> None:
        """Take what was captured, on PortAudio's thread."""
        samples = np.frombuffer(data, np.int16)
        age = max(0.0, when.currentTime - when.inputBufferAdcTime)  # of the first sample
        now = time.monotonic_ns()
        self._ring.put(samples)
        first_ns = now - int(min(age, limits.JITTER_CAP) * 1e9)
        self._stamp = (self._ring.written, first_ns + len(samples) * 1_000_000_000 // limits.SOUND_RATE)
        self._called_at = now / 1e9
        self.calls += 1
        if status.input_overflow:
            self.overruns += 1
        self._bell.ring()

    def read(self, timeout: float) -> Captured | None:
        deadline = time.monotonic() + timeout
        while self._ring.fill < limits.SOUND_FRAME:
            wait = deadline - time.monotonic()
            if wait <= 0 or not self._bell.wait(wait):
                return None
        samples = np.empty(limits.SOUND_FRAME, np.int16)
        self._ring.take(samples)
        captured, captured_ns = self._stamp
        behind = captured - self._ring.taken + limits.SOUND_FRAME
        return Captured(samples, captured_ns - behind * 1_000_000_000 // limits.SOUND_RATE)

    def restart(self) -> None:
        self._ring.clear()

    @property
    def alive(self) -> bool:
        """Does the sound card still call back?"""
        stream = self._stream
        now = time.monotonic()
        allowed = silence_allowed(self._patience, now - self._used_from)
        return stream is not None and stream.active and now - self._called_at < allowed

    def close(self) -> None:
        """Close the stream, and with it the other end of one that goes both ways."""
        if self._stream is not None:
            self._portaudio.close(self._stream)


def _no_sound_in(path: str) -> Words:
    return say("The microphone's file {path} has no sound in it. Put another one there.", path=path)


def _error(sentence: Words) -> DeviceError:
    return DeviceError("sound.microphone.file", sentence)
