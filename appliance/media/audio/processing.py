"""What happens to a microphone's sound before it is encoded: echo, noise, level.

Three stages, each with what the others can't. A linear filter of our own (`echo_filter`) subtracts what
it knows of the echo, and leaves people untouched. WebRTC's module (`webrtc_apm`) takes away what is left, and
noise; the less it is left, the less it takes from a person who talks at the same time. And while only the
loudspeaker talks, the rest is turned down.

The reference is exactly what was handed to the speaker, one frame beside each of the microphone's: the
playout thread puts it in, the capture thread takes it out.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from appliance.core import limits
from appliance.errors import DeviceError
from appliance.media.audio import speakerphones
from appliance.media.audio.devices import SoundDevice
from appliance.media.audio.echo_filter import EchoFilter, Signal
from appliance.media.audio.microphone import Captured
from appliance.media.audio.ring import Samples
from appliance.media.audio.webrtc_apm import AudioProcessing

log = logging.getLogger(__name__)

_FULL_SCALE = np.float32(32768.0)


@dataclass(frozen=True, slots=True)
class Wishes:
    """``[audio] echo_control``, ``noise_suppression`` and ``automatic_gain``."""

    echo_control: str = "auto"  # "on", "off"
    noise_suppression: bool = True
    automatic_gain: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to the sound, and ``why``, in a sentence's words."""

    echo: bool
    noise: bool
    gain: bool
    why: str

    @property
    def anything(self) -> bool:
        return self.echo or self.noise or self.gain


def plan(wishes: Wishes, microphone: SoundDevice | None, speaker: SoundDevice | None) -> Plan:
    """Decide for the devices in use; None is one that is no sound card: a file, the test sequence, nothing.

    Takes a look at the card's USB descriptors: for the thread that opens devices.
    """
    noise, gain = wishes.noise_suppression, wishes.automatic_gain
    if wishes.echo_control == "on":
        return Plan(True, noise, gain, "on, as configured")
    if microphone is None:
        return Plan(False, False, False, "off: the microphone is no sound card")
    if wishes.echo_control == "off":
        return Plan(False, noise, gain, "off, as configured")
    if speaker is None:
        return Plan(False, noise, gain, "off: no loudspeaker is in use")
    same = microphone.id.partition(",")[0] == speaker.id.partition(",")[0]
    if same and speakerphones.cancels_itself(microphone):
        return Plan(False, False, gain, f"off: {microphone.label} cancels its own echo")
    return Plan(True, noise, gain, "on")


class Processing:
    """`played` is for the playout thread, `clean` for the capture thread, all else for any."""

    def __init__(self, chosen: Plan) -> None:
        self.plan = chosen
        """Replaced as a whole when the devices change; the capture thread follows."""
        self._queue: deque[Samples] = deque(maxlen=limits.ECHO_REFERENCE_MAX)
        self._stages: _Stages | None = None
        self._running: Plan | None = None  # what ``_stages`` was made for
        self._problem = ""
        self._restarting = False
        self._frames = 0
        self._busy_s = 0.0

    def played(self, mix: Samples) -> None:
        """This is handed to the speaker now: 960 samples."""
        if self.plan.echo:
            self._queue.append(mix)

    def restart(self) -> None:
        """Nothing was captured and played for a while, on purpose."""
        self._restarting = True

    def clean(self, captured: Captured) -> Captured:
        """Return the frame without echo and noise, as late as it became by that; or untouched."""
        if self.plan is not self._running:
            self._change(self.plan)
        if self._stages is None:
            return captured
        if self._restarting:
            self._restarting = False
            while len(self._queue) > 1:  # of before
                self._queue.popleft()
            self._stages.restart()
        started = time.perf_counter()
        try:
            samples = self._stages.run(captured.samples, self._queue)
        except DeviceError as error:
            self._fail(error)
            return captured
        self._frames += 1
        self._busy_s += time.perf_counter() - started
        return Captured(samples, captured.captured_ns - self._stages.delay_ns)

    def _change(self, wanted: Plan) -> None:
        self.close()
        self._running, self._problem = wanted, ""
        self._restarting = True
        if not wanted.anything:
            return
        try:
            module = AudioProcessing(echo=wanted.echo, noise=wanted.noise, gain=wanted.gain)
        except DeviceError as error:
            self._fail(error)
        else:
            self._stages = _Stages(EchoFilter() if wanted.echo else None, module)

    def _fail(self, error: DeviceError) -> None:
        """Go on without the module: its own filter takes away most of an echo."""
        log.warning("%s", error.code)
        self._problem = str(error)
        if self._stages is not None:
            self._stages.close()
        wanted = self._running
        self._stages = _Stages(EchoFilter(), None) if wanted is not None and wanted.echo else None

    def close(self) -> None:
        """Give back the module; the capture thread has ended, or is the one that calls."""
        if self._stages is not None:
            self._stages.close()
            self._stages = None

    def stats(self) -> dict[str, Any]:
        """What is on and why, and what it does: see each name."""
        chosen, stages = self.plan, self._stages
        module = stages is not None and stages.module is not None
        return {
            "echo_control": chosen.echo,
            "noise_suppression": chosen.noise and module,
            "automatic_gain": chosen.gain and module,
            "why": chosen.why,
            "problem": self._problem,
            "echo_removed_db": stages.removed_db if stages is not None else None,  # by the filter alone
            "realigned": stages.realigned if stages is not None else 0,  # frames, between the two clocks
            "process_us": round(self._busy_s / max(self._frames, 1) * 1e6, 1),  # per frame
        }


