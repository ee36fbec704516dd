"""What people read of a meeting: who came and went, and why joining failed."""

from __future__ import annotations

import math

from appliance.core.acquaintances import Met
from appliance.core.peer_effects import GoneReason
from appliance.core.view import Tone

REFUSAL = "That is not the right number or password.\nCheck both with the others and try again."
"""The sentence of the code ``join.wrong-room-or-password``."""
TOO_OFTEN = "Too many tries with room {room} were refused.\nTry again in {wait}."
"""The sentence of the code ``join.too-many-guesses``."""

UNPROVEN = "Joining failed with one box: what it says does not arrive as it was said"
"""It knows the password, but who it is did not come, or did not come whole (``peer.unproven``)."""


def too_often(room: int, wait: float) -> str:
    """The sentence of the code ``join.too-many-guesses``; ``wait``: seconds until the next try."""
    minutes = max(1, math.ceil(wait / 60))
    return TOO_OFTEN.format(room=room, wait="a minute" if minutes == 1 else f"{minutes} minutes")


def greeting(name: str, met: Met) -> tuple[str, Tone]:
    """Of a box of this name that came."""
    match met:
        case Met.NEW:
            return f"{name} joined · new box", Tone.CALM
        case Met.CHANGED:
            return f"{name} joined · this name used to be another box", Tone.WARNING
    return f"{name} joined", Tone.CALM


def farewell(name: str, reason: GoneReason) -> tuple[str, Tone]:
    """Of one that left, or is out of reach."""
    match reason:
        case GoneReason.LEFT:
            return f"{name} left", Tone.CALM
        case GoneReason.VANISHED | GoneReason.SILENT:
            return f"The connection to {name} is lost", Tone.WARNING
        case GoneReason.UNREACHABLE:
            return f"No connection to {name} could be made", Tone.BAD
        case _:
            return f"{name} could not prove who it is", Tone.BAD
