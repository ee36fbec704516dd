"""Files that appear whole or not at all, whenever the power goes.

A file is written beside its place, brought to the disk, and renamed; the folder is brought to the disk, too,
before anything relies on it. The FAT partition of the card is mounted read-only and is made writable for as
long as one of its files is exchanged.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import logging
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from appliance import config as configuration
from appliance.core import limits
from appliance.errors import ConfigError

log = logging.getLogger("meetingbox")

SUFFIX = ".new"


def write(path: Path, data: bytes, mode: int = 0o644, group: str = "root", like: Path | None = None) -> None:
    """Put a file in the place of the one before it, unless it is the same. Raises OSError.

    Folders on the way are made. A ``group`` that does not exist leaves the file to root alone; ``like``: the
    file is to belong to whom that folder belongs.
    """
    if _is(path, data, mode):
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    scratch = path.with_name(path.name + SUFFIX)
    scratch.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(scratch, flags, 0o600)
    with open(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        _own(handle, group, like)
        # FAT knows neither owners nor modes.
        with contextlib.suppress(PermissionError):
            os.fchmod(handle, mode)
        os.fsync(handle)
    scratch.replace(path)
    sync_folder(path.parent)


def _is(path: Path, data: bytes, mode: int) -> bool:
    """Is it there already, as it shall be? Then it is not written: cards wear out."""
    try:
        found = path.lstat()
        same = stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) == mode
        return same and found.st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _own(handle: int, group: str, like: Path | None) -> None:
    if os.geteuid() != 0:
        return
    with contextlib.suppress(KeyError, PermissionError):
        if like is not None:
            found = like.stat()
            os.fchown(handle, found.st_uid, found.st_gid)
        elif group != "root":
            os.fchown(handle, 0, grp.getgrnam(group).gr_gid)


def link(path: Path, target: str) -> None:
    """Put a symbolic link in the place of whatever file is there. Raises OSError."""
    if path.is_symlink() and os.readlink(path) == target:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + SUFFIX)
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(target)
    scratch.replace(path)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing
            raise
    finally:
        os.close(handle)


def read_limited(path: Path, most: int) -> bytes:
    """Return a file that has ``most`` bytes at most. Raises OSError, ValueError for a larger one."""
    with path.open("rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise ValueError("too large")
    return data


# --- The card ---------------------------------------------------------------------------------------


def read_card(path: Path, repair: bool = True) -> tuple[str, bool]:
    """Return the text of ``meetingbox.toml``, and whether a byte order mark came first. Raises ConfigError.

    ``repair``: first finish an exchange of the file that was cut short.
    """
    if repair:
        finish_exchange(path)
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        _tell_twin(path)
        kind = stat.S_IFREG
    except OSError:
        kind = stat.S_IFREG  # reading says what it is
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise ConfigError("config.unreadable", str(path), "", "a file", "something else")
    raw = configuration.read_bytes(path)
    return configuration.as_text(raw, str(path)), raw.startswith(b"\xef\xbb\xbf")


def _tell_twin(path: Path) -> None:
    """Windows hides the end of a name: who saves ``meetingbox.toml`` may get ``meetingbox.toml.txt``."""
    twin = path.with_name(path.name + ".txt")
    if twin.is_file():
        raise ConfigError("config.missing", str(path), "", "a TOML file", twin.name)


def finish_exchange(path: Path) -> None:
    """The power went while the card's file was exchanged: where only the new one is left, it is taken."""
    scratch = path.with_name(path.name + SUFFIX)
    if path.exists() or not scratch.is_file():
        return
    try:
        with writable(path.parent):
            scratch.replace(path)
            sync_folder(path.parent)
        log.warning("provision.exchange-finished %s", path.name)
    except OSError as error:
        log.warning("provision.exchange-not-finished %s", error.strerror)


def exchange(path: Path, data: bytes) -> None:
    """Put another text in the place of the card's, and overwrite where the old one stood. Raises OSError.

    The old one is there until the new one is on the disk under its name. What it had is overwritten then,
    because FAT only forgets where a file was: a passphrase would still be on the card.
    """
    with writable(path.parent), path.open("r+b") as old:
        before = os.fstat(old.fileno())
        write(path, data, mode=stat.S_IMODE(before.st_mode))
        if os.path.samestat(before, path.stat()):
            return
        old.write(b" " * before.st_size)
        old.flush()
        os.fsync(old.fileno())


def remove(path: Path) -> None:
    """Take a file, or an empty folder, off the card. Raises OSError."""
    with writable(path.parent):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        sync_folder(path.parent)


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Mount the file system of a folder for writing as long as this lasts, if it is not. Raises OSError."""
    if not os.statvfs(folder).f_flag & os.ST_RDONLY:
        yield
        return
    _remount(folder, "rw")
    try:
        yield
    finally:
        try:
            _remount(folder, "ro")
        except OSError as error:
            log.warning("provision.still-writable %s %s", folder, error.strerror)


def _remount(folder: Path, how: str) -> None:
    try:
        done = subprocess.run(
            ["mount", "-o", f"remount,{how}", str(folder)],
            capture_output=True,
            timeout=limits.MOUNT_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OSError(errno.ETIMEDOUT, "mount does not end") from None
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OSError(errno.EROFS, f"mount: {reason[-1] if reason else done.returncode}")
