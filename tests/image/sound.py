"""Sound of an emulated box: played into its microphone, recorded at its loudspeaker, judged here.

The kernel's ALSA loopback (snd-aloop) is its sound card. The box has the card's device 0; what is played to
device 1 is what its microphone hears, and what device 1 records is what its loudspeaker plays. See
``emulator/far_end.py``, which does both inside the box.
"""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
from image.emulator.guest import FOLDER, Guest
from numpy.typing import NDArray

RATE = 48_000
FAR_END = Path(__file__).with_name("emulator") / "far_end.py"
ON, OFF = 0.35, 0.15  # seconds: it comes and goes like syllables, so that nobody takes it for a fan
LEVEL = 0.25  # of full scale

Samples = NDArray[np.float64]


def syllables(hz: float, seconds: float, rate: int = RATE) -> Samples:
    """A tone with three overtones that comes and goes; -1 to 1."""
    at = np.arange(round(seconds * rate)) / rate
    tone = sum((np.sin(2 * np.pi * hz * n * at) / n for n in (1, 2, 3, 4)), np.zeros_like(at))
    edge = 0.02
    phase = at % (ON + OFF)
    envelope = np.clip(np.minimum(phase, ON - phase) / edge, 0.0, 1.0)
    voiced: Samples = LEVEL * envelope * tone
    return voiced


def raw(samples: Samples) -> bytes:
    """One channel of 16 bits."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def wav(samples: Samples, rate: int = RATE) -> bytes:
    """A WAV file: one channel of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(raw(samples))
    return file.getvalue()


def samples_of(data: bytes) -> tuple[Samples, int]:
    """The first channel of a WAV file of 16 bits, and its rate."""
    with wave.open(io.BytesIO(data)) as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return raw[:, 0] / 32768.0, file.getframerate()


def play(guest: Guest, hz: float) -> None:
    """Play into a box's microphone, again and again, until ``stop``."""
    guest.write(f"{FOLDER}/tone.raw", raw(syllables(hz, ON + OFF)))
    guest.write(f"{FOLDER}/far_end.py", FAR_END.read_bytes())
    guest.run(
        "systemd-run --quiet --collect --unit=image-test-tone -p Restart=always -p RestartSec=1 "
        f"python3 -SE {FOLDER}/far_end.py play {FOLDER}/tone.raw"
    )


def stop(guest: Guest) -> None:
    """No more of it."""
    guest.run("systemctl stop image-test-tone", check=False)


def heard(guest: Guest, seconds: int) -> bytes:
    """What a box's loudspeaker plays, as a WAV file."""
    to = f"{FOLDER}/heard.raw"
    within = seconds * 6 + 30
    guest.run(f"timeout {within} python3 -SE {FOLDER}/far_end.py record {to} {seconds}", within=within + 30.0)
    return wav(np.frombuffer(guest.read(to), "<i2") / 32768.0)


def strength(recording: bytes, hz: float) -> float:
    """How strong a tone is in a WAV file, in dB of full scale: its loudest quarter of a second."""
    samples, rate = samples_of(recording)
    size = rate // 4
    if samples.size < size:
        return -120.0
    wave_of = np.exp(-2j * np.pi * hz * np.arange(size) / rate) * np.hanning(size)
    pieces = samples[: samples.size // size * size].reshape(-1, size)
    loudest = float(np.abs(pieces @ wave_of).max()) * 4 / size
    return 20 * float(np.log10(max(loudest, 1e-6)))
