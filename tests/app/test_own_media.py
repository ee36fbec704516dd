"""What leaves this box of its own camera and microphone, and what is seen of it here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from appliance.app.own_media import OwnMedia
from appliance.config import Audio, Config, Video
from appliance.core.layers import Layer, Stream
from appliance.core.limits import ARRIVAL_FPS
from appliance.core.picture import SELF_TILE, Picture
from appliance.core.view import DeviceView
from appliance.media.audio.engine import EncodedSound

SIZE = (320, 180)
PICTURE = Picture(b"", 0, 0, 1)
WANTED = Stream(Layer.M)


class Camera:
    """Of the camera process what it is told."""

    state = DeviceView("camera", "Test picture")

    def __init__(self) -> None:
        self.wanted: frozenset[Stream] = frozenset()
        self.self_view: tuple[int, int] | None = None
        self.most_fps = 0

    def want(self, streams: frozenset[Stream]) -> None:
        self.wanted = streams

    def set_self_view(self, size: tuple[int, int] | None) -> None:
        self.self_view = size

    def set_most_fps(self, fps: int) -> None:
        self.most_fps = fps

    def request_keyframe(self, stream: Stream) -> None: ...


class Rig:
    def __init__(self) -> None:
        self.previewing = False
        self.shown: list[tuple[str, Picture | None]] = []
        self.heard: list[tuple[int, float]] = []
        self.sent: list[EncodedSound] = []
        self.muted: list[bool] = []
        self.changes = 0
        self.room: Any = SimpleNamespace(
            hearing=SimpleNamespace(heard_here=lambda level, at: self.heard.append((level, at)))
        )
        self.media = OwnMedia(
            Config(video=Video(source="none"), audio=Audio(microphone="none", speaker="none")),
            "Bridge",
            call_soon=lambda call, *arguments: call(*arguments),
            active=lambda: self.room,
            previewing=lambda: self.previewing,
            show=lambda tile, picture: self.shown.append((tile, picture)),
            changed=self._changed,
        )
        self.camera = Camera()
        self.media.camera = self.camera  # type: ignore[assignment]
        engine: Any = SimpleNamespace(set_muted=self.muted.append, devices=[DeviceView("speaker", "None")])
        self.media.engine = engine
        self.media.sound = SimpleNamespace(publish=self.sent.append)  # type: ignore[assignment]

    def _changed(self) -> None:
        self.changes += 1

    def say(self, *, ends_spurt: bool = False) -> None:
        """A frame of the microphone comes."""
        sound: Any = SimpleNamespace(ends_spurt=ends_spurt, level_dbov=30, captured_ns=2_000_000_000)
        self.media._sound_captured(sound)


def test_what_is_said_is_sent_and_heard_in_the_active_room() -> None:
    rig = Rig()
    rig.say()
    assert len(rig.sent) == 1
    assert rig.heard == [(30, 2.0)]
    rig.room = None
    rig.say()
    assert len(rig.sent) == 2
    assert len(rig.heard) == 1


def test_what_was_said_before_somebody_muted_does_not_leave_any_more() -> None:
    rig = Rig()
    rig.media.set(muted=True)
    assert rig.muted == [True]
    rig.say()
    assert rig.sent == []
    rig.say(ends_spurt=True)
    assert len(rig.sent) == 1


def test_a_crowd_hears_and_sees_little_of_who_arrives() -> None:
    rig = Rig()
    rig.media.keep_quiet(True)
    rig.media.keep_quiet(True)
    assert rig.muted == [True]
    assert rig.camera.most_fps == ARRIVAL_FPS
    rig.say()
    assert rig.sent == []
    rig.media.keep_quiet(False)
    assert rig.muted == [True, False]
    assert rig.camera.most_fps == 0


def test_who_is_muted_stays_so_after_the_crowd() -> None:
    rig = Rig()
    rig.media.set(muted=True)
    rig.media.keep_quiet(True)
    rig.media.keep_quiet(False)
    assert rig.muted[-1] is True
    rig.media.keep_quiet(True)
    rig.media.set(muted=False)
    assert rig.muted[-1] is True


def test_a_camera_that_is_off_encodes_nothing_and_is_not_on_our_screen() -> None:
    rig = Rig()
    rig.media._streams_wanted(frozenset({WANTED}))
    rig.media.show_self(SIZE)
    assert rig.camera.wanted == {WANTED}
    assert rig.camera.self_view == SIZE
    rig.media.set(camera_on=False)
    assert rig.camera.wanted == frozenset()
    assert rig.camera.self_view is None
    assert rig.shown == [(SELF_TILE, None)]
    rig.media._streams_wanted(frozenset({WANTED}))
    rig.media._self_view(PICTURE)
    assert rig.camera.wanted == frozenset()
    assert rig.shown == [(SELF_TILE, None)]


def test_the_settings_show_the_picture_of_a_camera_that_is_off() -> None:
    rig = Rig()
    rig.media.set(camera_on=False)
    rig.previewing = True
    rig.media.show_self(SIZE)
    rig.media._self_view(PICTURE)
    assert rig.camera.self_view == SIZE
    assert rig.shown[-1] == (SELF_TILE, PICTURE)


def test_our_picture_goes_with_its_tile() -> None:
    rig = Rig()
    rig.media.show_self(SIZE)
    rig.media.show_self(None)
    assert rig.camera.self_view is None
    assert rig.shown == [(SELF_TILE, None)]


def test_a_device_is_told_once_and_in_its_place() -> None:
    rig = Rig()
    for _ in range(2):
        rig.media._device(DeviceView("microphone", "Desk"))
    assert rig.changes == 1
    assert [device.kind for device in rig.media.devices] == ["camera", "microphone", "speaker"]
