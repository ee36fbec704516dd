"""The configuration: one TOML file, typed and frozen.

Every key has a default (``default.toml`` shows them all, with comments); an unknown key, a wrong
type or a value out of range is refused with the file, the key, what was expected and what was
found, and nothing is started.
"""

from __future__ import annotations

import msgspec


class Signaling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``port``: TCP port of the signaling server, 0 takes a free one. ``token``: see docs/security.md."""

    port: int = 8787
    token: str = "meetingbox"  # noqa: S105 - shared by every box, no secret: it keeps deployments apart


class Video(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``source``: auto, test, none, file:PATH, v4l2:/dev/videoN or picamera2."""

    source: str = "auto"


class Audio(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``microphone``, ``speaker``: auto, device, device:ID, file:PATH, test, test:N or none."""

    microphone: str = "auto"
    speaker: str = "auto"


class Display(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``mode``: auto, fullscreen, window or headless. ``width``, ``height``: pixels, 0 for the screen's.

    ``measure``: read the time code of the test picture in every drawn picture.
    """

    mode: str = "auto"
    width: int = 0
    height: int = 0
    measure: bool = False


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``joining_minutes``: how long a meeting stays open to newcomers after somebody joined."""

    joining_minutes: float = 10.0


class PresetRoom(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A room on the home screen that one press dials."""

    label: str
    room: int


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``name``: the box's name, empty for the host name. ``interfaces``: names of network interfaces
    for mDNS, signaling and media, empty for all but loopback. ``servers``: further signaling servers.
    """

    name: str = ""
    interfaces: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    presets: tuple[PresetRoom, ...] = ()
    signaling: Signaling = Signaling()
    video: Video = Video()
    audio: Audio = Audio()
    display: Display = Display()
    call: Call = Call()
