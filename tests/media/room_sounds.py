"""Speech and the noises of rooms, 48 kHz mono as float arrays in units of int16, made to a level in dBov."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from appliance.core import limits

Sound = npt.NDArray[np.float64]

RATE = limits.SOUND_RATE
FRAME = limits.SOUND_FRAME
RECORDED = Path("/usr/share/sounds/alsa")  # of the package alsa-utils: a person's voice

SENTENCES = {  # (espeak-ng's voice, text with pauses), beginning softly more often than not
    "he": ("en-gb", "There are seven ships in the harbour. He said: five have left. Half past four, then."),
    "she": ("en-us+f3", "Some people think that she should stay. It is fine. Shall we begin? Thanks."),
    "german": ("de", "Frau Fischer hat heute frische Fische. Hallo, hört ihr mich? Sechs Schiffe sind hier."),
    "whisper": ("en+whisper", "Please speak softly. He is asleep. See you at half past six."),
}
NOISES = ("white", "fan", "air", "hum", "canteen")


@cache
def spoken(who: str, pause_ms: int = 900) -> Sound:
    """One of the SENTENCES, with a pause after each."""
    voice, text = SENTENCES[who]
    for mark in ".?":
        text = text.replace(mark + " ", f'{mark} <break time="{pause_ms}ms"/> ')
    return _said(voice, f"<speak>{text}</speak>")


@cache
def recorded() -> Sound:
    """A recorded voice that says where loudspeakers are, with pauses."""
    parts: list[Sound] = []
    for name in ("Front_Center", "Rear_Left", "Side_Right"):
        parts += [_read(RECORDED / f"{name}.wav"), np.zeros(RATE)]
    return np.concatenate(parts)


@cache
def noise(kind: str, count: int, seed: int = 0) -> Sound:
    """``count`` samples of one of the NOISES."""
    rng = np.random.default_rng(seed)
    t = np.arange(count) / RATE
    if kind == "hum":
        harmonics = sum(np.sin(2 * np.pi * 50 * k * t + k) / k**0.8 for k in range(1, 24))
        return np.asarray(harmonics + 0.02 * rng.standard_normal(count))
    if kind == "canteen":
        return _canteen(count, rng)
    hz = np.fft.rfftfreq(count, 1 / RATE)
    shape = {
        "white": np.ones_like(hz),
        "fan": 1 / np.maximum(hz, 40) ** 0.9,
        "air": 1 / np.maximum(hz, 60) ** 0.7 / (1 + (hz / 3000) ** 2),
    }[kind]
    made = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * shape, count)
    if kind == "fan":  # blades that turn, and a speed that wanders
        made *= 1 + 0.15 * np.sin(2 * np.pi * 0.7 * t) + 0.1 * np.sin(2 * np.pi * 11 * t)
    return made


def at_level(sound: Sound, dbov: float) -> Sound:
    """Make a sound so loud, by its mean power."""
    return sound * 10 ** ((dbov - _dbov(float(np.mean(sound**2)))) / 20)


def at_active_level(speech: Sound, dbov: float) -> Sound:
    """Make speech so loud while it lasts: frames 35 dB below the loudest don't count."""
    powers = frame_powers(speech)
    active = powers[powers > powers.max() * 10**-3.5]
    return speech * 10 ** ((dbov - _dbov(float(active.mean()))) / 20)


def frame_powers(sound: Sound) -> Sound:
    """Mean power of each frame of 20 ms, shape (frames,)."""
    return np.asarray((sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME) ** 2).mean(axis=1))


def power(dbov: float) -> float:
    """Mean power of a sound of that level."""
    return 32768.0**2 * 10 ** (dbov / 10)


def as_samples(sound: Sound) -> npt.NDArray[np.int16]:
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


def write_wav(path: Path, sound: Sound) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(as_samples(sound).astype("<i2").tobytes())


def _canteen(count: int, rng: np.random.Generator) -> Sound:
    """Twelve voices in a room that rings for half a second."""
    total = np.zeros(count)
    for voice in ("en-us", "en-gb+f2", "en-us+m2", "de", "en+f4", "de+m1"):
        text = "The train was late again and I missed the connection. " * 4
        said = at_active_level(_said(voice, f"<speak>{text}</speak>"), -30)
        for _ in range(2):
            total += np.resize(np.roll(said, rng.integers(len(said))), count)
    ring = int(0.5 * RATE)
    room = rng.standard_normal(ring) * 10 ** (-3 * np.arange(ring) / ring)
    size = 1 << int(np.ceil(np.log2(count + ring)))
    return np.asarray(np.fft.irfft(np.fft.rfft(total, size) * np.fft.rfft(room, size), size)[:count])


def _said(voice: str, text: str) -> Sound:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["espeak-ng", "-m", "-v", voice, "-s", "155", "-w", str(path), text], check=True)
        return _read(path)


def _read(path: Path) -> Sound:
    with wave.open(str(path)) as file:
        rate, count = file.getframerate(), file.getnframes()
        samples = np.frombuffer(file.readframes(count), "<i2").astype(float)
    if rate == RATE:
        return samples
    wanted = len(samples) * RATE // rate
    spectrum = np.zeros(wanted // 2 + 1, complex)
    found = np.fft.rfft(samples)
    used = min(len(found), len(spectrum))
    spectrum[:used] = found[:used]
    return np.asarray(np.fft.irfft(spectrum, wanted) * wanted / len(samples))


def _dbov(mean_power: float) -> float:
    return float(10 * np.log10(mean_power / 32768.0**2))
