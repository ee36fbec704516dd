"""The box on its network thread: devices, discovery, server, and the rooms that it is in.

``start`` shows the order in which things begin, ``stop`` is its reverse. Intents from the screen and
requests from the control socket end up in the same methods here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

from appliance.app import provisioned, settings, state_files, status
from appliance.app.abuse import AbuseReport
from appliance.app.addresses import AddressBook
from appliance.app.commands import Commands
from appliance.app.copies import Copies
from appliance.app.elsewhere import Elsewhere
from appliance.app.intents import Intents
from appliance.app.lag import LagMeter
from appliance.app.memory import Housekeeping
from appliance.app.records import Records
from appliance.app.rooms import Rooms
from appliance.app.session import Session
from appliance.app.sound_checks import SoundChecks
from appliance.app.tasks import Ends, Tasks
from appliance.bridge import Bridge
from appliance.config import Admin, Config, box_name
from appliance.control.server import ControlServer
from appliance.core import limits
from appliance.core.layers import Stream
from appliance.core.view import SELF_TILE, DeviceView, Notice, Picture, Tone
from appliance.core.words import Text
from appliance.errors import ConfigError
from appliance.media.audio.engine import AudioEngine, EncodedSound
from appliance.media.audio.processing import Wishes
from appliance.media.camera_process import CameraProcess
from appliance.media.fanout import Fanout, SoundFanout
from appliance.settings_file import Changes
from appliance.signaling.client import ServerAddress
from appliance.signaling.discovery import Discovery, FoundBox
from appliance.signaling.interfaces import Interface, InterfaceWatcher, host_addresses
from appliance.signaling.server import SignalingServer

log = logging.getLogger("meetingbox")


class ScreenControl(Protocol):
    """What the control socket needs of the display (its methods are thread-safe)."""

    def press(self, key: str) -> None: ...
    def screenshot(self, path: Path) -> None: ...
    def show_screen(self, shown: bool) -> bool: ...


class Box:
    """Everything of one box that lives on the network thread."""

    def __init__(
        self,
        config: Config,
        bridge: Bridge,
        screen: ScreenControl,
        *,
        config_path: Path | None,
        state_dir: Path,
        socket_path: Path,
        runtime_dir: Path | None = None,
        mistake: ConfigError | None = None,
    ) -> None:
        self.mistake = mistake  # in the configuration file, in whose place ``config`` is the last good one
        self.card_problem = provisioned.problem()  # of an appliance's set-up, before the box started
        self.file_config = settings.without_pin(config)
        self.config_path = config_path
        self.state_dir = state_dir
        self.runtime_dir = runtime_dir
        self.bridge = bridge
        self.screen = screen
        self.changes = settings.read_changes(self)
        self._given = config.admin  # a PIN until it is kept as a hash
        self.config = config = self.changes.over(self.file_config)
        self.configured_name = box_name(config)
        self.name = state_files.load_name(state_dir, self.configured_name)
        self.counters: Counter[str] = Counter()
        self.rooms = Rooms(self)
        self.copies = Copies(self)
        self.interfaces: tuple[Interface, ...] = ()
        self._loop = asyncio.get_running_loop()
        self.book = AddressBook(config, state_dir, self.changed, self.count, self._loop.call_later)
        self.elsewhere = Elsewhere(
            lambda: self.book.elsewhere(self.now()), lambda: bool(self.rooms.sessions), self.changed
        )
        self.notices: list[Notice] = []
        self.muted = False
        self.camera_on = True
        self._quiet = False
        self.layout = "grid"
        self.pinned: str | None = None
        self.tiles_hidden = False
        self._devices: dict[str, DeviceView] = {}
        self._notice_id = 0
        self.tiles: dict[str, tuple[int, int]] = {}
        self._self_size: tuple[int, int] | None = None
        self.now = self._loop.time  # the monotonic clock
        self.lag = LagMeter(self._loop)
        self.identity = state_files.load_identity(state_dir)
        self.records = Records(state_dir, self.now)
        self.abuse = AbuseReport(self._loop, self.now, lambda: status.counters(self), self._abused)
        self.intents = Intents(self)
        self.housekeeping = Housekeeping(self._loop, lambda: self.rooms.anybody)
        self.tasks = Tasks()
        self._ends = Ends()
        self._publishing: asyncio.Handle | None = None  # a snapshot is due
        self._published_at = 0.0
        self._view_timer: asyncio.TimerHandle | None = None
        self._looks = 0

        self.video = Fanout(on_wanted=self._streams_wanted, on_keyframe=self._keyframe_wanted)
        self.sound = SoundFanout()
        self.engine = AudioEngine(
            config.audio.microphone,
            config.audio.speaker,
            Wishes(config.audio.echo_control, config.audio.noise_suppression, config.audio.automatic_gain),
            on_sound=self._sound_captured,
            on_state=lambda device: self._call_soon(self._device, device),
        )
        self.sound_checks = SoundChecks(self)
        self.settings = settings.Settings(self)
        self.camera = CameraProcess(
            config.video.source,
            self.name,
            encoder=config.video.encoder,
            on_frame=self.video.publish,
            on_self_view=self._self_view,
            on_state=self._device,
        )
        self.server = SignalingServer(
            config.signaling.token,
            config.signaling.port,
            allow_room=self.rooms.allows,
            on_line=self.rooms.line_in,
        )
        self.discovery: Discovery | None = None
        self._watcher = InterfaceWatcher(config.interfaces, self._interfaces_changed)
        self.control = ControlServer(socket_path, Commands(self).handle)

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything, in order. Raises StartError; what was started is stopped again then."""
        ends = self._ends
        try:
            await self.control.start()
            ends.add("control", self.control.stop)
            self.interfaces = self._watcher.start()
            ends.add("interfaces", self._watcher.stop)
            await self.server.start(self.addresses())
            ends.add("server", self.server.stop)
            self.book.interfaces, self.book.port = self.interfaces, self.server.port
            ends.add("addresses", self.book.save)
            self.discovery = Discovery(self.name, self.server.port, self._boxes_changed)
            await self.discovery.start(self.interfaces)
            ends.add("discovery", self.discovery.stop)
            self.elsewhere.start()
            ends.add("elsewhere", self.elsewhere.stop)
            await self.camera.start()
            ends.add("camera", self.camera.stop)
            self.engine.start()
            ends.add("sound", lambda: asyncio.to_thread(self.engine.stop))
            ends.add("tasks", self.tasks.end)
            self.settings.pin.adopt_hash(self._given.pin_hash)
            await asyncio.to_thread(self.settings.pin.adopt, self._given.pin)
            self._given = Admin()
            ends.add("settings", self.settings.close)
            self.tasks.spawn(self.intents.follow(), "intents")
            ends.add("rooms", self.rooms.end_all)
            self.bridge.listen(lambda intent: self._call_soon(self.intents.put, intent))
            self.lag.start()
            self.abuse.start()
        except BaseException:
            await self.stop()
            raise
        self.tasks.spawn(self.rooms.come_back(), "rejoin")
        if self.changes.problem is not None:
            self.notify(settings.SET_ASIDE, Tone.WARNING)
        self._publish()  # before anything is drawn: in the look and the language that were chosen
        log.info("box.started name=%r port=%d", self.name, self.server.port)

    async def stop(self, *, comes_back: bool = False) -> None:
        """The reverse of ``start`` (`Ends`); every step is bounded and none keeps the next from running.

        ``comes_back``: nobody wanted to leave a meeting; the next start goes on with it.
        """
        self.rooms.comes_back = comes_back
        self.bridge.listen(None)
        self.lag.stop()
        self.abuse.stop()
        if self._view_timer is not None:
            self._view_timer.cancel()
            self._view_timer = None
        await self._ends.run()
        if self._publishing is not None:
            self._publishing.cancel()
        self.housekeeping.stop()
        log.info("box.stopped")

    def _call_soon(self, call: Any, *arguments: Any) -> None:
        """From any thread; dropped when the loop is closed already."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            self.counters["loop.closed"] += 1

    # --- the meeting ------------------------------------------------------------------------------

    @property
    def session(self) -> Session | None:
        """The active room's."""
        return self.rooms.active

    def set_layout(self, layout: str) -> None:
        """All tiles alike ("grid"), or one large ("speaker")."""
        self.layout = layout
        self.changed()

    def hide_tiles(self, hidden: bool) -> None:
        """Show nobody's picture in this meeting, or all again. Raises ControlError outside of one."""
        self.rooms.in_call()
        self.tiles_hidden = hidden
        self.changed()

    def pin(self, peer_id: str | None) -> None:
        """Keep one peer large, or none."""
        self.pinned = peer_id
        self.changed()

    def move_tile(self, peer_id: str, place: int) -> None:
        """Put a peer's tile at another place, from 0. Raises ControlError outside of a meeting."""
        session = self.rooms.in_call()
        session.move_tile(peer_id, place, status.tiles_in_order(session))

    def forget(self) -> None:
        """Be another box: what was kept is gone, and read anew. It is in no room."""
        self.identity = state_files.load_identity(self.state_dir)
        self.records = Records(self.state_dir, self.now)
        self.book.forget()
        self.changes = Changes()
        self.layout = "grid"
        self.rooms.refusal = None
        self.notices = []
        self.set_media(muted=False, camera_on=True)

    @property
    def looks_for_same_room(self) -> bool:
        """Look for boxes that share a room with this one?"""
        wish = self.config.audio.same_room
        return wish == "on" or (wish == "auto" and self.engine.hears_room)

    def set_media(self, muted: bool | None = None, camera_on: bool | None = None) -> None:
        """Mute or open the microphone, switch the camera off or on."""
        if muted is not None:
            self.muted = muted
            self.engine.set_muted(muted or self._quiet)
        if camera_on is not None:
            self.camera_on = camera_on
            self._streams_wanted(self.video.wanted_streams())
            self.camera.set_self_view(self._self_size if self._seen_here else None)
            if not camera_on:
                self.video.forget_recent()
                self.show(SELF_TILE, None)
        self.rooms.set_media(self.muted, self.camera_on)
        self.changed()

    def keep_quiet(self) -> None:
        """Send little while this box comes into a crowd (core/arrival.py), and all of it afterwards."""
        quiet = self.session is not None and self.session.media.arriving
        if quiet is not self._quiet:
            self._quiet = quiet
            self.engine.set_muted(self.muted or quiet)
            self.camera.set_most_fps(limits.ARRIVAL_FPS if quiet else 0)

    @property
    def box_id(self) -> str:
        return self.identity.box_id_hex

    # --- pictures and sound -------------------------------------------------------------------------

    def _streams_wanted(self, streams: frozenset[Stream]) -> None:
        self.camera.want(streams if self.camera_on else frozenset())

    def _keyframe_wanted(self, stream: Stream) -> None:
        self.camera.request_keyframe(stream)

    def _sound_captured(self, sound: EncodedSound) -> None:
        self._call_soon(self._publish_sound, sound)

    def _publish_sound(self, sound: EncodedSound) -> None:
        # What was said before somebody muted, and is still on its way here, does not leave any more.
        if (self.muted or self._quiet) and not sound.ends_spurt:
            return
        self.sound.publish(sound)
        if self.session is not None:
            self.session.hearing.heard_here(sound.level_dbov, sound.captured_ns / 1e9)

    @property
    def _seen_here(self) -> bool:
        """May our own picture be on our own screen?"""
        return self.camera_on or self.settings.previewing

    def _self_view(self, picture: Picture) -> None:
        if self._seen_here:
            self.show(SELF_TILE, picture)

    def show(self, tile: str, picture: Picture | None) -> None:
        """Put a picture on a tile, or take it off; on any thread."""
        self.bridge.slot(tile).put(picture)

    def show_tiles(self, sizes: dict[str, tuple[int, int]], self_view: tuple[int, int] | None) -> None:
        """The sizes at which the peers and our own picture are drawn; one that is not named is hidden."""
        self.tiles, self._self_size = sizes, self_view
        self.camera.set_self_view(self_view if self._seen_here else None)
        if self_view is None:
            self.show(SELF_TILE, None)
        if self.session is not None:
            self.session.media.show_tiles(sizes)

    def _device(self, device: DeviceView) -> None:
        if self._devices.get(device.kind) != device:
            self._devices[device.kind] = device
            log.info("device.%s %s", device.kind, device.problem or device.label)
            self.changed()

    @property
    def devices(self) -> tuple[DeviceView, ...]:
        """Camera, microphone and speaker, in this order."""
        found = {**{d.kind: d for d in self.engine.devices}, "camera": self.camera.state, **self._devices}
        return tuple(found[kind] for kind in ("camera", "microphone", "speaker") if kind in found)

    # --- the network ----------------------------------------------------------------------------------

    def addresses(self) -> list[str]:
        """Ours, on the interfaces in use."""
        return host_addresses(self.interfaces)

    def _interfaces_changed(self, interfaces: tuple[Interface, ...]) -> None:
        self.interfaces = self.book.interfaces = interfaces
        self.tasks.spawn(self._follow_interfaces(), "interfaces")

    async def _follow_interfaces(self) -> None:
        await self.server.update(self.addresses())
        self.rooms.follow_addresses()
        if self.discovery is not None:
            await self.discovery.update(self.interfaces)
        self.rooms.set_servers(self.servers())
        self.elsewhere.look_soon()
        self.changed()

    def _boxes_changed(self, boxes: tuple[FoundBox, ...]) -> None:
        self.book.discovered(boxes)
        self.copies.look_for_namesakes()
        self.rooms.set_servers(self.servers())
        self.elsewhere.look_soon()
        self.changed()

    @property
    def found(self) -> tuple[FoundBox, ...]:
        """The boxes that discovery shows."""
        return self.book.boxes

    def servers(self) -> list[ServerAddress]:
        """Every server that a room is joined through now."""
        return self.book.servers()

    async def connect(self, address: str) -> tuple[str, int]:
        """Look whether a box is at an address that a person typed, and ask it from now on when joining;
        return its IP address and port. Raises ControlError when no box is there."""
        found = await self.book.connect(address)
        self.elsewhere.look_soon()
        self.rooms.set_servers(self.servers())
        return found

    def relay_lost(self, relay: str) -> None:
        """A connection to this server was lost: is its box still there?"""
        if self.discovery is not None:
            self.discovery.probe_now(relay)

    # --- what people read -------------------------------------------------------------------------------

    def count(self, code: str) -> None:
        """Count something that was dropped, refused or lost, by its stable code."""
        self.counters[code] += 1

    def _abused(self, sentence: Text) -> None:
        self.notify(sentence, Tone.CALM)

    def notify(self, text: Text, tone: Tone) -> None:
        """Show a line on the screen for some seconds."""
        self._notice_id += 1
        self.notices = [*self.notices, Notice(self._notice_id, text, tone, self.now())][-limits.NOTICES_MAX :]
        self.changed()

    def changed(self, *, at_once: bool = False) -> None:
        """Publish a new snapshot, once for all that happens within ``limits.SNAPSHOTS_EVERY``, or ``at_once``
        after whatever is going on now.
        """
        if at_once and self._publishing is not None:
            self._publishing.cancel()
            self._publishing = None
        if self._publishing is None and at_once:
            self._publishing = self._loop.call_soon(self._publish)
        elif self._publishing is None:
            every = limits.ARRIVAL_VIEWS_EVERY / 2 if self._quiet else limits.SNAPSHOTS_EVERY
            at = max(self.now(), self._published_at + every)
            self._publishing = self._loop.call_at(at, self._publish)

    def look(self) -> None:
        """In a call: levels and link quality change without telling anybody."""
        if self._view_timer is not None:
            self._view_timer.cancel()
            self._view_timer = None
        if self.session is None:
            return
        self.session.look_at_links()
        self._looks += 1
        if self.session.hearing.listen() or self._looks % limits.VIEW_LINKS_EVERY == 0:
            self.changed()
        if not self._quiet:
            self.housekeeping.in_call()
        self._view_timer = self._loop.call_later(limits.VIEW_EVERY, self.look)

    def _publish(self) -> None:
        self._publishing = None
        now = self._published_at = self.now()
        self.notices = [notice for notice in self.notices if now - notice.at < limits.NOTICE_KEPT_FOR]
        self.bridge.publish(status.snapshot(self))
