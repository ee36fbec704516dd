"""What a person wants, at the screen: each intent a few lines over what the control socket does too."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from typing import TYPE_CHECKING

from appliance.app import meeting
from appliance.core import intents, limits
from appliance.core.settings_view import SettingsIntent
from appliance.errors import ControlError

if TYPE_CHECKING:
    from appliance.app.box import Box

log = logging.getLogger("meetingbox")


class Intents:
    """The intents of one box, done one after the other."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._queue: asyncio.Queue[intents.Intent] = asyncio.Queue(limits.INTENTS_MAX)

    @property
    def waiting(self) -> tuple[int, int]:
        """(how many are not handled yet, the most there may be)."""
        return self._queue.qsize(), limits.INTENTS_MAX

    def put(self, intent: intents.Intent) -> None:
        """A person wants this; on the network thread."""
        try:
            self._queue.put_nowait(intent)
        except asyncio.QueueFull:
            self._box.count("intent.dropped")

    async def follow(self) -> None:
        """Do what is wanted, until cancelled."""
        while True:
            intent = await self._queue.get()
            try:
                await self._perform(intent)
            except ControlError as error:
                log.info("%s", error.code)
            except Exception:
                # One press that fails must not make the keypad dead.
                log.exception("intent.failed %s", type(intent).__name__)

    async def _perform(self, intent: intents.Intent) -> None:
        """Raises ControlError when it is not possible now."""
        box = self._box
        if isinstance(intent, SettingsIntent):
            box.settings.perform(intent)
            return
        match intent:
            case intents.Join(room, password, pressed_at):
                await box.rooms.join(room, password, made_up=False, pressed_at=pressed_at)
            case intents.StartMeeting(pressed_at):
                room, password = meeting.make_up(secrets.randbelow)
                await box.rooms.join(room, password, made_up=True, pressed_at=pressed_at)
            case intents.Leave(room):
                await box.rooms.leave(room)
            case intents.SwitchRoom(room):
                await box.rooms.switch(room)
            case intents.SetMuted(muted):
                box.set_media(muted=muted)
            case intents.SetCamera(on):
                box.set_media(camera_on=on)
            case intents.AllowJoining(is_open):
                box.rooms.in_call().door.move(is_open)
            case intents.AdmitStranger():
                box.rooms.in_call().proving.admit()
            case intents.SetLayout(layout):
                box.set_layout(layout)
            case intents.HideTiles(hidden):
                box.hide_tiles(hidden)
            case intents.PinPeer(peer):
                box.pin(peer)
            case intents.MutePeer(peer, muted):
                box.rooms.in_call().members.mute_peer(peer, muted)
            case intents.MoveTile(peer, place):
                box.move_tile(peer, place)
            case intents.ClosePeer(peer):
                box.rooms.in_call().members.close_peer(peer)
            case intents.TilesShown(sizes, self_view):
                box.show_tiles({peer: (width, height) for peer, width, height in sizes}, self_view)
            case intents.CheckSound():
                box.tasks.spawn(box.sound_checks.run_for_screen(), "sound check")
            case intents.Connect(address):
                box.tasks.spawn(self._connect_for_screen(address), "connect")
            case intents.CloseConnect():
                box.book.forget_view()
            case intents.Quit():
                pass  # the display ends and with it the box

    async def _connect_for_screen(self, address: str) -> None:
        with contextlib.suppress(ControlError):  # the screen reads it in the snapshot
            await self._box.connect(address)
