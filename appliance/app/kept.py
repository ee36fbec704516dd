"""Where the joining secret is kept: a file in memory, of this boot, that only this box's user can read.

A file system in memory is one that the kernel calls tmpfs or ramfs. On any other the secret would outlive
the power, so nothing is kept there, and that is said once in the log.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from pathlib import Path

from appliance.app.state_writing import write_secret
from appliance.core import limits

log = logging.getLogger("meetingbox")

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


class KeptFile:
    """``folder``: at run time, None for none. ``state_dir``: tells boxes of one machine apart."""

    def __init__(self, folder: Path | None, state_dir: Path) -> None:
        self._path: Path | None = None
        why = "there is no run-time folder" if folder is None else _prepare(folder)
        if folder is None or why:
            log.warning("rejoin.not-kept %s", why)
            return
        name = hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:16]
        self._path = folder / f"joined-{name}.json"

    @property
    def usable(self) -> bool:
        """Can anything be kept?"""
        return self._path is not None

    def read(self) -> bytes:
        """What was kept, empty for nothing."""
        if self._path is None:
            return b""
        try:
            with self._path.open("rb") as file:
                return file.read(limits.REJOIN_MAX_BYTES)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Keep this in the place of what was kept."""
        if self._path is None:
            return
        try:
            write_secret(self._path, data)
        except OSError as error:
            log.warning("rejoin.not-kept %s", error.strerror)

    def erase(self) -> None:
        """Keep nothing."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def boot_id() -> str:
    """The kernel's random name of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def boot_clock() -> float:
    """Seconds since the boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def in_memory(folder: Path) -> bool:
    """Is this folder on a file system in memory? What can't be found out is not."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return False
    kinds = {line.partition(" - ")[2].split(" ")[0] for line in mounts if line.split(" ")[2] == wanted}
    return bool(kinds) and kinds <= _IN_MEMORY


def _prepare(folder: Path) -> str:
    """Make the folder; return why nothing can be kept there, or nothing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not in_memory(folder):
            return f"{folder} is not in memory"
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} can't be written to"
