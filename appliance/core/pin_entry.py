"""What somebody types as an admin PIN: digits, some at least and some at most.

An entry is a value; every function returns the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from appliance.core import limits
from appliance.core.words import Text, say

DIGITS_ONLY = say("A PIN has digits only.")
TOO_SHORT = say("A PIN has at least {n} digits.", n=limits.PIN_DIGITS_MIN)
TOO_LONG = say("A PIN has at most {n} digits.", n=limits.PIN_DIGITS_MAX)


@dataclass(frozen=True, slots=True)
class PinEntry:
    """``problem``: a sentence about the last key, or nothing."""

    digits: str = field(default="", repr=False)
    problem: Text = ""

    @property
    def complete(self) -> bool:
        return len(self.digits) >= limits.PIN_DIGITS_MIN


def typed(entry: PinEntry, char: str) -> PinEntry:
    """Return the entry after one character."""
    if len(char) != 1 or char not in "0123456789":
        return replace(entry, problem=DIGITS_ONLY)
    if len(entry.digits) >= limits.PIN_DIGITS_MAX:
        return replace(entry, problem=TOO_LONG)
    return PinEntry(entry.digits + char)


def deleted(entry: PinEntry) -> PinEntry:
    """Return the entry without its last digit."""
    return PinEntry(entry.digits[:-1])


def checked(entry: PinEntry) -> PinEntry:
    """Return the entry, with a problem when it is too short."""
    return entry if entry.complete else replace(entry, problem=TOO_SHORT)


def is_pin(text: str) -> bool:
    """Can this be a PIN?"""
    return text.isascii() and text.isdigit() and limits.PIN_DIGITS_MIN <= len(text) <= limits.PIN_DIGITS_MAX
