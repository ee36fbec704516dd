"""The box on its network thread: devices, discovery, server, and the rooms that it is in.

``start`` shows the order in which things begin, ``stop`` is its reverse. Intents from the screen and
requests from the control socket end up in the same methods here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

from appliance.app import meeting, memory, state_files, status
from appliance.app.abuse import AbuseReport
from appliance.app.addresses import AddressBook
from appliance.app.commands import Commands
from appliance.app.copies import Copies
from appliance.app.elsewhere import Elsewhere
from appliance.app.lag import LagMeter
from appliance.app.rooms import Rooms
from appliance.app.session import Session
from appliance.app.sound_checks import SoundChecks
from appliance.bridge import Bridge
from appliance.config import Config, box_name
from appliance.control.server import ControlServer
from appliance.core import limits, view
from appliance.core.acquaintances import Met
from appliance.core.layers import Stream
from appliance.core.view import SELF_TILE, DeviceView, Notice, Picture, Tone
from appliance.core.words import Text
from appliance.errors import ConfigError, ControlError, StartError
from appliance.media.audio.engine import AudioEngine, EncodedSound
from appliance.media.audio.processing import Wishes
from appliance.media.camera_process import CameraProcess
from appliance.media.fanout import Fanout, SoundFanout
from appliance.signaling.client import ServerAddress
from appliance.signaling.discovery import Discovery, FoundBox
from appliance.signaling.interfaces import Interface, InterfaceWatcher, host_addresses
from appliance.signaling.server import SignalingServer

log = logging.getLogger("meetingbox")


class ScreenControl(Protocol):
    """What the control socket needs of the display (its methods are thread-safe)."""

    def press(self, key: str) -> None: ...
    def screenshot(self, path: Path) -> None: ...


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
        self.config = config
        self.mistake = mistake  # in the configuration file, in whose place ``config`` is the last good one
        self.config_path = config_path
        self.state_dir = state_dir
        self.runtime_dir = runtime_dir
        self.bridge = bridge
        self.screen = screen
        self.configured_name = box_name(config)
        self.name = state_files.load_name(state_dir, self.configured_name)
        self.counters: Counter[str] = Counter()
        self.rooms = Rooms(self)
        self.copies = Copies(self)
        self.interfaces: tuple[Interface, ...] = ()
        self._loop = asyncio.get_running_loop()
        self.book = AddressBook(config, state_dir, self.changed, self.count, self._loop.call_later)
        self.elsewhere = Elsewhere(self.book.elsewhere, lambda: bool(self.rooms.sessions), self.changed)
        self.notices: list[Notice] = []
        self.muted = False
        self.camera_on = True
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
        self.budgets = state_files.load_guesses(state_dir, self.now())
        self._met = state_files.load_met(state_dir)
        self.met_keys = state_files.load_met_keys(state_dir)
        self.abuse = AbuseReport(self._loop, self.now, lambda: status.counters(self), self._abused)
        self._intents: asyncio.Queue[view.Intent] = asyncio.Queue(limits.INTENTS_MAX)
        self._collect_at = 0.0  # not before, in a call
        self._garbage = False  # a link was closed since
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: list[tuple[str, Callable[[], Coroutine[Any, Any, object]]]] = []  # of what was started
        self._stale = False  # a snapshot is due
        self._view_timer: asyncio.TimerHandle | None = None
        self._rest_timer: asyncio.TimerHandle | None = None
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
            ends.append(("control", self.control.stop))
            self.interfaces = self._watcher.start()
            ends.append(("interfaces", self._stop_watching))
            await self.server.start(self.addresses())
            ends.append(("server", self.server.stop))
            self.book.interfaces, self.book.port = self.interfaces, self.server.port
            ends.append(("addresses", self._keep_addresses))
            self.discovery = Discovery(self.name, self.server.port, self._boxes_changed)
            await self.discovery.start(self.interfaces)
            ends.append(("discovery", self.discovery.stop))
            self.elsewhere.start()
            ends.append(("elsewhere", self.elsewhere.stop))
            await self.camera.start()
            ends.append(("camera", self.camera.stop))
            self.engine.start()
            ends.append(("sound", lambda: asyncio.to_thread(self.engine.stop)))
            ends.append(("tasks", self._end_tasks))
            ends.append(("sound check", self._end_sound_check))
            self.spawn(self._follow_intents(), "intents")
            ends.append(("rooms", self.rooms.end_all))
            self.bridge.listen(lambda intent: self._call_soon(self._intent, intent))
            self.lag.start()
            self.abuse.start()
        except BaseException:
            await self.stop()
            raise
        self.spawn(self.rooms.come_back(), "rejoin")
        self.changed()
        log.info("box.started name=%r port=%d", self.name, self.server.port)

    async def stop(self, *, comes_back: bool = False) -> None:
        """The reverse of ``start``; every step is bounded and none keeps the next from running.

        ``comes_back``: nobody wanted to leave a meeting; the next start goes on with it.
        """
        self.rooms.comes_back = comes_back
        self.bridge.listen(None)
        self.lag.stop()
        self.abuse.stop()
        if self._view_timer is not None:
            self._view_timer.cancel()
            self._view_timer = None
        while self._ends:
            what, end = self._ends.pop()
            await self._step(what, end())
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None
        log.info("box.stopped")

    async def _keep_addresses(self) -> None:
        self.book.save()

    async def _stop_watching(self) -> None:
        self._watcher.stop()

    async def _end_sound_check(self) -> None:
        self.sound_checks.close()

    async def _end_tasks(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=limits.STOP_WITHIN)

    async def _step(self, what: str, work: Coroutine[Any, Any, object]) -> None:
        try:
            async with asyncio.timeout(limits.STOP_WITHIN):
                await work
        except TimeoutError:
            log.warning("stop.hangs %s", what)
        except Exception:
            log.exception("stop.failed %s", what)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something that ends with the box."""
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task.failed %s", task.get_name(), exc_info=error)

    def _call_soon(self, call: Any, *arguments: Any) -> None:
        """From any thread; dropped when the loop is closed already."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            self.counters["loop.closed"] += 1

    # --- intents --------------------------------------------------------------------------------

    @property
    def intents_waiting(self) -> tuple[int, int]:
        """(how many intents are not handled yet, the most there may be)."""
        return self._intents.qsize(), limits.INTENTS_MAX

    def _intent(self, intent: view.Intent) -> None:
        try:
            self._intents.put_nowait(intent)
        except asyncio.QueueFull:
            self.count("intent.dropped")

    async def _follow_intents(self) -> None:
        while True:
            intent = await self._intents.get()
            try:
                await self.perform(intent)
            except ControlError as error:
                log.info("%s", error.code)
            except Exception:
                # One press that fails must not make the keypad dead.
                log.exception("intent.failed %s", type(intent).__name__)

    async def perform(self, intent: view.Intent) -> None:
        """Do what a person wants. Raises ControlError when that is not possible now."""
        match intent:
            case view.Join(room, password, pressed_at):
                await self.rooms.join(room, password, made_up=False, pressed_at=pressed_at)
            case view.StartMeeting(pressed_at):
                room, password = meeting.make_up(secrets.randbelow)
                await self.rooms.join(room, password, made_up=True, pressed_at=pressed_at)
            case view.Leave(room):
                await self.rooms.leave(room)
            case view.SwitchRoom(room):
                await self.rooms.switch(room)
            case view.SetMuted(muted):
                self.set_media(muted=muted)
            case view.SetCamera(on):
                self.set_media(camera_on=on)
            case view.AllowJoining(is_open):
                self.rooms.in_call().allow_joining(is_open)
            case view.AdmitStranger():
                self.rooms.in_call().admit()
            case view.SetLayout(layout):
                self.set_layout(layout)
            case view.HideTiles(hidden):
                self.hide_tiles(hidden)
            case view.PinPeer(peer):
                self.pin(peer)
            case view.MutePeer(peer, muted):
                self.rooms.in_call().mute_peer(peer, muted)
            case view.ClosePeer(peer):
                self.rooms.in_call().close_peer(peer)
            case view.TilesShown(sizes, self_view):
                self._tiles_shown({peer: (width, height) for peer, width, height in sizes}, self_view)
            case view.OpenSoundCheck():
                self.sound_checks.open()
            case view.CheckSound():
                self.spawn(self.sound_checks.run_for_screen(), "sound check")
            case view.CloseSoundCheck():
                self.sound_checks.close()
            case view.Connect(address):
                self.spawn(self._connect_for_screen(address), "connect")
            case view.CloseConnect():
                self.book.forget_view()
            case view.Quit():
                pass  # the display ends and with it the box

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

    def save_budgets(self) -> None:
        state_files.save(self.state_dir, state_files.GUESSES, self.budgets.to_state(self.now()))

    def save_met_keys(self) -> None:
        """Keep the keys by which boxes of former meetings recognise this one."""
        state_files.save(self.state_dir, state_files.MET_KEYS, self.met_keys.to_state())

    def meet(self, name: str, box_id: str) -> Met:
        """A box proved who it is; say what we know of it."""
        met = self._met.meet(name, box_id)
        if met is not Met.KNOWN:
            state_files.save(self.state_dir, state_files.MET, self._met.to_state())
        return met

    @property
    def looks_for_same_room(self) -> bool:
        """Look for boxes that share a room with this one?"""
        wish = self.config.audio.same_room
        return wish == "on" or (wish == "auto" and self.engine.hears_room)

    def set_media(self, muted: bool | None = None, camera_on: bool | None = None) -> None:
        """Mute or open the microphone, switch the camera off or on."""
        if muted is not None:
            self.muted = muted
            self.engine.set_muted(muted)
        if camera_on is not None:
            self.camera_on = camera_on
            self._streams_wanted(self.video.wanted_streams())
            self.camera.set_self_view(self._self_size if camera_on else None)
            if not camera_on:
                self.video.forget_recent()
                self.show(SELF_TILE, None)
        self.rooms.set_media(self.muted, self.camera_on)
        self.changed()

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
        if self.muted and not sound.ends_spurt:
            return
        self.sound.publish(sound)
        if self.session is not None:
            self.session.heard_here(sound.level_dbov, sound.captured_ns / 1e9)

    def _self_view(self, picture: Picture) -> None:
        if self.camera_on:
            self.show(SELF_TILE, picture)

    def show(self, tile: str, picture: Picture | None) -> None:
        """Put a picture on a tile, or take it off; on any thread."""
        self.bridge.slot(tile).put(picture)

    def _tiles_shown(self, sizes: dict[str, tuple[int, int]], self_view: tuple[int, int] | None) -> None:
        self.tiles, self._self_size = sizes, self_view
        self.camera.set_self_view(self_view if self.camera_on else None)
        if self.session is not None:
            self.session.show_tiles(sizes)

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
        self.spawn(self._follow_interfaces(), "interfaces")

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

    async def _connect_for_screen(self, address: str) -> None:
        with contextlib.suppress(ControlError):  # the screen reads it in the snapshot
            await self.connect(address)

    def relay_lost(self, relay: str) -> None:
        """A connection to this server was lost: is its box still there?"""
        if self.discovery is not None:
            self.discovery.probe_now(relay)

    # --- what people read -------------------------------------------------------------------------------

    def count(self, code: str) -> None:
        """Count something that was dropped, refused or lost, by its stable code."""
        self.counters[code] += 1

    def _abused(self, sentence: str) -> None:
        self.notify(sentence, Tone.CALM)

    def notify(self, text: Text, tone: Tone) -> None:
        """Show a line on the screen for some seconds."""
        self._notice_id += 1
        self.notices = [*self.notices, Notice(self._notice_id, text, tone, self.now())][-limits.NOTICES_MAX :]
        self.changed()

    def changed(self) -> None:
        """Publish a new snapshot, once, after whatever is going on now."""
        if not self._stale:
            self._stale = True
            self._loop.call_soon(self._publish)

    def look(self) -> None:
        """In a call: levels and link quality change without telling anybody."""
        if self._view_timer is not None:
            self._view_timer.cancel()
            self._view_timer = None
        if self.session is None:
            return
        self.session.look_at_links()
        self._looks += 1
        if self.session.listen() or self._looks % limits.VIEW_LINKS_EVERY == 0:
            self.changed()
        if self._garbage and self.now() >= self._collect_at:
            memory.collect()
            self._garbage = False
            self._collect_at = self.now() + limits.COLLECT_EVERY
        self._view_timer = self._loop.call_later(limits.VIEW_EVERY, self.look)

    def link_closed(self) -> None:
        """One is over, and its memory waits for the garbage collector."""
        self._garbage = True

    def rest_soon(self) -> None:
        """Give memory back if nobody is met for a while: who comes again finds it warm."""
        if self._rest_timer is not None:
            self._rest_timer.cancel()
        self._rest_timer = self._loop.call_later(limits.MEMORY_KEPT, self._rest)

    def _rest(self) -> None:
        self._rest_timer = None
        if not self.rooms.anybody:
            memory.give_back()

    def _publish(self) -> None:
        self._stale = False
        now = self.now()
        self.notices = [notice for notice in self.notices if now - notice.at < limits.NOTICE_KEPT_FOR]
        self.bridge.publish(status.snapshot(self))


def check_state_dir(state_dir: Path) -> None:
    """Raise StartError unless the state folder can be used."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError("start.state", f"The state folder {state_dir} can't be made: {reason}.") from None
    if not os.access(state_dir, os.W_OK):
        raise StartError("start.state", f"The state folder {state_dir} can't be written to.")
