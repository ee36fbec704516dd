"""Microphone and speaker of one clock as one stream.

One callback takes what was captured and gives what is played next: it touches their rings only.
What is captured and what is played keep their distance for as long as the stream lives, which is
what an echo canceller wants, and the interpreter is woken once for both.
"""

from __future__ import annotations

from typing import Any

from appliance.media.audio.devices import PortAudio, SoundDevice, await_calls
from appliance.media.audio.microphone import DeviceMicrophone
from appliance.media.audio.speaker import DeviceSpeaker


def open_duplex(
    portaudio: PortAudio, microphone: SoundDevice, speaker: SoundDevice
) -> tuple[DeviceMicrophone, DeviceSpeaker]:
    """Open both ends of one stream; closing either closes it. Raises DeviceError."""
    ear, mouth = DeviceMicrophone(portaudio, microphone), DeviceSpeaker(portaudio, speaker)

    def callback(captured: Any, played: Any, _frames: int, when: Any, status: Any) -> None:
        ear.captured(captured, when, status)
        mouth.fill(played, when, status)

    stream = portaudio.open_duplex(microphone, speaker, callback)
    ear.use(stream)
    mouth.use(stream)
    await_calls(portaudio, stream, {"microphone": ear, "speaker": mouth})
    return ear, mouth
