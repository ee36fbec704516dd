"""Boxes that were made from one copied card: both go on working, and one of them becomes another box."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appliance.app import state_files
from appliance.core.clones import other_name, takes_new_identity
from appliance.core.view import Tone
from appliance.signaling.discovery import clean_name

if TYPE_CHECKING:
    from appliance.app.box import Box

log = logging.getLogger("meetingbox")


class Copies:
    """What this box does when it meets a copy of itself, or its own name."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._renewing = False
        self._namesakes = False  # another box is called like this one

    def met(self, our_peer_id: str, their_peer_id: str) -> None:
        """Another box in a meeting proved that it has our private key: one of the two gets a new one."""
        box = self._box
        if not takes_new_identity(our_peer_id, their_peer_id):
            box.count("identity.clone-met")
            log.warning("identity.clone-met")
            box.notify("A copy of this box is here: it takes another name.", Tone.WARNING)
        elif not self._renewing:
            self._renewing = True
            box.tasks.spawn(self._become_another(), "new identity")

    async def _become_another(self) -> None:
        box = self._box
        try:
            configured = box.configured_name
            here = {shell.machine.name for s in box.rooms.sessions for shell in s.peers.values()}
            box.name = other_name(configured, {configured, box.name, *here, *(b.name for b in box.found)})
            box.identity = state_files.renew_identity(box.state_dir)
            state_files.save_name(box.state_dir, configured, box.name)
            box.count("identity.cloned")
            log.warning("identity.cloned name=%r box=%s", box.name, box.box_id)
            if box.discovery is not None:
                await box.discovery.rename(box.name)
            await box.rooms.begin_anew()
            sentence = f"Another box is a copy of this one: this one is called {box.name} now."
            box.notify(sentence, Tone.WARNING)
        finally:
            self._renewing = False

    def look_for_namesakes(self) -> None:
        """Tell, once while there are any, that people can't tell two boxes apart."""
        box = self._box
        ours = clean_name(box.name)
        there = any(found.present and found.name == ours for found in box.found)
        if there and not self._namesakes:
            box.count("name.duplicate")
            log.warning("name.duplicate %r", ours)
            box.notify(f"Another box here is called {ours} too: rename one of the two.", Tone.WARNING)
        self._namesakes = there
