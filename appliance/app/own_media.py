"""This box's own camera, microphone and speaker: what is sent of them, and our own picture on our screen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from appliance.app.session import Session
from appliance.config import Config
from appliance.core import limits
from appliance.core.layers import Stream
from appliance.core.picture import SELF_TILE, Picture
from appliance.core.view import DeviceView
from appliance.media.audio.engine import AudioEngine, EncodedSound
from appliance.media.audio.processing import Wishes
from appliance.media.camera_process import CameraProcess
from appliance.media.fanout import Fanout, SoundFanout

log = logging.getLogger("meetingbox")


class OwnMedia:
    """Of one box. ``call_soon``: on the network thread, from any. ``active()``: the room that has them.
    ``previewing()``: is the camera's picture wanted though the camera is off? ``show``: on a tile, or off it.
    ``changed()``: a device is another one, or has a problem.
    """

    def __init__(
        self,
        config: Config,
        name: str,
        *,
        call_soon: Callable[..., None],
        active: Callable[[], Session | None],
        previewing: Callable[[], bool],
        show: Callable[[str, Picture | None], None],
        changed: Callable[[], None],
    ) -> None:
        self._call_soon = call_soon
        self._active = active
        self._previewing = previewing
        self._show = show
        self._changed = changed
        self.muted = False
        self.camera_on = True
        self.quiet = False
        """Little is sent, while this box comes into a crowd."""
        self._self_size: tuple[int, int] | None = None
        self._devices: dict[str, DeviceView] = {}
        self.video = Fanout(on_wanted=self._streams_wanted, on_keyframe=self._keyframe_wanted)
        self.sound = SoundFanout()
        self.engine = AudioEngine(
            config.audio.microphone,
            config.audio.speaker,
            Wishes(config.audio.echo_control, config.audio.noise_suppression, config.audio.automatic_gain),
            on_sound=self._sound_captured,
            on_state=lambda device: self._call_soon(self._device, device),
        )
        self.camera = CameraProcess(
            config.video.source,
            name,
            encoder=config.video.encoder,
            on_frame=self.video.publish,
            on_self_view=self._self_view,
            on_state=self._device,
        )

    @property
    def devices(self) -> tuple[DeviceView, ...]:
        """Camera, microphone and speaker, in this order."""
        found = {**{d.kind: d for d in self.engine.devices}, "camera": self.camera.state, **self._devices}
        return tuple(found[kind] for kind in ("camera", "microphone", "speaker") if kind in found)

    async def stop_sound(self) -> None:
        """Let go of the sound card."""
        await asyncio.to_thread(self.engine.stop)

    def set(self, muted: bool | None = None, camera_on: bool | None = None) -> None:
        """Mute or open the microphone, switch the camera off or on."""
        if muted is not None:
            self.muted = muted
            self.engine.set_muted(muted or self.quiet)
        if camera_on is not None:
            self.camera_on = camera_on
            self._streams_wanted(self.video.wanted_streams())
            self.camera.set_self_view(self._self_size if self._seen_here else None)
            if not camera_on:
                self.video.forget_recent()
                self._show(SELF_TILE, None)

    def keep_quiet(self, quiet: bool) -> None:
        """Send little, or all of it again."""
        if quiet is not self.quiet:
            self.quiet = quiet
            self.engine.set_muted(self.muted or quiet)
            self.camera.set_most_fps(limits.ARRIVAL_FPS if quiet else 0)

    def show_self(self, size: tuple[int, int] | None) -> None:
        """The size at which our own picture is drawn, None while it is hidden."""
        self._self_size = size
        self.camera.set_self_view(size if self._seen_here else None)
        if size is None:
            self._show(SELF_TILE, None)

    @property
    def _seen_here(self) -> bool:
        """May our own picture be on our own screen?"""
        return self.camera_on or self._previewing()

    def _self_view(self, picture: Picture) -> None:
        if self._seen_here:
            self._show(SELF_TILE, picture)

    def _streams_wanted(self, streams: frozenset[Stream]) -> None:
        self.camera.want(streams if self.camera_on else frozenset())

    def _keyframe_wanted(self, stream: Stream) -> None:
        self.camera.request_keyframe(stream)

    def _sound_captured(self, sound: EncodedSound) -> None:
        self._call_soon(self._publish_sound, sound)

    def _publish_sound(self, sound: EncodedSound) -> None:
        # What was said before somebody muted, and is still on its way here, does not leave any more.
        if (self.muted or self.quiet) and not sound.ends_spurt:
            return
        self.sound.publish(sound)
        session = self._active()
        if session is not None:
            session.hearing.heard_here(sound.level_dbov, sound.captured_ns / 1e9)

    def _device(self, device: DeviceView) -> None:
        if self._devices.get(device.kind) != device:
            self._devices[device.kind] = device
            log.info("device.%s %s", device.kind, device.problem or device.label)
            self._changed()
