"""Every error that meetingbox raises on purpose.

::

    MeetingBoxError            code for the log, sentence for the screen
    ├── ConfigError            the person who wrote the file: file, key, expected, found
    ├── StartError             this machine: a port in use, a state folder that can't be written
    ├── DeviceError            this machine: camera, microphone, speaker or screen
    ├── ControlError           the caller of the control socket
    ├── LocalProtocolError     our own bug: an event that is illegal in this state
    └── RemoteProtocolError    the other side: a frame that is malformed, forged or out of place

A ``code`` is stable, lower case, words joined by dots (``config.type``, ``device.camera.missing``);
logs, counters and the control socket carry it. ``str(error)`` is the sentence that a person reads, in
English; ``error.sentence`` is the same for the screen, which has languages, where it may come there.
"""

from __future__ import annotations

from appliance.core.words import Text


class MeetingBoxError(Exception):
    """The root of the tree.

    ``code``: stable identifier for logs and counters. ``sentence``: what the screen shows.
    """

    def __init__(self, code: str, sentence: Text) -> None:
        super().__init__(str(sentence))
        self.code = code
        self.sentence = sentence


class ConfigError(MeetingBoxError):
    """The configuration can't be used; nothing was started. ``line``: from 1, 0 where it is not known."""

    def __init__(self, code: str, file: str, key: str, expected: str, found: str, line: int = 0) -> None:
        at = f"line {line}" if line and not key.startswith("line ") else ""
        where = ": ".join(part for part in (file, at, key) if part)
        super().__init__(code, f"{where}: expected {expected}, found {found}")
        self.file = file
        self.line = line
        self.key = key
        self.expected = expected
        self.found = found


class StartError(MeetingBoxError):
    """The box can't start on this machine as it is."""


class DeviceError(MeetingBoxError):
    """A camera, microphone, speaker or screen is missing or does not do its work."""


class ControlError(MeetingBoxError):
    """A request on the control socket that can't be carried out."""


class LocalProtocolError(MeetingBoxError):
    """We asked a state machine for something that its state does not allow."""


class RemoteProtocolError(MeetingBoxError):
    """The other side sent something that is refused: drop it, count it, go on."""
