"""The verbs of the control socket, each a few lines over what a finger does too."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance import doctor, probes
from appliance.app import sound_checks, stats, status
from appliance.config import Loaded
from appliance.control import protocol as p
from appliance.errors import ControlError

if TYPE_CHECKING:
    from appliance.app.box import Box
    from appliance.app.peer_shell import PeerShell


class Commands:
    """Answers requests of the control socket."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def handle(self, request: p.Request) -> dict[str, Any]:
        """Do one thing; return the reply's fields. Raises ControlError when it can't be done."""
        box = self._box
        match request:
            case p.GetStatus():
                return status.status(box)
            case p.GetStats(sequence=sequence, since=since):
                heard = await asyncio.to_thread(stats.sequences, box, since) if sequence else {}
                return stats.stats(box, heard, since)
            case p.Join(room=room, password=password):
                await box.rooms.join(room, password, made_up=False, pressed_at=time.monotonic())
            case p.Leave(room=leaving):
                await box.rooms.leave(leaving)
            case p.SwitchRoom(room=room):
                await box.rooms.switch(room)
                return {"room": room}
            case p.Mute(state=state):
                box.set_media(muted=_wanted(state, box.media.muted))
                return {"muted": box.media.muted}
            case p.Camera(state=state):
                box.set_media(camera_on=_wanted(state, box.media.camera_on))
                return {"camera_on": box.media.camera_on}
            case p.AllowJoining(state=state):
                box.rooms.in_call().door.move(state == "on")
            case p.Admit():
                box.rooms.in_call().proving.admit()
            case p.Peer(peer=peer, action=action):
                self._peer(peer, action)
            case p.MoveTile(peer=peer, place=place):
                box.move_tile(self._find(peer).machine.peer_id, place - 1)
            case p.Layout(layout=layout):
                box.set_layout(layout)
            case p.Tiles(state=tiles):
                box.hide_tiles(tiles == "hide")
            case p.Press(key=key):
                if not box.screen.opened:  # a script was quicker than the first page
                    await asyncio.to_thread(box.screen.wait_opened)
                box.screen.press(key)
            case p.Screenshot(file=file):
                await asyncio.to_thread(box.screen.screenshot, Path(file))
                return {"file": file}
            case p.Screen(state=shown):
                there = await asyncio.to_thread(box.screen.show_screen, shown == "open")
                return {"screen": "open" if there else "closed"}
            case p.RestartSignaling():
                await box.server.restart()
            case p.CheckSound():
                return sound_checks.reply(await box.sound_checks.run())
            case p.Connect(address=address):
                found, port = await box.connect(address)
                box.book.forget_view()
                return {"address": found, "port": port}
            case p.RunDoctor():
                return await asyncio.to_thread(self._doctor)
        return {}

    def _doctor(self) -> dict[str, Any]:
        box = self._box
        loaded = Loaded(box.config, box.config_path)
        return doctor.to_dict(doctor.examine(probes.all_probes(loaded, box.state_dir, box.control.path)))

    def _peer(self, name: str, action: str) -> None:
        shell = self._find(name)
        match action:
            case "mute":
                self._box.rooms.in_call().members.mute_peer(shell.machine.peer_id, not shell.muted_here)
            case "close":
                self._box.rooms.in_call().members.close_peer(shell.machine.peer_id)
            case "pin":
                peer_id = shell.machine.peer_id
                self._box.pin(None if self._box.pinned == peer_id else peer_id)

    def _find(self, name: str) -> PeerShell:
        """The peer of this id, or of this name where only one has it."""
        peers = self._box.rooms.in_call().peers
        if name in peers:
            return peers[name]
        named = [shell for shell in peers.values() if shell.machine.name == name]
        if not named:
            raise ControlError("peer.unknown", f"There is no “{name}” in this meeting.")
        if len(named) > 1:
            raise ControlError("peer.ambiguous", f"There are {len(named)} boxes named “{name}”: use an id.")
        return named[0]


def _wanted(state: str, now: bool) -> bool:
    return not now if state == "toggle" else state == "on"