class _Stages:
    """The three of them. For the capture thread."""

    def __init__(self, echo_filter: EchoFilter | None, module: AudioProcessing | None) -> None:
        self.module = module
        self.delay_ns = module.delay_ns if module is not None else 0
        self.realigned = 0
        self._filter = echo_filter
        self._turn_down = _TurnDown()
        self._line = np.zeros(2 * limits.SOUND_FRAME, np.float32)  # what the filter left
        self._share = 0.0  # of it in the last sample
        self._kept_power = self._sound_power = 0.0
        self._owed = 0  # of the newest frames, so many were not played yet when they were wanted
        self._aligned = 0  # frames since the alignment was looked at
        self._spare = self._lack = limits.ECHO_REFERENCE_MAX  # the least that waited, and was owed, since

    def restart(self) -> None:
        self._owed = self._aligned = 0
        self._spare = self._lack = limits.ECHO_REFERENCE_MAX

    def close(self) -> None:
        if self.module is not None:
            self.module.close()

    @property
    def removed_db(self) -> float | None:
        return self._turn_down.removed_db

    def run(self, captured: Samples, queue: deque[Samples]) -> Samples:
        """Return a frame; ``queue``: what was played and not taken out yet."""
        if self._filter is None:
            assert self.module is not None
            return self.module.forward(captured)
        self._follow(queue, self._filter)
        near = captured.astype(np.float32) / _FULL_SCALE
        left = self._filter.cancel(near)
        gain = self._turn_down.decide(near, left, self._filter.echo)
        if self._turn_down.harmful:
            left = near
        samples = _to_samples(left)
        if self.module is not None:
            samples = self.module.forward(samples)
            samples = self._keep_person(left, samples)
        return self._turn_down.apply(samples, gain)

    def _keep_person(self, left: Signal, samples: Samples) -> Samples:
        """While both talk, mix some of what the filter left into what the module makes of it."""
        line = self._line
        line[: -len(left)] = line[len(left) :]
        line[-len(left) :] = left
        late = len(line) - len(left) - self.delay_ns * limits.SOUND_RATE // 1_000_000_000
        kept = line[late : late + len(left)]
        sound = samples.astype(np.float32) / _FULL_SCALE
        self._kept_power += _SMOOTH * (_power(kept) - self._kept_power)
        self._sound_power += _SMOOTH * (_power(sound) - self._sound_power)
        before, self._share = self._share, 0.0
        if self._turn_down.both:
            passed_db = 10 * np.log10((self._sound_power + _POWER_TINY) / (self._kept_power + _POWER_TINY))
            self._share = _KEPT * min(max((passed_db - _KEPT_FROM_DB) / _KEPT_RISE_DB, 0.0), 1.0)
        if before == self._share == 0.0:
            return samples
        share = np.linspace(before, self._share, len(left), dtype=np.float32)
        return _to_samples(sound + share * (kept - sound))

    # --- the reference -------------------------------------------------------------------------------

    def _follow(self, queue: deque[Samples], echo_filter: EchoFilter) -> None:
        """Put what was played beside the frame that comes now.

        Both threads have a frame every 20 ms, now and then some milliseconds late: a frame that was not
        played yet is owed, and put in its place when it comes. When too many or too few wait all the time,
        the two are aligned anew. By one frame the clocks of the sound cards drifted, and what was learned of
        the room did so with them; by more, frames were lost, and the room is where it was.
        """
        while self._owed and queue:
            self._owed -= 1
            echo_filter.mend(self._owed, self._take(queue))
        if queue:
            echo_filter.advance(self._take(queue))
        else:
            echo_filter.advance(None)
            self._owed += 1
            if self._owed > limits.ECHO_OWED_MAX:
                self._owed = 0  # the speaker stands still
        self._spare = min(self._spare, len(queue))
        self._lack = min(self._lack, self._owed)
        self._aligned += 1
        if self._aligned >= limits.ECHO_ALIGN_FRAMES:
            spare = self._spare - 1  # one may: it is what a late frame is taken from
            for _ in range(spare):
                if spare == 1:
                    echo_filter.skip(self._take(queue))
                else:
                    echo_filter.advance(self._take(queue))
                self.realigned += 1
            drifted = self._lack == 1
            for _ in range(self._lack):
                echo_filter.retreat(drifted=drifted)
                self._owed -= 1
                self.realigned += 1
            self._aligned = 0
            self._spare = self._lack = limits.ECHO_REFERENCE_MAX

    def _take(self, queue: deque[Samples]) -> Signal:
        played = queue.popleft()
        if self.module is not None:
            self.module.reverse(played)
        return played.astype(np.float32) / _FULL_SCALE


