"""The box as on its first day: nothing that it kept is left, in its files or in its memory."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from appliance import settings_file
from appliance.app import last_good, pin, state_files
from appliance.core.view import Tone
from appliance.core.words import say

if TYPE_CHECKING:
    from appliance.app.box import Box

log = logging.getLogger("meetingbox")

FILES = (
    settings_file.SETTINGS,
    settings_file.BROKEN,
    state_files.IDENTITY,
    state_files.GUESSES,
    state_files.MET,
    state_files.KNOWN,
    state_files.MET_KEYS,
    state_files.NAME,
    last_good.LAST_GOOD,
    pin.PIN,
)
DONE = say("This box is as on its first day.")
NOT_ALL = say("Not everything could be erased: the state folder of this box can't be written.")


async def reset(box: Box) -> None:
    """Leave every meeting, forget everything, and go on with the configuration alone and a new identity."""
    log.warning("box.reset")
    for session in box.rooms.sessions:
        await box.rooms.leave(session.room)
    box.settings.close()
    whole = await asyncio.to_thread(_remove, box.state_dir)
    box.forget()
    await asyncio.to_thread(box.settings.pin.forget)
    await box.settings.apply(box.file_config)
    await box.settings.rename(box.configured_name)
    box.notify(DONE if whole else NOT_ALL, Tone.CALM if whole else Tone.BAD)


def _remove(state_dir: Path) -> bool:
    """Remove every file that a box keeps, and what a write that was cut short left of it; say whether all
    are gone.
    """
    whole = True
    for name in FILES:
        path = state_dir / name
        for file in (path, path.with_suffix(".new")):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                log.warning("reset.not-removed %s %s", file.name, error.strerror)
                whole = False
    return whole
