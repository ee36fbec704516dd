"""The capture thread: from the microphone to Opus packets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from appliance.core import limits
from appliance.errors import DeviceError
from appliance.media.audio.level import level_dbov
from appliance.media.audio.microphone import Captured, Microphone
from appliance.media.audio.opus import Encoder
from appliance.media.audio.pace import FRAME_NS
from appliance.media.audio.processing import Processing
from appliance.media.audio.ring import Samples
from appliance.media.audio.watch import Side


@dataclass(frozen=True, slots=True)
class EncodedSound:
    """One Opus packet of 20 ms, encoded once for everybody.

    ``timestamp``: RTP, 48 kHz, 32 bits; it follows the capture time, so that it leaps over time in
    which nothing was sent. ``level_dbov``: RFC 6464, 0 to 127. ``captured_ns``: when the first
    sample was at the microphone, ``time.monotonic_ns()``.
    """

    data: bytes
    timestamp: int
    level_dbov: int
    captured_ns: int


Tap = Callable[[Captured, Samples | None], None]
"""Called on the capture thread with a frame, and with what is left of it after echo cancelling."""


class MediaClock:
    """RTP timestamps from capture times: steady where those jitter, leaping where sound is missing."""

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._timestamp = 0

    def timestamp(self, captured_ns: int) -> int:
        """Return the timestamp of the frame captured at ``captured_ns``. Never goes back."""
        if self._last_ns is not None:
            gap_ns = captured_ns - self._last_ns - FRAME_NS
            self._timestamp += limits.SOUND_FRAME
            if gap_ns > limits.SOUND_GAP * 1e9:
                self._timestamp += round(gap_ns * limits.SOUND_RATE / 1e9)
        self._last_ns = captured_ns
        return self._timestamp & 0xFFFFFFFF


class Capture:
    """Encodes while active and not muted; ``on_sound`` is called on the capture thread.

    Once `set_muted` or `set_active` has returned, nothing captured before an opening or after a
    closing is handed out, ever.
    """

    def __init__(
        self,
        side: Side[Microphone],
        processing: Processing,
        on_sound: Callable[[EncodedSound], None],
        on_failure: Callable[[], None],
    ) -> None:
        self._side = side
        self._processing = processing
        self._on_sound = on_sound
        self._on_failure = on_failure
        self._encoder = Encoder()
        self._clock = MediaClock()
        self._gate = threading.RLock()  # held while a frame is encoded and handed out
        self._active = False
        self._muted = False
        self._open_since_ns = 0  # only what was captured from here on may leave
        self._expected_loss = limits.SOUND_EXPECTED_LOSS
        self._running = True
        self._wake = threading.Event()
        self._tap: Tap | None = None
        self.sent = 0
        self._thread = threading.Thread(target=self._run, name="sound-capture", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._running = False
        self._wake.set()
        self._thread.join(limits.SOUND_STOP)

    def set_active(self, active: bool) -> None:
        self._set(active, self._muted)

    def set_muted(self, muted: bool) -> None:
        self._set(self._active, muted)

    def _set(self, active: bool, muted: bool) -> None:
        with self._gate:
            was_open = self._active and not self._muted
            self._active, self._muted = active, muted
            if active and not muted and not was_open:
                self._open_since_ns = time.monotonic_ns()
                self._encoder.reset()
        self._wake_or_sleep()

    def set_tap(self, tap: Tap | None) -> None:
        """Have every frame shown, also while nothing is sent and while muted. It stays in this box."""
        self._tap = tap
        self._wake_or_sleep()

    def _wake_or_sleep(self) -> None:
        if self._active or self._tap is not None:
            self._wake.set()
        else:
            self._wake.clear()

    def expect_loss(self, percent: int) -> None:
        """Tune the FEC to the loss that receivers report, in percent."""
        self._expected_loss = percent

    def _run(self) -> None:
        while self._running:
            if not self._wake.is_set():
                self._wake.wait()
                self._side.current().restart()
                self._processing.restart()
                continue
            try:
                frame = self._side.current().read(limits.SOUND_WAIT)
            except DeviceError as error:
                self._side.fail(error)
                self._on_failure()
                continue
            if frame is None:
                continue
            captured, frame = frame, self._processing.clean(frame)  # while muted too: it goes on learning
            if (tap := self._tap) is not None:
                tap(captured, frame.samples if self._processing.plan.echo else None)
            with self._gate:
                if self._active and not self._muted and frame.captured_ns >= self._open_since_ns:
                    level = level_dbov(frame.samples)
                    self._encoder.expect_loss(self._expected_loss)
                    data = self._encoder.encode(frame.samples)
                    timestamp = self._clock.timestamp(frame.captured_ns)
                    self.sent += 1
                    self._on_sound(EncodedSound(data, timestamp, level, frame.captured_ns))
