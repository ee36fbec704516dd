"""Where the mix goes: a sound card, a WAV file, the sequence's detector, or nowhere.

The playout thread asks a speaker when it wants the next frame and hands it over. A sound card
asks at its own pace, through the ring that its callback empties; the others keep real time.
"""

from __future__ import annotations

import struct
import time
from typing import Any, Protocol

import numpy as np

from appliance.core import limits
from appliance.core.patience import silence_allowed
from appliance.core.words import say
from appliance.errors import DeviceError
from appliance.media.audio.devices import PortAudio, SoundDevice, Stream
from appliance.media.audio.pace import Pace
from appliance.media.audio.ring import Doorbell, Ring, Samples
from appliance.media.audio.sequence import Detector

_SILENT_FRAME = np.zeros(limits.SOUND_FRAME, np.int16)
_SKIP_MAX = 50 * 60  # frames of silence put in for a pause: a minute; who slept longer starts over


class Speaker(Protocol):
    """``label``: a person's word for it. ``underruns``: times that there was nothing to play in time."""

    label: str
    underruns: int

    @property
    def delay(self) -> float:
        """Seconds from now until the frame that `play` takes next is heard, as far as is known."""

    def wait(self, timeout: float) -> bool:
        """Wait until a frame is wanted; False after about ``timeout`` seconds without."""

    def play(self, frame: Samples) -> None:
        """Take the frame that was asked for: 960 samples."""

    def restart(self) -> None:
        """Begin now, after a time in which nothing was played on purpose."""

    def pause(self) -> None:
        """Nothing will be played for a while, and that is no underrun."""

    def close(self) -> None:
        """Give back what it holds."""


class PacedSpeaker:
    """Real time without a sound card; by itself it throws the mix away."""

    def __init__(self, label: str = "none") -> None:
        self.label = label
        self.underruns = 0
        self.delay = 0.0
        self._pace = Pace()

    def wait(self, timeout: float) -> bool:
        if not self._pace.tick(timeout):
            return False
        if self._pace.skipped:
            self.underruns += 1
            self.skip(self._pace.skipped)
        return True

    def play(self, frame: Samples) -> None:
        """Nobody hears it."""

    def skip(self, frames: int) -> None:
        """So many frames were missed."""

    def restart(self) -> None:
        self._pace.restart()

    def pause(self) -> None:
        pass

    def close(self) -> None:
        pass


class SequenceSpeaker(PacedSpeaker):
    """Listens for the known sequence in the mix."""

    def __init__(self, detector: Detector) -> None:
        super().__init__("test listener")
        self._detector = detector

    def play(self, frame: Samples) -> None:
        self._detector.feed(frame)

    def skip(self, frames: int) -> None:
        for _ in range(min(frames, _SKIP_MAX)):
            self._detector.feed(_SILENT_FRAME)


class RecordingSpeaker(PacedSpeaker):
    """Records the mix to a WAV file whose header is right at any moment, give or take a second.

    Missed frames are recorded as silence: the file keeps real time. Raises DeviceError.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path.rpartition("/")[2])
        self._path = path
        self._bytes = 0
        self._told_at = time.monotonic()
        try:
            # Unbuffered: what a full disk refused is not tried again behind our back.
            self._file = open(path, "wb", buffering=0)  # noqa: SIM115 - held until close
        except OSError as error:
            raise self._error(error) from error
        try:
            self._tell()
        except OSError as error:
            self._file.close()
            raise self._error(error) from error

    def play(self, frame: Samples) -> None:
        """Append a frame. Raises DeviceError when the file can't take it."""
        try:
            if self._bytes + frame.nbytes <= limits.RECORDING_MAX:
                self._file.write(frame.astype("<i2").tobytes())
                self._bytes += frame.nbytes
            now = time.monotonic()
            if now - self._told_at >= limits.RECORDING_FLUSH:
                self._told_at = now
                self._tell()
        except OSError as error:
            raise self._error(error) from error

    def skip(self, frames: int) -> None:
        for _ in range(min(frames, _SKIP_MAX)):
            self.play(_SILENT_FRAME)

    def _tell(self) -> None:
        """Write the header with the present sizes."""
        header = struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", 36 + self._bytes, b"WAVE", b"fmt ", 16, 1, 1),
            *(limits.SOUND_RATE, limits.SOUND_RATE * 2, 2, 16, b"data", self._bytes),
        )
        self._file.seek(0)
        self._file.write(header)
        self._file.seek(0, 2)

    def _error(self, error: OSError) -> DeviceError:
        return DeviceError(
            "sound.speaker.file",
            say(
                "The speaker's file {path} can't be written: {reason}. "
                "Make room for it, or name another one.",
                path=self._path,
                reason=str(error.strerror),
            ),
        )

    def close(self) -> None:
        try:
            self._tell()
        except OSError as error:
            raise self._error(error) from error
        finally:
            self._file.close()


class DeviceSpeaker:
    """A sound card, or what a sound server makes of one. `streams` opens it, alone or with its microphone."""

    def __init__(self, portaudio: PortAudio, device: SoundDevice) -> None:
        self.label = device.label
        self.device = device
        self.calls = 0
        self.underruns = 0
        self._ring = Ring(limits.SOUND_RING)
        self._bell = Doorbell()
        self._expecting = False  # something is being played: silence would be an underrun
        self._called_at = time.monotonic()
        self._clock = (0, self._called_at)  # samples taken from the ring, and when the next one is heard
        self._portaudio = portaudio
        self._patience = portaudio.patience
        self._used_from = self._called_at
        self._stream: Stream | None = None

    def use(self, stream: Stream) -> None:
        """Belong to a stream whose callback calls `fill`."""
        self._called_at = self._used_from = time.monotonic()
        self._stream = stream

    def fill(self, data: Any, when: Any, status: Any) -> None:
        """Give what is to be played next, on PortAudio's thread."""
        out = np.frombuffer(data, np.int16)
        ahead = min(max(0.0, when.outputBufferDacTime - when.currentTime), limits.OUTPUT_DELAY_MAX)
        count = self._ring.take(out)
        if count < len(out):
            out[count:] = 0
        if self._expecting and (count < len(out) or status.output_underflow):
            self.underruns += 1
        self._called_at = now = time.monotonic()
        self.calls += 1
        self._clock = (self._ring.taken, now + ahead + len(out) / limits.SOUND_RATE)
        self._bell.ring()

    @property
    def delay(self) -> float:
        taken, heard_at = self._clock
        return max(0.0, heard_at + (self._ring.written - taken) / limits.SOUND_RATE - time.monotonic())

    def wait(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self._ring.fill >= limits.SPEAKER_LOW:
            wait = deadline - time.monotonic()
            if wait <= 0 or not self._bell.wait(wait):
                return False
        return True

    def play(self, frame: Samples) -> None:
        self._ring.put(frame)
        self._expecting = True

    def restart(self) -> None:
        pass

    def pause(self) -> None:
        self._expecting = False

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
