"""The sound check: what a chirp that the loudspeaker played tells about a room and its devices.

The box plays `program`: a second of silence, in which the room is listened to, then the same
exponential chirp twice, then a rush in the rhythm of syllables. A matched filter finds them in what the
microphone heard, far below the noise, and knows how long they took. What is left of the rush's end
after echo cancelling says how well the canceller does: it learns by what is like speech, not by chirps.

Everything is 48 kHz mono; samples are int16, levels dBFS (a full-scale square wave is 0).
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from appliance.core import limits
from appliance.core.words import Text, Words, say

Samples = npt.NDArray[np.int16]
_Floats = npt.NDArray[np.float64]

RATE = limits.SOUND_RATE
CHIRP_FROM, CHIRP_TO = 250.0, 7000.0  # Hz: what every speakerphone plays and hears
CHIRP = int(0.7 * RATE)  # samples
CHIRP_PEAK = 0.2  # of full scale: as loud as a person who speaks up
PERIOD = RATE  # samples from one chirp to the next
CHIRPS = 2
LEAD = RATE  # samples of silence before them
RUSH = 5 * RATE // 2  # samples; a canceller has learned a room after 2 s
RUSH_END = RATE // 2  # the last of it, by which cancelling is judged
RUSH_RMS = 0.05  # of full scale: as loud as a voice
PROGRAM = LEAD + CHIRPS * PERIOD + RUSH  # samples
_FADE = RATE // 50

DELAY_MAX = 0.9  # seconds; further out is the next chirp
_FOUND = 14.0  # the filter's peak over its median: noise alone has 7, a chirp in a room hundreds
_FIRST = 0.5  # of the peak: the direct sound, which a reflection may top

MUTED_DBFS = -90.0  # quieter than any microphone's own noise: zeros, with a step of one or two now and then
QUIET_DBFS = -55.0  # of the chirp, as heard
QUIET_SNR_DB = 6.0
LOUD_ROOM_DBFS = -42.0  # of the noise, in the chirp's band
CLIPPED_FROM = 32_400  # of 32767
CLIPPED_SHARE = 0.002  # of a chirp's samples
LATE_AFTER = 0.300  # seconds from mix to microphone; a box itself takes a fifth of it
CANCELLED_DB_MIN = 20.0  # a person hears an echo that is louder than that


class Outcome(enum.Enum):
    """What to tell a person. The first that applies, in this order."""

    NO_MICROPHONE = "no-microphone"
    NO_SPEAKER = "no-speaker"
    MICROPHONE_MUTED = "microphone-muted"
    SELF_CANCELLING = "self-cancelling"
    WRONG_DEVICE = "wrong-device"
    SPEAKER_MUTED = "speaker-muted"
    CLIPPED = "clipped"
    TOO_QUIET = "too-quiet"
    NOISY = "noisy"
    LATE = "late"
    ECHO = "echo"
    GOOD = "good"


SENTENCES = {
    Outcome.NO_MICROPHONE: say("There is no microphone. Plug in a speakerphone and check again."),
    Outcome.NO_SPEAKER: say("There is no loudspeaker. Plug in a speakerphone and check again."),
    Outcome.MICROPHONE_MUTED: say("The microphone gives nothing but silence. Look for a mute button on it."),
    Outcome.SELF_CANCELLING: say(
        "The speakerphone takes out its own echo, so the box can't hear it play. "
        "If you heard the tones, all is well; if not, turn it up."
    ),
    Outcome.WRONG_DEVICE: say(
        "The microphone hears the room, but not the loudspeaker, which is another device. "
        "If you heard no tones, choose the right loudspeaker."
    ),
    Outcome.SPEAKER_MUTED: say(
        "The microphone hears the room, but not the loudspeaker. Turn it up, and look for "
        "a mute button on it."
    ),
    Outcome.CLIPPED: say("The loudspeaker is too loud for the microphone. Turn it down, or move them apart."),
    Outcome.TOO_QUIET: say("The microphone hardly hears the loudspeaker. Turn it up, or move it closer."),
    Outcome.NOISY: say(
        "It is loud in this room: the others will hear it too. Look for a fan or an open window."
    ),
    Outcome.LATE: say("The sound comes late. A TV or a Bluetooth loudspeaker does that: use one on a cable."),
    Outcome.ECHO: say(
        "The others may hear themselves. Turn the loudspeaker down, or move the microphone away."
    ),
    Outcome.GOOD: say("Microphone and loudspeaker work well together."),
}

WELL = frozenset({Outcome.GOOD, Outcome.SELF_CANCELLING})
DEAF = frozenset(
    {
        Outcome.NO_MICROPHONE,
        Outcome.NO_SPEAKER,
        Outcome.MICROPHONE_MUTED,
        Outcome.WRONG_DEVICE,
        Outcome.SPEAKER_MUTED,
    }
)
"""With these nobody is heard, or hears anything."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. None: not to be known.

    ``noise_dbfs``: the room before the chirps. ``level_dbfs``: the chirps as the microphone heard them.
    ``delay_ms``: from the mix to the microphone's frame, all buffers and the air included.
    ``cancelled_db``: by how much echo cancelling made the rush's end quieter. ``left_dbfs``: what is left
    of it.
    """

    outcome: Outcome
    noise_dbfs: float | None = None
    level_dbfs: float | None = None
    delay_ms: float | None = None
    cancelled_db: float | None = None
    left_dbfs: float | None = None

    @property
    def sentence(self) -> Words:
        return SENTENCES[self.outcome]

    @property
    def well(self) -> bool:
        """Is nothing to be done?"""
        return self.outcome in WELL

    @property
    def deaf(self) -> bool:
        """Will a meeting not work like this?"""
        return self.outcome in DEAF

    @property
    def figures(self) -> Text:
        """The measured numbers for a person, empty where nothing was measured."""
        if self.noise_dbfs is None:
            return ""
        noise = round(self.noise_dbfs)
        if self.level_dbfs is None or self.delay_ms is None:
            return say("Noise {noise} dB", noise=noise)
        level, delay = round(self.level_dbfs), round(self.delay_ms)
        if self.cancelled_db is None:
            return say(
                "Heard at {level} dB, after {delay} ms, noise {noise} dB",
                level=level,
                delay=delay,
                noise=noise,
            )
        return say(
            "Heard at {level} dB, after {delay} ms, echo {echo} dB quieter after cancelling, "
            "noise {noise} dB",
            level=level,
            delay=delay,
            echo=round(self.cancelled_db),
            noise=noise,
        )


@cache
def chirp() -> Samples:
    """One chirp, ``CHIRP`` samples, read-only. Its frequency grows by the same factor in the same time."""
    t = np.arange(CHIRP) / RATE
    length = CHIRP / RATE
    rate = math.log(CHIRP_TO / CHIRP_FROM) / length
    wave = np.sin(2 * np.pi * CHIRP_FROM / rate * np.expm1(rate * t))
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(_FADE) / _FADE)
    wave[:_FADE] *= ramp
    wave[-_FADE:] *= ramp[::-1]
    samples = np.rint(wave * CHIRP_PEAK * 32767).astype(np.int16)
    samples.flags.writeable = False
    return samples


@cache
def program() -> Samples:
    """All that is played, ``PROGRAM`` samples, read-only."""
    samples = np.zeros(PROGRAM, np.int16)
    for start in _starts():
        samples[start : start + CHIRP] = chirp()
    samples[-RUSH:] = _rush()
    samples.flags.writeable = False
    return samples


def _rush() -> Samples:
    """Pink noise in the chirp's band, four syllables a second, always the same."""
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(RUSH))
    hertz = np.fft.rfftfreq(RUSH, 1 / RATE)
    inside = (hertz >= CHIRP_FROM) & (hertz <= CHIRP_TO)
    noise = np.fft.irfft(np.where(inside, spectrum / np.sqrt(np.maximum(hertz, 1.0)), 0.0), RUSH)
    noise *= 0.6 - 0.4 * np.cos(2 * np.pi * 4.0 * np.arange(RUSH) / RATE)
    noise *= RUSH_RMS / np.sqrt(np.mean(noise**2))
    return np.rint(np.clip(noise, -CHIRP_PEAK, CHIRP_PEAK) * 32767).astype(np.int16)


