"""What a box keeps between starts: its identity, the guesses spent, whom it met and where, a name it took.

Every file appears whole or not at all. The identity is made once, mode 0600, and replaced only when
another box turned out to be a copy of this one; the others are made anew when they are damaged, because
a box must start.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from appliance.app.state_writing import save, write_secret
from appliance.core.acquaintances import Acquaintances
from appliance.core.guesses import GuessBudgets
from appliance.core.identity import BoxIdentity
from appliance.core.known_boxes import KnownBoxes
from appliance.core.recognition import MetBoxes
from appliance.errors import StartError

log = logging.getLogger(__name__)

IDENTITY = "identity.key"
GUESSES = "guesses.json"
MET = "boxes-met.json"
KNOWN = "boxes-known.json"
MET_KEYS = "met-keys.json"  # by which those recognise this one
NAME = "name.json"

_T = TypeVar("_T")


def load_identity(state_dir: Path) -> BoxIdentity:
    """Read the identity, or make it on the first start.

    A box that loses power while it writes makes another one at the next start. Raises StartError when
    the folder can't be used or the file is damaged.
    """
    path = state_dir / IDENTITY
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            return _read(path)
        identity = BoxIdentity.generate(os.urandom)
        write_secret(path, identity.to_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError("start.state", f"The state folder {state_dir} can't be used: {reason}.") from None
    return identity


def renew_identity(state_dir: Path) -> BoxIdentity:
    """Another box is a copy of this one: make a new identity. A folder that can't be written is logged,
    and the new identity lasts until the box stops.
    """
    identity = BoxIdentity.generate(os.urandom)
    try:
        write_secret(state_dir / IDENTITY, identity.to_bytes())
    except OSError as error:
        log.warning("state.not-saved %s %s", IDENTITY, error.strerror)
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


def load_guesses(state_dir: Path, now: float) -> GuessBudgets:
    """The guess budgets as the last run left them."""
    return _load(state_dir / GUESSES, lambda data: GuessBudgets.from_state(data, now), GuessBudgets)


class _Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    configured: str
    name: str


def load_name(state_dir: Path, configured: str) -> str:
    """What this box is called: a name that it took because of a copy of it, until it is configured anew."""
    found = _load(
        state_dir / NAME,
        lambda data: msgspec.json.decode(data, type=_Name),
        lambda: _Name(configured, configured),
    )
    return found.name if found.configured == configured else configured


def save_name(state_dir: Path, configured: str, name: str) -> None:
    """Keep a name that the box took."""
    save(state_dir, NAME, msgspec.json.encode(_Name(configured, name)))


def load_met(state_dir: Path) -> Acquaintances:
    """The boxes that this one met before."""
    return _load(state_dir / MET, Acquaintances.from_state, Acquaintances)


def load_known(state_dir: Path) -> KnownBoxes:
    """The addresses at which boxes were."""
    return _load(state_dir / KNOWN, KnownBoxes.from_state, KnownBoxes)


def load_met_keys(state_dir: Path) -> MetBoxes:
    """The keys under which boxes of former meetings recognise this one."""
    return _load(state_dir / MET_KEYS, MetBoxes.from_state, MetBoxes)


def _load(path: Path, read: Callable[[bytes], _T], fresh: Callable[[], _T]) -> _T:
    try:
        return read(path.read_bytes())
    except FileNotFoundError:
        return fresh()
    except (OSError, ValueError, StartError) as error:
        log.warning("state.damaged %s %s", path.name, type(error).__name__)
        return fresh()
