"""Everything that a box keeps erased, because a file on its card asks for it.

A file or a folder ``factory-reset`` beside ``meetingbox.toml`` (Windows may call it ``factory-reset.txt``)
makes the box as on its first day: another identity, no settings from the screen, no memory of other boxes, no
passwords. What stands in ``meetingbox.toml`` stays in force; secrets that were taken off it must be written
there again.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from appliance.provision import disk

log = logging.getLogger("meetingbox")

CARD = "boot/firmware"
NAMES = ("factory-reset", "factory-reset.txt")
ERASED = ("data/provision", "data/ssh", "data/machine-id")
EMPTIED = "data/meetingbox"  # mounted where the box looks for it: the folder itself stays
DONE = "data/reset-done"


def if_asked(root: Path) -> bool:
    """Erase everything if the card asks for it, and take the file off the card; say whether it was done.

    A card that can't be written keeps its file: the same file is obeyed once.
    """
    asked = next((path for name in NAMES if (path := root / CARD / name).exists()), None)
    done = root / DONE
    try:
        if asked is None:
            done.unlink(missing_ok=True)
            return False
        found = asked.stat()
        stamp = f"{asked.name} {found.st_size} {found.st_mtime_ns}\n"
        new = not done.is_file() or done.read_text(encoding="utf-8") != stamp
        if new:
            log.warning("reset.asked by %s", asked.name)
            _erase(root)
            disk.write(done, stamp.encode(), mode=0o600)
    except (OSError, ValueError) as error:
        log.warning("reset.failed %s", error)
        return False
    try:
        disk.remove(asked)
        done.unlink(missing_ok=True)
    except OSError as error:
        log.warning("reset.still-on-the-card %s", error.strerror)
    return new


def _erase(root: Path) -> None:
    emptied = root / EMPTIED
    kept = list(emptied.iterdir()) if emptied.is_dir() and not emptied.is_symlink() else []
    for path in (*kept, *(root / name for name in ERASED)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for folder in (emptied, root / "data"):
        if folder.is_dir():
            disk.sync_folder(folder)
