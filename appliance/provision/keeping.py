"""What is kept of a card on the data partition: the last good one, with the secrets that were taken off it.

One file, so that text and secrets are always of one card, whenever the power goes. For root alone.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import msgspec

from appliance.core import limits, pin_hash
from appliance.provision import disk
from appliance.provision.takeover import Kept

log = logging.getLogger("meetingbox")

FOLDER = "data/provision"
FILE = "applied.json"


class Applied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``text``: the last good card's, None before there was one; without the secrets, which are ``kept``.

    ``pending``: ``digest`` of that card as it was, as long as its secrets are still on it.
    """

    text: str | None = None
    kept: Kept = Kept()
    pending: str = ""
    v: int = 1


def digest(text: str) -> str:
    """By which a card's text is known again."""
    return hashlib.sha256(text.encode()).hexdigest()


def load(root: Path) -> Applied:
    """Read it. A file that is damaged is as if there was none, and a line in the log."""
    path = root / FOLDER / FILE
    try:
        found = msgspec.json.decode(disk.read_limited(path, limits.PROVISION_FILE_MAX_BYTES), type=Applied)
        if found.kept.pin_hash:
            pin_hash.from_text(found.kept.pin_hash)
        return found
    except FileNotFoundError:
        return Applied()
    except (OSError, ValueError) as error:
        log.warning("provision.damaged %s %s", path, type(error).__name__)
        return Applied()


def save(root: Path, applied: Applied) -> None:
    """Keep it. Raises OSError."""
    folder = root / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    disk.write(folder / FILE, msgspec.json.encode(applied), mode=0o600)
