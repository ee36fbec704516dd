"""The box's long-term identity on disk: made once, mode 0600, replaced never."""

from __future__ import annotations

import os
from pathlib import Path

from appliance.core.identity import BoxIdentity
from appliance.errors import StartError

FILE = "identity.key"


def load_or_make(state_dir: Path) -> BoxIdentity:
    """Read the identity, or make it on the first start.

    The new file appears whole or not at all: a box that loses power while it writes makes another
    one at the next start. Raises StartError when the folder can't be used or the file is damaged.
    """
    path = state_dir / FILE
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            return _read(path)
        identity = BoxIdentity.generate(os.urandom)
        scratch = path.with_suffix(".new")
        scratch.unlink(missing_ok=True)
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, identity.to_bytes())
            os.fsync(handle)
        finally:
            os.close(handle)
        scratch.rename(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError("start.state", f"The state folder {state_dir} can't be used: {reason}.") from None
    return identity


def _read(path: Path) -> BoxIdentity:
    try:
        return BoxIdentity.from_bytes(path.read_bytes())
    except ValueError:
        raise StartError(
            "start.identity",
            f"The box's identity {path} is damaged. Move the file away and the box makes a new one; "
            "other boxes will then say that it is new.",
        ) from None
