"""Keys of the emulated keyboard, by QEMU's names for them (its qapi/ui.json, QKeyCode)."""

from __future__ import annotations

NAMED = {
    "ok": "ret",
    "back": "esc",
    "delete": "backspace",
    "up": "up",
    "down": "down",
    "left": "left",
    "right": "right",
    "tab": "tab",
    " ": "spc",
    ".": "dot",
    ",": "comma",
    "-": "minus",
    "/": "slash",
}
"""What the box calls a key (see ``meetingbox ctl press``), or the sign on it."""


def codes(key: str) -> list[str]:
    """The keys to hold down together for one key press; ValueError for one the keyboard does not have.

    A capital letter is its key with shift.
    """
    if key in NAMED:
        return [NAMED[key]]
    if len(key) == 1 and key.isascii() and key.isalnum():
        return ["shift", key.lower()] if key.isupper() else [key]
    raise ValueError(f"no key on the emulated keyboard for {key!r}")


def combination(key: str) -> list[dict[str, str]]:
    """The ``keys`` of the monitor's ``send-key`` for one key press."""
    return [{"type": "qcode", "data": code} for code in codes(key)]
