"""Making up a meeting: a room number and a password to read out."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from appliance.core import limits

# The commonest PINs fall to the first guesses; a made-up password is none of them.
_COMMON_FRAGMENTS = ("000", "111", "222", "333", "444", "555", "666", "777", "888", "999")
_COMMON = frozenset(
    {"123456", "654321", "123123", "121212", "112233", "159753", "102030", "246810", "135790", "147258"}
)


def make_up(below: Callable[[int], int]) -> tuple[int, str]:
    """Return a room number and a 6-digit password to read out.

    ``below(n)``: a random number from 0 to n-1, from the system's source.
    """
    room = 100 + below(limits.ROOM_MAX - 100)
    while True:
        password = f"{below(10**limits.MADE_UP_DIGITS):0{limits.MADE_UP_DIGITS}d}"
        if not is_common(password):
            return room, password


def is_common(password: str) -> bool:
    """Is this 6-digit password one that people guess first?

    Runs of one digit, sequences, repeated halves and dates of a year count as common.
    """
    steps = {int(b) - int(a) for a, b in itertools.pairwise(password)}
    return (
        password in _COMMON
        or any(fragment in password for fragment in _COMMON_FRAGMENTS)
        or (len(steps) == 1 and steps <= {-1, 0, 1})
        or password[:3] == password[3:]
        or password[:2] == password[2:4] == password[4:]
    )
