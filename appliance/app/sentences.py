"""What people read of a meeting: who came and went, and why joining failed."""

from __future__ import annotations

import math

from appliance.core.acquaintances import Met
from appliance.core.peer_effects import GoneReason
from appliance.core.view import Tone
from appliance.core.words import Words, say, say_n

REFUSAL = say("That is not the right number or password.\nCheck both with the others and try again.")
"""The sentence of the code ``join.wrong-room-or-password``."""
UNPROVEN = say("Joining failed with one box: what it says does not arrive as it was said")
"""It knows the password, but who it is did not come, or did not come whole (``peer.unproven``)."""


def too_often(room: int, wait: float) -> Words:
    """The sentence of the code ``join.too-many-guesses``; ``wait``: seconds until the next try."""
    minutes = max(1, math.ceil(wait / 60))
    return say_n(
        "Too many tries with room {room} were refused.\nTry again in a minute.",
        "Too many tries with room {room} were refused.\nTry again in {n} minutes.",
        minutes,
        room=room,
    )


def greeting(name: str, met: Met) -> tuple[Words, Tone]:
    """Of a box of this name that came."""
    match met:
        case Met.NEW:
            return say("{name} joined · new box", name=name), Tone.CALM
        case Met.CHANGED:
            return say("{name} joined · this name used to be another box", name=name), Tone.WARNING
    return say("{name} joined", name=name), Tone.CALM


def farewell(name: str, reason: GoneReason) -> tuple[Words, Tone]:
    """Of one that left, or is out of reach."""
    match reason:
        case GoneReason.LEFT:
            return say("{name} left", name=name), Tone.CALM
        case GoneReason.VANISHED | GoneReason.SILENT:
            return say("The connection to {name} is lost", name=name), Tone.WARNING
        case GoneReason.UNREACHABLE:
            return say("No connection to {name} could be made", name=name), Tone.BAD
        case _:
            return say("{name} could not prove who it is", name=name), Tone.BAD
