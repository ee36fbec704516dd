"""Which boxes this one has met, by name: trust on first use.

A box proves its long-term identity inside the seal. The first box of a name is taken at its word; when
a later one of the same name proves another identity, a person is told. Nothing here is a secret.
"""

from __future__ import annotations

import enum
from collections import OrderedDict

import msgspec

from appliance.core.limits import ACQUAINTANCES_MAX
from appliance.errors import StartError


class Met(enum.Enum):
    """What we know of a box that has just proven its identity."""

    NEW = "new"  # no box of this name was met before
    KNOWN = "known"  # the one that we met under this name
    CHANGED = "changed"  # this name used to be another box


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    boxes: list[tuple[str, str]]  # name, box id; the one met last comes last


class Acquaintances:
    """Names and box ids, those met last; the oldest is forgotten when there are too many."""

    def __init__(self) -> None:
        self._boxes: OrderedDict[str, str] = OrderedDict()

    def meet(self, name: str, box_id: str) -> Met:
        """A box of this name proved this identity; remember it."""
        before = self._boxes.get(name)
        self._boxes[name] = box_id
        self._boxes.move_to_end(name)
        if len(self._boxes) > ACQUAINTANCES_MAX:
            self._boxes.popitem(last=False)
        if before is None:
            return Met.NEW
        return Met.KNOWN if before == box_id else Met.CHANGED

    def to_state(self) -> bytes:
        """Everything, as JSON."""
        return msgspec.json.encode(_State(1, list(self._boxes.items())))

    @classmethod
    def from_state(cls, data: bytes) -> Acquaintances:
        """Restore what ``to_state`` gave. Raises StartError (``acquaintances.state``) when it is damaged."""
        try:
            state = msgspec.json.decode(data, type=_State)
        except (ValueError, RecursionError):
            raise StartError("acquaintances.state", "The list of boxes met before is damaged.") from None
        met = cls()
        for name, box_id in state.boxes[-ACQUAINTANCES_MAX:]:
            met._boxes[name] = box_id
        return met
