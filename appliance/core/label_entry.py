"""What somebody types as a name: of this box, or of a room that one press dials.

One line of at most so many bytes, without anything invisible, as the configuration wants it. An entry is a
value; every function returns the next one, and nothing typed is ever lost by an error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from appliance.core import limits
from appliance.core.words import Text, say

TOO_LONG = say("That is as long as a name may be.")
EMPTY = say("Type a name first.")


@dataclass(frozen=True, slots=True)
class LabelEntry:
    """``problem``: a sentence about the last key, or nothing."""

    text: str = ""
    problem: Text = ""

    @property
    def label(self) -> str:
        """What was typed, without spaces around it."""
        return self.text.strip()


def typed(entry: LabelEntry, char: str) -> LabelEntry:
    """Return the entry after one character; what can't be seen is not taken."""
    if len(char) != 1 or not char.isprintable():
        return entry
    text = entry.text + char
    if len(text.encode("utf-8", "replace")) > limits.NAME_MAX_BYTES:
        return replace(entry, problem=TOO_LONG)
    return LabelEntry(text)


def deleted(entry: LabelEntry) -> LabelEntry:
    """Return the entry without its last character."""
    return LabelEntry(entry.text[:-1])


def checked(entry: LabelEntry) -> LabelEntry:
    """Return the entry, with a problem when there is nothing in it."""
    return entry if entry.label else replace(entry, problem=EMPTY)
