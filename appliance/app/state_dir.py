"""The folder in which a box keeps what outlives a start (`state_files`): can it be used?"""

from __future__ import annotations

import os
from pathlib import Path

from appliance.errors import StartError


def check_state_dir(state_dir: Path) -> None:
    """Raise StartError unless the state folder can be used."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError("start.state", f"The state folder {state_dir} can't be made: {reason}.") from None
    if not os.access(state_dir, os.W_OK):
        raise StartError("start.state", f"The state folder {state_dir} can't be written to.")
