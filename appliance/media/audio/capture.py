"""The capture thread: from the microphone to Opus packets.

Silence is not sent (discontinuous transmission): what `appliance.core.silence` takes for sound goes out
in talk spurts. A spurt begins with the frame before its first sound, which may hold a word's beginning, and
ends with a packet of one octet, which says "silence from here" (RFC 6716 section 3.2.1). Between spurts
nothing is encoded: the encoder goes on exactly where the listeners' decoders are.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from appliance.core import limits
from appliance.core.silence import SilenceDetector
from appliance.errors import DeviceError
from appliance.media.audio.level import BANDS, SILENCE_DBOV, band_levels, level_dbov
from appliance.media.audio.microphone import Captured, Microphone
from appliance.media.audio.opus import Encoder, end_of_spurt
from appliance.media.audio.pace import FRAME_NS
from appliance.media.audio.processing import Processing
from appliance.media.audio.ring import Samples
from appliance.media.audio.watch import Side
from appliance.media.priority import be_nice


@dataclass(frozen=True, slots=True)
class EncodedSound:
    """One Opus packet of 20 ms, encoded once for everybody; of one octet at the end of a talk spurt.

    ``timestamp``: RTP, 48 kHz, 32 bits; it follows the capture time, so that it leaps over time in
    which nothing was sent. ``level_dbov``: RFC 6464, 0 to 127. ``captured_ns``: when the first
    sample was at the microphone, ``time.monotonic_ns()``.
    """

    data: bytes
    timestamp: int
    level_dbov: int
    captured_ns: int

    @property
    def ends_spurt(self) -> bool:
        """There is no sound in it, only that none follows."""
        return len(self.data) == 1


Tap = Callable[[Captured, Samples | None], None]
"""Called on the capture thread with a frame, and with what is left of it after echo cancelling."""


class MediaClock:
    """RTP timestamps from capture times: steady where those jitter, leaping where sound is missing.

    Small holes add up: many that are each no leap are one together, or listeners would take what follows
    for later and later. A drift between two clocks is none: it is followed.
    """

    def __init__(self) -> None:
        self._due_ns: int | None = None  # when the next frame is captured, if nothing is missing
        self._timestamp = 0

    def timestamp(self, captured_ns: int) -> int:
        """Return the timestamp of the frame captured at ``captured_ns``. Never goes back."""
        if self._due_ns is None:
            self._due_ns = captured_ns
        else:
            self._timestamp += limits.SOUND_FRAME
        late_ns = captured_ns - self._due_ns
        if late_ns >= limits.SOUND_GAP * 1e9:
            self._timestamp += round(late_ns * limits.SOUND_RATE / 1e9)
            self._due_ns = captured_ns
        elif late_ns <= -limits.SOUND_GAP * 1e9:
            self._due_ns = captured_ns  # another sound card, whose clock begins elsewhere
        else:
            self._due_ns += late_ns // limits.SOUND_GAP_FRAMES
        self._due_ns += FRAME_NS
        return self._timestamp & 0xFFFFFFFF


class Capture:
    """Encodes what is to be heard while active and not muted; ``on_sound`` is called on the capture thread,
    and for the end of a spurt on the thread that mutes.

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
        self._silence = SilenceDetector(BANDS)
        self._before: tuple[Captured, int] | None = None  # the last frame of silence, and its timestamp
        self._last: EncodedSound | None = None  # while a talk spurt lasts
        self._gate = threading.RLock()  # held while a frame is encoded and handed out
        self._active = False
        self._muted = False
        self._open_since_ns = 0  # only what was captured from here on may leave
        self.expected_loss = limits.SOUND_EXPECTED_LOSS  # percent
        self._running = True
        self._wake = threading.Event()
        self._tap: Tap | None = None
        self._read_from: Microphone | None = None
        self.levels: deque[int] = deque(maxlen=limits.LEVELS_MAX)  # of the packets since they were looked at
        self.sent = 0  # packets
        self.silent = 0  # frames that were not worth one
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
            is_open = active and not muted
            if is_open and not was_open:
                self._open_since_ns = time.monotonic_ns() + int(limits.SOUND_OPEN_AFTER * 1e9)
                self._encoder.reset()
            elif was_open and not is_open:
                self._before = None
                self._end_spurt()
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
        self.expected_loss = percent

    def _run(self) -> None:
        be_nice(limits.SOUND_NICE)
        while self._running:
            if not self._wake.is_set():
                self._wake.wait()
                self._side.current().restart()
                self._processing.restart()
                continue
            microphone = self._side.current()
            if microphone is not self._read_from:  # what was played meanwhile belongs to none of its frames
                self._read_from = microphone
                self._processing.restart()
            try:
                frame = microphone.read(limits.SOUND_WAIT)
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
                timestamp = self._clock.timestamp(frame.captured_ns)
                if self._active and not self._muted and frame.captured_ns >= self._open_since_ns:
                    self._take(frame, timestamp)

    def _take(self, frame: Captured, timestamp: int) -> None:
        if self._silence.hear(band_levels(frame.samples)):
            if self._before is not None:
                if (timestamp - self._before[1]) & 0xFFFFFFFF == limits.SOUND_FRAME:  # not before a hole
                    self._send(*self._before)
                self._before = None
            self._send(frame, timestamp)
            return
        self.silent += 1
        if self._last is not None:
            self._end_spurt()  # with this frame's timestamp: it can't be sent any more
        else:
            self._before = (frame, timestamp)

    def _send(self, frame: Captured, timestamp: int) -> None:
        self._encoder.expect_loss(self.expected_loss)
        data = self._encoder.encode(frame.samples)
        self._hand_out(EncodedSound(data, timestamp, level_dbov(frame.samples), frame.captured_ns))

    def _hand_out(self, sound: EncodedSound) -> None:
        self._last = None if sound.ends_spurt else sound
        self.levels.append(sound.level_dbov)
        self.sent += 1
        self._on_sound(sound)

    def _end_spurt(self) -> None:
        if (last := self._last) is not None:
            timestamp = (last.timestamp + limits.SOUND_FRAME) & 0xFFFFFFFF
            end = end_of_spurt(last.data)
            self._hand_out(EncodedSound(end, timestamp, SILENCE_DBOV, last.captured_ns + FRAME_NS))
