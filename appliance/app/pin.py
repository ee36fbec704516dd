"""The admin PIN, as a salted slow hash in the state folder: the PIN itself is nowhere.

The configuration may give one; the box takes it over at its first start with it. What is set on the screen
wins until another one stands in the configuration, so who forgot it helps himself there.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

import msgspec

from appliance.app import state_writing
from appliance.core import limits, pin_hash
from appliance.core.pin_hash import PinHash

log = logging.getLogger("meetingbox")

PIN = "pin.json"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``pin``: the one in force. ``configured``: the one that stood in the configuration last."""

    v: int = 1
    pin: PinHash | None = None
    configured: PinHash | None = None


class AdminPin:
    """Kept in the state folder. What hashes takes a tenth of a second: call it on a thread of its own."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._kept = _read(state_dir / PIN)

    @property
    def is_set(self) -> bool:
        return self._kept.pin is not None

    def adopt(self, configured: str) -> None:
        """Take over the configuration's PIN, unless it is the one that was taken over before."""
        before = self._kept.configured
        if configured and (before is None or not before.fits(configured)):
            made = _make(configured)
            self._keep(_File(pin=made, configured=made))
            log.info("pin.adopted from the configuration: take it out of there")

    def adopt_hash(self, text: str) -> None:
        """Take over the configuration's hash of a PIN, unless it is the one that was taken over before."""
        made = pin_hash.from_text(text) if text else None
        if made is not None and made != self._kept.configured:
            self._keep(_File(pin=made, configured=made))
            log.info("pin.adopted")

    def fits(self, pin: str) -> bool:
        """Is it this PIN? True where there is none."""
        return self._kept.pin is None or self._kept.pin.fits(pin)

    def set(self, pin: str) -> None:
        """Keep another one; an empty one: none."""
        self._keep(_File(pin=_make(pin) if pin else None, configured=self._kept.configured))

    def forget(self) -> None:
        """Be as on the first day: the configuration's, or none."""
        configured = self._kept.configured
        with contextlib.suppress(OSError):
            (self._state_dir / PIN).unlink()
        self._kept = _File()
        if configured is not None:
            self._keep(_File(pin=configured, configured=configured))

    def _keep(self, file: _File) -> None:
        self._kept = file
        state_writing.save(self._state_dir, PIN, msgspec.json.encode(file))


def _make(pin: str) -> PinHash:
    return pin_hash.make(pin, os.urandom(limits.PIN_SALT_BYTES))


def _read(path: Path) -> _File:
    try:
        with path.open("rb") as stream:
            kept = msgspec.json.decode(stream.read(limits.PIN_FILE_MAX_BYTES), type=_File)
        for made in (kept.pin, kept.configured):
            if made is not None and not made.affordable:
                raise ValueError("no hash of ours")
    except FileNotFoundError:
        return _File()
    except (OSError, ValueError) as error:
        log.warning("state.damaged %s %s", PIN, type(error).__name__)
        return _File()
    return kept