_KEPT = 0.65  # share of the filter's own sound while both talk: at least -4 dB of a person stay
_KEPT_FROM_DB = -13.0  # what the module lets pass of it: less is an echo that it takes away, ...
_KEPT_RISE_DB = 6.0  # ... so much more is somebody who talks
_SMOOTH = 0.6  # of powers, a frame: a syllable, not a glottal pulse
_FAR = 0.25  # share of echo in the microphone from which on the loudspeaker is what is heard
_HEARD = 0.001  # share of echo below which the loudspeaker is as good as silent
_DOWN = 10 ** (-12 / 20)  # while only the loudspeaker talks
_NEAR = 10 ** (6 / 10)  # more is left than is usual, by so much: somebody talks
_USUAL_DOWN = 0.3  # how fast the usual rest follows a smaller one, a frame
_USUAL_UP = 1.004  # ... and a larger one: 6 dB in 7 s, a room that changed is not somebody who talks
_USUAL_MAX = 0.5
_LEARNED = 0.2  # usual rest from which on the filter knows enough to tell the two apart
_FLOOR_UP = 1.01  # how fast the noise floor follows a louder one, a frame
_POWER_TINY = 1e-12
_POWER_MIN = 1e-10  # -100 dBFS: in less there is nothing to learn from, a muted microphone say


class _TurnDown:
    """Turns the rest down while only the loudspeaker talks: there the filter leaves little, and always
    about as little. A person who talks leaves more, at once.
    """

    def __init__(self) -> None:
        self.harmful = False
        """The filter adds more than it takes away: a room that has just changed."""
        self.both = False
        """The loudspeaker and somebody in the room talk at once, and the filter knows the room."""
        self._near = self._left = self._echo = 0.0  # powers
        self._usual = _USUAL_MAX  # share of the microphone's power left by the filter
        self._gain = 1.0
        self._floor = 1.0

    @property
    def removed_db(self) -> float | None:
        if self._usual >= _USUAL_MAX:
            return None  # nothing was heard of the loudspeaker yet
        return round(-10.0 * float(np.log10(self._usual)), 1)

    def decide(self, near: Signal, left: Signal, echo: Signal) -> float:
        """Return the gain that this frame should have, for what the module makes of it."""
        self._near += _SMOOTH * (_power(near) - self._near)
        self._left += _SMOOTH * (_power(left) - self._left)
        self._echo += _SMOOTH * (_power(echo) - self._echo)
        self.harmful = self._left > 2 * self._near
        self.both = self._echo > _HEARD * self._near
        if self._echo <= _FAR * self._near or self._near < _POWER_MIN:
            return 1.0
        rest = self._left / (self._near + _POWER_TINY)
        if rest < self._usual:
            self._usual += _USUAL_DOWN * (rest - self._usual)
        else:
            self._usual = min(self._usual * _USUAL_UP, _USUAL_MAX)
        somebody = rest > max(self._usual * _NEAR, 0.003)
        return _DOWN if self._usual < _LEARNED and not somebody else 1.0

    def apply(self, samples: Samples, gain: float) -> Samples:
        """Go to a gain within this frame: up at once, down by halves, and never below the noise."""
        sound = samples.astype(np.float32) / _FULL_SCALE
        power = _power(sound) + _POWER_TINY
        self._floor = min(power, self._floor * _FLOOR_UP)
        gain = max(gain, min(1.0, (self._floor / power) ** 0.5))
        before = self._gain
        self._gain = gain if gain > before else before + 0.5 * (gain - before)
        if before == 1.0 and self._gain > 0.999:
            self._gain = 1.0
            return samples
        return _to_samples(sound * np.linspace(before, self._gain, len(sound), dtype=np.float32))


def _power(signal: Signal) -> float:
    return float(np.dot(signal, signal)) / len(signal)


def _to_samples(signal: Signal) -> Samples:
    samples: Samples = np.clip(np.rint(signal * _FULL_SCALE), -32768, 32767).astype(np.int16)
    return samples
