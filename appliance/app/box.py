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

from appliance.app import provisioned, settings, state_files
from appliance.app.abuse import AbuseReport
from appliance.app.addresses import AddressBook
from appliance.app.commands import Commands
from appliance.app.copies import Copies
from appliance.app.elsewhere import Elsewhere
from appliance.app.intents import Intents
from appliance.app.lag import LagMeter
from appliance.app.memory import Housekeeping
from appliance.app.own_media import OwnMedia
from appliance.app.publisher import Publisher
from appliance.app.records import Records
from appliance.app.rooms import Rooms
from appliance.app.session import Session
from appliance.app.snapshot import snapshot
from appliance.app.sound_checks import SoundChecks
from appliance.app.status import counters
from appliance.app.tasks import Ends, Tasks
from appliance.app.tiles_here import tiles_in_order
from appliance.bridge import Bridge
from appliance.config import Admin, Config, box_name
from appliance.control.server import ControlServer
from appliance.core import limits
from appliance.core.picture import Picture
from appliance.core.view import Tone
from appliance.core.words import Text
from appliance.errors import ConfigError
from appliance.settings_file import Changes, without_pin
from appliance.signaling.client import ServerAddress
from appliance.signaling.discovery import Discovery, FoundBox
from appliance.signaling.interfaces import Interface, InterfaceWatcher, host_addresses
from appliance.signaling.server import SignalingServer

log = logging.getLogger("meetingbox")


class ScreenControl(Protocol):
    """What the control socket needs of the display (its methods are thread-safe)."""

    @property
    def opened(self) -> bool: ...
    def wait_opened(self) -> None: ...
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
        self.file_config = without_pin(config)
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
        self.publisher = Publisher(self._loop, lambda: snapshot(self), bridge.publish)
        self.notify, self.changed = self.publisher.notify, self.publisher.changed
        self.book = AddressBook(config, state_dir, self.changed, self.count, self._loop.call_later)
        self.elsewhere = Elsewhere(
            lambda: self.book.elsewhere(self.now()), lambda: bool(self.rooms.sessions), self.changed
        )
        self.layout = "grid"
        self.pinned: str | None = None
        self.tiles_hidden = False
        self.tiles: dict[str, tuple[int, int]] = {}
        self.now = self._loop.time  # the monotonic clock
        self.lag = LagMeter(self._loop)
        self.identity = state_files.load_identity(state_dir)
        self.records = Records(state_dir, self.now)
        self.abuse = AbuseReport(self._loop, self.now, lambda: counters(self), self._abused)
        self.intents = Intents(self)
        self.housekeeping = Housekeeping(self._loop, lambda: self.rooms.anybody)
        self.tasks = Tasks()
        self._ends = Ends()
        self._view_timer: asyncio.TimerHandle | None = None
        self._looks = 0
        self.media = OwnMedia(
            config,
            self.name,
            call_soon=self._call_soon,
            active=lambda: self.rooms.active,
            previewing=lambda: self.settings.previewing,
            show=self.show,
            changed=self.changed,
        )
        self.sound_checks = SoundChecks(self)
        self.settings: settings.Settings = settings.Settings(self)
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
            await self.media.camera.start()
            ends.add("camera", self.media.camera.stop)
            self.media.engine.start()
            ends.add("sound", self.media.stop_sound)
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
        self.publisher.publish()  # before anything is drawn: in the look and the language that were chosen
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
        self.publisher.stop()
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
        session.move_tile(peer_id, place, tiles_in_order(session))

    def forget(self) -> None:
        """Be another box: what was kept is gone, and read anew. It is in no room."""
        self.identity = state_files.load_identity(self.state_dir)
        self.records = Records(self.state_dir, self.now)
        self.book.forget()
        self.changes = Changes()
        self.layout = "grid"
        self.rooms.refusal = None
        self.publisher.notices = []
        self.set_media(muted=False, camera_on=True)

    @property
    def looks_for_same_room(self) -> bool:
        """Look for boxes that share a room with this one?"""
        wish = self.config.audio.same_room
        return wish == "on" or (wish == "auto" and self.media.engine.hears_room)

    def set_media(self, muted: bool | None = None, camera_on: bool | None = None) -> None:
        """Mute or open the microphone, switch the camera off or on."""
        self.media.set(muted, camera_on)
        self.rooms.set_media(self.media.muted, self.media.camera_on)
        self.changed()

    def keep_quiet(self) -> None:
        """Send little while this box comes into a crowd (core/arrival.py), and all of it afterwards."""
        quiet = self.session is not None and self.session.media.arriving
        self.media.keep_quiet(quiet)
        self.publisher.every = limits.ARRIVAL_VIEWS_EVERY / 2 if quiet else limits.SNAPSHOTS_EVERY

    @property
    def box_id(self) -> str:
        return self.identity.box_id_hex

    # --- pictures on the screen ---------------------------------------------------------------------

    def show(self, tile: str, picture: Picture | None) -> None:
        """Put a picture on a tile, or take it off; on any thread."""
        self.bridge.slot(tile).put(picture)

    def show_tiles(self, sizes: dict[str, tuple[int, int]], self_view: tuple[int, int] | None) -> None:
        """The sizes at which the peers and our own picture are drawn; one that is not named is hidden."""
        self.tiles = sizes
        self.media.show_self(self_view)
        if self.session is not None:
            self.session.media.show_tiles(sizes)

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
        if not self.media.quiet:
            self.housekeeping.in_call()
        self._view_timer = self._loop.call_later(limits.VIEW_EVERY, self.look)
