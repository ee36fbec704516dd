"""A finger on the emulated touch screen, as events of the monitor's ``input-send-event`` (qapi/ui.json).

A touch is a contact with a number, the place of each axis apart, and the key BTN_TOUCH (the kernel's
Documentation/input/multi-touch-protocol.rst, type B).
"""

from __future__ import annotations

from typing import Any

RANGE = 0x7FFF  # of an axis, whatever the screen's size
FINGER = 0  # its slot

Event = dict[str, Any]


def scaled(at: int, size: int) -> int:
    """The middle of a pixel as a value of an axis; ValueError for one beside the screen."""
    if not 0 <= at < size:
        raise ValueError(f"pixel {at} is not on a screen of {size}")
    return round((at + 0.5) / size * RANGE)


def _contact(kind: str, contact: int, axis: str = "x", value: int = 0) -> Event:
    data = {"type": kind, "slot": FINGER, "tracking-id": contact, "axis": axis, "value": value}
    return {"type": "mtt", "data": data}


def _button(down: bool) -> Event:
    return {"type": "btn", "data": {"button": "touch", "down": down}}


def down(x: int, y: int, screen: tuple[int, int], contact: int) -> list[Event]:
    """A finger touches a pixel. ``contact``: a number that no earlier touch had."""
    return [
        _contact("begin", contact),
        _button(True),
        _contact("data", contact, "x", scaled(x, screen[0])),
        _contact("data", contact, "y", scaled(y, screen[1])),
    ]


def up() -> list[Event]:
    """It is lifted."""
    return [_contact("end", -1), _button(False)]