def _starts() -> list[int]:
    return [LEAD + k * PERIOD for k in range(CHIRPS)]


def analyse(
    heard: Samples,
    cleaned: Samples | None = None,
    *,
    one_device: bool = True,
    self_cancelling: bool = False,
) -> Report:
    """Say what a recording of `program` means.

    ``heard``: what the microphone gave, from the moment on that `program` began to be handed to the
    speaker; with less than ``PROGRAM`` samples the microphone gave nothing. ``cleaned``: the same after
    echo cancelling, or None where nothing cancels. ``one_device``: microphone and speaker are one, a
    speakerphone. ``self_cancelling``: one that takes out its own echo.
    """
    if len(heard) < PROGRAM:
        return Report(Outcome.NO_MICROPHONE)
    sound = heard.astype(np.float64) / 32768.0
    noise = _power(sound[LEAD // 4 : LEAD])
    if _decibels(_power(sound)) < MUTED_DBFS:
        return Report(Outcome.MICROPHONE_MUTED, _decibels(noise))
    delay = _find(sound)
    if delay is None:
        silent = Outcome.WRONG_DEVICE if not one_device else Outcome.SPEAKER_MUTED
        return Report(Outcome.SELF_CANCELLING if self_cancelling else silent, _decibels(noise))
    return _judge(heard, sound, cleaned, noise, delay)


def _judge(heard: Samples, sound: _Floats, cleaned: Samples | None, noise: float, delay: int) -> Report:
    power = float(np.mean([_power(_chirp_of(sound, start + delay)) for start in _starts()]))
    level = max(power - noise, 0.0)
    left = cancelled = None
    if cleaned is not None and len(cleaned) >= PROGRAM:
        end = slice(PROGRAM - RUSH_END + delay, PROGRAM + delay)
        before = max(_power(sound[end]) - noise, 1e-12)
        after = _power(cleaned[end].astype(np.float64) / 32768.0)
        left = _decibels(after)
        cancelled = _decibels(before) - left
    report = (_decibels(noise), _decibels(level), 1000.0 * delay / RATE, cancelled, left)
    clipped = max(
        np.mean(np.abs(_chirp_of(heard, s + delay).astype(np.int32)) >= CLIPPED_FROM) for s in _starts()
    )
    if clipped > CLIPPED_SHARE:
        outcome = Outcome.CLIPPED
    elif _decibels(level) < QUIET_DBFS or _decibels(level) - _decibels(noise) < QUIET_SNR_DB:
        outcome = Outcome.TOO_QUIET
    elif _decibels(noise) > LOUD_ROOM_DBFS:
        outcome = Outcome.NOISY
    elif delay > LATE_AFTER * RATE:
        outcome = Outcome.LATE
    elif cancelled is not None and cancelled < CANCELLED_DB_MIN:
        outcome = Outcome.ECHO
    else:
        outcome = Outcome.GOOD
    return Report(outcome, *report)


def _chirp_of(sound: npt.NDArray[np.generic], start: int) -> npt.NDArray[np.generic]:
    """The chirp that begins at ``start``, as far as it was recorded."""
    return sound[start : start + CHIRP]


def _find(sound: _Floats) -> int | None:
    """Return by how many samples the chirps come after they were played, or None for no chirp."""
    template = program().astype(np.float64)
    size = 1 << (len(sound) + len(template)).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(template, size))
    likeness = np.abs(np.fft.irfft(spectrum, size)[: int(DELAY_MAX * RATE)])
    peak = float(likeness.max())
    if peak <= _FOUND * float(np.median(likeness)):
        return None
    return int(np.argmax(likeness >= _FIRST * peak))


def _power(sound: npt.NDArray[np.generic]) -> float:
    """The mean power of what is in the chirp's band."""
    if len(sound) == 0:
        return 0.0
    spectrum = np.fft.rfft(sound)
    low, high = (int(hz * len(sound) / RATE) for hz in (CHIRP_FROM, CHIRP_TO))
    return float(2.0 * np.sum(np.abs(spectrum[low : high + 1]) ** 2)) / len(sound) ** 2


def _decibels(power: float) -> float:
    return 10.0 * math.log10(max(power, 1e-12))
