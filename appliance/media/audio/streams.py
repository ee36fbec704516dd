"""Opening the ends of sound cards: a microphone or a speaker on its own, or both of one clock as one stream.

The callback of a stream takes what was captured and gives what is played next: it touches their rings only.
What is captured and what is played in one stream keep their distance for as long as it lives, which is
what an echo canceller wants, and the interpreter is woken once for both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from appliance.media.audio.devices import Kind, PortAudio, SoundDevice, Stream, await_calls
from appliance.media.audio.microphone import DeviceMicrophone
from appliance.media.audio.speaker import DeviceSpeaker


def open_microphone(portaudio: PortAudio, device: SoundDevice) -> DeviceMicrophone:
    """Open a microphone on its own. Raises DeviceError."""
    ear = DeviceMicrophone(portaudio, device)
    _begin(portaudio, portaudio.open("microphone", device, _callback(ear.captured)), {"microphone": ear})
    return ear


def open_speaker(portaudio: PortAudio, device: SoundDevice) -> DeviceSpeaker:
    """Open a speaker on its own. Raises DeviceError."""
    mouth = DeviceSpeaker(portaudio, device)
    _begin(portaudio, portaudio.open("speaker", device, _callback(mouth.fill)), {"speaker": mouth})
    return mouth


def open_duplex(
    portaudio: PortAudio, microphone: SoundDevice, speaker: SoundDevice
) -> tuple[DeviceMicrophone, DeviceSpeaker]:
    """Open both ends of one stream; closing either closes it. Raises DeviceError."""
    ear, mouth = DeviceMicrophone(portaudio, microphone), DeviceSpeaker(portaudio, speaker)

    def callback(captured: Any, played: Any, _frames: int, when: Any, status: Any) -> None:
        ear.captured(captured, when, status)
        mouth.fill(played, when, status)

    stream = portaudio.open_duplex(microphone, speaker, callback)
    _begin(portaudio, stream, {"microphone": ear, "speaker": mouth})
    return ear, mouth


def _callback(move: Callable[[Any, Any, Any], None]) -> Callable[..., None]:
    def callback(data: Any, _frames: int, when: Any, status: Any) -> None:
        move(data, when, status)

    return callback


def _begin(portaudio: PortAudio, stream: Stream, ends: dict[Kind, DeviceMicrophone | DeviceSpeaker]) -> None:
    """The stream is open: return when sound moves through all its ends."""
    for end in ends.values():
        end.use(stream)
    await_calls(portaudio, stream, ends)
