"""The cameras, microphones and loudspeakers that somebody may choose from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.core import limits
from appliance.core.settings_view import Choice, Choices
from appliance.core.words import say
from appliance.media.audio.devices import Kind, SoundDevice
from appliance.media.audio.engine import AudioEngine
from appliance.media.sources import found as cameras

AUTOMATIC = say("Automatic")
NONE = {
    "camera": say("No camera"),
    "microphone": say("No microphone"),
    "speaker": say("No loudspeaker"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What is there now."""

    cameras: tuple[cameras.FoundCamera, ...] = ()
    sound: tuple[SoundDevice, ...] = ()

    def choices(self, kind: str, value: str) -> Choices:
        """What there is of a kind, and what is in force among it; automatic first and none last."""
        if kind == "camera":
            there = [Choice(camera.source, camera.label) for camera in self.cameras]
        else:
            there = _of(self.sound, "microphone" if kind == "microphone" else "speaker")
        choices = (Choice("auto", AUTOMATIC), *there[: limits.CHOICES_MAX], Choice("none", NONE[kind]))
        if value not in {choice.value for choice in choices}:
            choices = (*choices[:-1], Choice(value, value), choices[-1])
        return Choices(value, choices)


def _of(devices: Sequence[SoundDevice], kind: Kind) -> list[Choice]:
    return [Choice(f"device:{device.id}", device.label) for device in devices if device.serves(kind)]


async def find(engine: AudioEngine) -> Found:
    """Look; it takes as long as the drivers like, on threads of its own."""
    seen = await asyncio.to_thread(cameras.found)
    return Found(tuple(seen), tuple(await asyncio.to_thread(engine.found)))
