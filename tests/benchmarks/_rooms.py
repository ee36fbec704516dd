"""Synthetic rooms and voices for everything that is measured about sound."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float64]  # full scale 1.0
RATE = 48_000

_SPOKEN = """\
The survey of the harbour was finished before noon, and the captain asked everybody to come on deck.
Nobody had seen the second boat since the storm, but its lights were reported near the southern
pier.

Please open the window, it is getting warm in here. I would rather talk about the budget of next
year, because the figures that we were given do not add up. Who can explain the difference?

We should begin with the patient in room seven. Her temperature went down over night, she slept well
and asked for breakfast. The doctor wants to see the results again at three o'clock this afternoon.

My grandfather used to repair clocks in a small shop behind the station. He always said that time is
patient with people who are careful, and he never sold a watch that he had not worn himself for a
week.

Forty boxes were packed and sent to the school yesterday, eight of them with the wrong cable. If you
give me the numbers on the labels, then I can tell you which ones have to come back.
"""
_TEXTS = _SPOKEN.split("\n\n")
_VOICES = ("en-us+m3", "en-gb+f2", "en-us+m7", "en-gb+f4", "en-gb-x-rp+m1")
VOICES = len(_VOICES)


@cache
def sentence(text: int, voice: int) -> Sound:
    """A spoken text, root mean square 1.0."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        words = _TEXTS[text % len(_TEXTS)]
        subprocess.run(
            ["espeak-ng", "-v", _VOICES[voice % VOICES], "-s", "165", "-w", file.name, words], check=True
        )
        with wave.open(str(Path(file.name))) as read:
            rate = read.getframerate()
            spoken = np.frombuffer(read.readframes(read.getnframes()), "<i2").astype(float)
    spoken = resample(spoken, RATE / rate)
    return spoken / rms(spoken)


def talk(voice: int, seconds: float, pause: float = 0.5) -> Sound:
    """Somebody who talks and talks, with a pause between texts."""
    parts: list[Sound] = []
    wanted, number = round(seconds * RATE), voice
    while sum(map(len, parts)) < wanted:
        parts += [sentence(number, voice), np.zeros(round(pause * RATE))]
        number += 1
    return np.concatenate(parts)[:wanted]


def response(seed: int, *, rt60: float = 0.3, direct_db: float = 3.0, delay_ms: float = 0.0) -> Sound:
    """A room from loudspeaker to microphone, energy 1.0: a direct sound and decaying noise.

    ``direct_db``: of the direct sound against the rest. ``delay_ms``: of the devices and the way.
    """
    rng = np.random.default_rng(seed)
    length = round(RATE * rt60 * 1.2)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / RATE / rt60)
    tail[: RATE // 500] = 0.0
    tail = _dampen(tail)
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    tail[RATE // 2000] += 1.0
    room = np.concatenate((np.zeros(round(delay_ms * RATE / 1000)), tail))
    return room / np.sqrt(np.sum(room**2))


def _dampen(tail: Sound) -> Sound:
    """Walls swallow high tones: 6 dB an octave above 6 kHz."""
    spectrum = np.fft.rfft(tail)
    tones = np.fft.rfftfreq(len(tail), 1 / RATE)
    return np.fft.irfft(spectrum / np.sqrt(1 + (tones / 6000) ** 2), len(tail))


def heard(played: Sound, room: Sound, level_db: float | None = None) -> Sound:
    """What arrives at the microphone; ``level_db``: its level against what is played."""
    length = 1 << (len(played) + len(room) - 1).bit_length()
    arrived = np.fft.irfft(np.fft.rfft(played, length) * np.fft.rfft(room, length), length)[: len(played)]
    if level_db is not None:
        arrived *= rms(played) / rms(arrived) * 10 ** (level_db / 20)
    return arrived


def noise(seed: int, length: int, level_db: float) -> Sound:
    """White noise of a level against full scale."""
    return np.random.default_rng(seed).standard_normal(length) * 10 ** (level_db / 20)


def drifted(sound: Sound, ppm: float) -> Sound:
    """The same sound by a clock that is so much faster."""
    at = np.arange(len(sound)) * (1 + ppm * 1e-6)
    whole = np.minimum(at.astype(int), len(sound) - 3).clip(1)
    part = at - whole
    # Four-point cubic interpolation: two points alone would dampen what lies high.
    a, b, c, d = (sound[whole + k] for k in (-1, 0, 1, 2))
    return b + 0.5 * part * (c - a + part * (2 * a - 5 * b + 4 * c - d + part * (3 * (b - c) + d - a)))


def resample(sound: Sound, ratio: float) -> Sound:
    """Another sampling rate, by the Fourier transform of the whole."""
    length = round(len(sound) * ratio)
    spectrum = np.zeros(length // 2 + 1, complex)
    old = np.fft.rfft(sound)
    common = min(len(old), len(spectrum))
    spectrum[:common] = old[:common]
    return np.fft.irfft(spectrum, length) * ratio


def rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def samples(sound: Sound) -> npt.NDArray[np.int16]:
    """As a sound card has it."""
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)
