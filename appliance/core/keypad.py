"""What somebody types to join: a room number, then a password.

    ROOM      digits that make a number from 1 to 1000        next -> PASSWORD
    PASSWORD  any printable characters, 4 to 64 of them       next -> Ready, back -> ROOM

A state is a value; every function returns the next one. A character that can't be part of what is
being typed is not taken, and ``problem`` says why; nothing typed is ever lost by an error.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from appliance.core import limits
from appliance.core.words import Text, say


class Step(enum.Enum):
    ROOM = "room"
    PASSWORD = "password"  # noqa: S105 - the name of a step


@dataclass(frozen=True, slots=True)
class Keypad:
    """``shown``: the password is readable. ``peek``: its last character is, because it was just typed.

    ``problem``: a sentence about the last key, or None.
    """

    step: Step = Step.ROOM
    room: str = ""
    password: str = field(default="", repr=False)
    shown: bool = False
    peek: bool = False
    problem: Text | None = None

    @property
    def text(self) -> str:
        """What was typed in this step."""
        return self.room if self.step is Step.ROOM else self.password

    @property
    def complete(self) -> bool:
        """Whether ``proceed`` would be accepted."""
        if self.step is Step.ROOM:
            return bool(self.room)
        return len(self.password) >= limits.PASSWORD_MIN_CHARS

    @property
    def visible(self) -> str:
        """The typed text as the screen shows it: dots for what is hidden."""
        if self.step is Step.ROOM or self.shown or not self.password:
            return self.text
        last = self.password[-1] if self.peek else "•"
        return "•" * (len(self.password) - 1) + last


@dataclass(frozen=True, slots=True)
class Ready:
    """Both parts are there and valid."""

    room: int
    password: str = field(repr=False)


ROOM_RANGE = say("Room numbers go from {least} to {most}.", least=limits.ROOM_MIN, most=limits.ROOM_MAX)
ROOM_DIGITS = say("A room number has digits only.")
ROOM_EMPTY = say("Type a room number first.")
PASSWORD_SHORT = say("The password has at least {least} characters.", least=limits.PASSWORD_MIN_CHARS)
PASSWORD_LONG = say("The password has at most {most} characters.", most=limits.PASSWORD_MAX_CHARS)


def for_room(room: int) -> Keypad:
    """A keypad whose room is known already (a preset): the password comes next.

    Raises ValueError for a room out of range.
    """
    if not limits.ROOM_MIN <= room <= limits.ROOM_MAX:
        raise ValueError(str(ROOM_RANGE))
    return Keypad(step=Step.PASSWORD, room=str(room))


def typed(pad: Keypad, char: str) -> Keypad:
    """Return the state after one character (a digit from the pad, anything from a keyboard)."""
    if pad.step is Step.ROOM:
        return _typed_room(pad, char)
    if len(char) != 1 or not char.isprintable():
        return pad
    if len(pad.password) >= limits.PASSWORD_MAX_CHARS:
        return replace(pad, problem=PASSWORD_LONG)
    return replace(pad, password=pad.password + char, peek=True, problem=None)


def _typed_room(pad: Keypad, char: str) -> Keypad:
    if len(char) != 1 or char not in "0123456789":
        return replace(pad, problem=ROOM_DIGITS) if char.isprintable() else pad
    room = pad.room + char
    if not limits.ROOM_MIN <= int(room) <= limits.ROOM_MAX:
        return replace(pad, problem=ROOM_RANGE)
    return replace(pad, room=room, problem=None)


def deleted(pad: Keypad) -> Keypad:
    """Return the state without the last character."""
    if pad.step is Step.ROOM:
        return replace(pad, room=pad.room[:-1], problem=None)
    return replace(pad, password=pad.password[:-1], peek=False, problem=None)


def toggled(pad: Keypad) -> Keypad:
    """Show the password, or mask it again."""
    return replace(pad, shown=not pad.shown)


def masked(pad: Keypad) -> Keypad:
    """Hide every character, keep what was typed: after a join was sent or refused."""
    return replace(pad, shown=False, peek=False, problem=None)


def proceed(pad: Keypad) -> Keypad | Ready:
    """Next, or Join: return the next step, or the finished entry, or the same step with its problem."""
    if pad.step is Step.ROOM:
        if not pad.room:
            return replace(pad, problem=ROOM_EMPTY)
        return replace(pad, step=Step.PASSWORD, peek=False, problem=None)
    if not pad.complete:
        return replace(pad, problem=PASSWORD_SHORT)
    return Ready(int(pad.room), pad.password)


def back(pad: Keypad) -> Keypad | None:
    """Return to the room number, whose password is then another; None leaves the keypad."""
    if pad.step is Step.ROOM:
        return None
    return Keypad(step=Step.ROOM, room=pad.room)
