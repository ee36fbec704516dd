"""A state machine as one literal table; an event that its state does not allow raises."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Generic, TypeVar

from appliance.errors import LocalProtocolError

S = TypeVar("S", bound=enum.Enum)
E = TypeVar("E", bound=enum.Enum)


class Machine(Generic[S, E]):
    """Holds a state and follows a table of ``(state, event) -> state``.

    ``name`` is the prefix of the error's code, as in ``call.illegal-event``.
    """

    def __init__(self, name: str, table: Mapping[tuple[S, E], S], start: S) -> None:
        self._name = name
        self._table = table
        self._state = start

    @property
    def state(self) -> S:
        return self._state

    def allows(self, event: E) -> bool:
        """Say whether the event is legal now."""
        return (self._state, event) in self._table

    def step(self, event: E) -> S:
        """Follow the event. Raises LocalProtocolError where the table has no such row."""
        try:
            self._state = self._table[(self._state, event)]
        except KeyError:
            raise LocalProtocolError(
                f"{self._name}.illegal-event", f"{event.name} is illegal in state {self._state.name}"
            ) from None
        return self._state
