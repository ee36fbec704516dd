"""How what a box keeps between starts is written: a file appears whole or not at all, for this user alone."""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)


def write_secret(path: Path, data: bytes) -> None:
    """Put a file, mode 0600, in the place of the one before it. Raises OSError."""
    scratch = path.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    scratch.rename(path)


def save(state_dir: Path, name: str, data: bytes) -> None:
    """Keep a file, for this user alone; a folder that can't be written is logged and no reason to fail."""
    path = state_dir / name
    scratch = path.with_suffix(".new")
    try:
        scratch.unlink(missing_ok=True)  # a file that is there keeps the mode that it was made with
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as file:
            file.write(data)
        scratch.replace(path)
    except OSError as error:
        log.warning("state.not-saved %s %s", name, error.strerror)
