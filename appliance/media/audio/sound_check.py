"""Playing the sound check's chirps and recording what comes back: through the box's own threads.

The program is one more voice in the mix and the recording a tap of the capture thread, so the
chirps go the way of every sound, echo cancelling included. What they mean is said by
`appliance.core.sound_check`.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np

from appliance.core import limits
from appliance.core.sound_check import DELAY_MAX, PROGRAM, RATE, Outcome, Report, analyse, program
from appliance.media.audio import speakerphones
from appliance.media.audio.capture import Capture
from appliance.media.audio.level import SILENCE_DBOV, level_dbov
from appliance.media.audio.microphone import Captured
from appliance.media.audio.pace import FRAME_NS
from appliance.media.audio.playout import Playout
from appliance.media.audio.ring import Samples
from appliance.media.audio.watch import Side

_FRAMES = -(-(PROGRAM + int(DELAY_MAX * RATE)) // limits.SOUND_FRAME)  # until the last chirp's latest echo


class Check:
    """One check: the program as a voice of the mix (playout thread), what is heard of it (capture thread)."""

    def __init__(self, *, one_device: bool, self_cancelling: bool) -> None:
        self._one_device = one_device
        self._self_cancelling = self_cancelling
        self._over = threading.Event()
        self._stopped = False
        self._began_ns: int | None = None
        self._position = 0
        self._heard: list[Samples] = []
        self._cleaned: list[Samples] = []
        self._late_ns: list[int] = []  # how much later than the program's beginning each frame's place is

    def wait(self) -> None:
        """Return when all is recorded, after `stop`, or when the devices took too long (any thread)."""
        if not self._over.wait(limits.SOUND_CHECK_WITHIN):
            self._over.set()

    def stop(self) -> None:
        """Record no more."""
        self._stopped = not self._over.is_set()
        self._over.set()

    @property
    def interrupted(self) -> bool:
        """Was it stopped before everything was recorded?"""
        return self._stopped

    def report(self) -> Report:
        """Say what was found; takes some tens of milliseconds (any thread)."""
        late = round(float(np.median(self._late_ns)) * RATE / 1e9) if self._late_ns else 0
        heard, cleaned = list(self._heard), list(self._cleaned)
        return analyse(
            _placed(heard, late),
            _placed(cleaned, late) if cleaned and len(cleaned) == len(heard) else None,
            one_device=self._one_device,
            self_cancelling=self._self_cancelling,
        )

    def pull(self, _now: float, _output_delay: float = 0.0) -> Samples | None:
        """Return the next 20 ms of the program; None when it is over (playout thread)."""
        if self._began_ns is None:
            self._began_ns = time.monotonic_ns()
        start, self._position = self._position, self._position + limits.SOUND_FRAME
        return program()[start : self._position] if self._position <= PROGRAM else None

    def hear(self, samples: Samples, cleaned: Samples | None) -> None:
        """Take a frame of the microphone's, and what is left of it after cancelling (capture thread)."""
        if self._began_ns is None or self._over.is_set():
            return
        first_ns = time.monotonic_ns() - FRAME_NS
        self._late_ns.append(first_ns - self._began_ns - len(self._heard) * FRAME_NS)
        self._heard.append(samples)
        if cleaned is not None:
            self._cleaned.append(cleaned)
        if len(self._heard) >= _FRAMES:
            self._over.set()


def _placed(frames: list[Samples], late: int) -> Samples:
    """The frames as one recording that begins ``late`` samples before the first of them."""
    return np.concatenate([np.zeros(max(late, 0), np.int16), *frames])[max(-late, 0) :]


class SoundCheck:
    """The microphone's level while somebody looks, and the checks; not while the box is in a meeting.

    For the thread that owns the engine.
    """

    def __init__(self, capture: Capture, playout: Playout, microphone: Side[Any], speaker: Side[Any]) -> None:
        self._capture = capture
        self._playout = playout
        self._microphone = microphone
        self._speaker = speaker
        self._listening = False
        self._loudest = SILENCE_DBOV  # since the level was asked for
        self._check: Check | None = None

    def listen(self, on: bool) -> None:
        """Have the microphone's level known, or not any more."""
        self._listening = on
        self._loudest = SILENCE_DBOV
        self._tap()

    def level_dbov(self) -> int:
        """The loudest frame since the last call: 0 to 127 (silence)."""
        loudest, self._loudest = self._loudest, SILENCE_DBOV
        return loudest

    @property
    def obstacle(self) -> Report | None:
        """What makes a check pointless: a device is missing."""
        for side, outcome in (
            (self._microphone, Outcome.NO_MICROPHONE),
            (self._speaker, Outcome.NO_SPEAKER),
        ):
            if side.spec.how == "none" or side.opened is None:
                return Report(outcome)
        return None

    def begin(self) -> Check:
        """Play the chirps and record. `end` belongs to it, whatever comes of it."""
        self.end()
        ear = getattr(self._microphone.opened, "device", None)
        self._check = Check(
            one_device=self._one_device(),
            self_cancelling=ear is not None and speakerphones.cancels_itself(ear),
        )
        self._tap()
        self._playout.set_solo(self._check)
        return self._check

    def end(self) -> None:
        """Stop playing and recording, if a check is going on."""
        check, self._check = self._check, None
        if check is None:
            return
        check.stop()
        self._playout.set_solo(None)
        self._tap()

    def _one_device(self) -> bool:
        """Is it a speakerphone? What is behind a sound server is not known."""
        ends = [getattr(side.opened, "device", None) for side in (self._microphone, self._speaker)]
        clocks = {end.clock for end in ends if end is not None and not end.on_server}
        return len(clocks) == 1 and None not in ends

    def _tap(self) -> None:
        wanted = self._listening or self._check is not None
        self._capture.set_tap(self._hear if wanted else None)

    def _hear(self, frame: Captured, cleaned: Samples | None) -> None:
        """On the capture thread."""
        self._loudest = min(self._loudest, level_dbov(frame.samples))
        if (check := self._check) is not None:
            check.hear(frame.samples, cleaned)
