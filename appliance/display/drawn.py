"""What was drawn once and is shown again: kept while it is used, and not for long after.

A clock that ticks is a new line of text every second, and a name that gets longer a new plate behind it. By
number alone they would be kept for minutes, megabytes of them; by what is still asked for they go with the
next few dozen.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

from appliance.core import limits

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = ParamSpec("P")


class Drawn(Generic[K, V]):
    """Drawings by what they show.

    One that nobody asked for while ``turn`` to twice as many others were made is forgotten. Never more than
    ``most`` are kept: of more, ones that nobody asked for lately go.
    """

    def __init__(self, turn: int, most: int) -> None:
        self._turn = turn
        self._most = most
        self._asked: dict[K, V] = {}  # for since the turn
        self._before: dict[K, V] = {}  # and in the turn before
        self._made = 0  # since the turn

    def __len__(self) -> int:
        return len(self._asked) + len(self._before)

    def get(self, key: K) -> V | None:
        """The drawing of it, if it is kept."""
        known = self._asked.get(key)
        if known is None:
            known = self._before.pop(key, None)
            if known is not None:
                self._asked[key] = known
        return known

    def put(self, key: K, drawing: V) -> V:
        """Keep a drawing that ``get`` did not know; return it."""
        if self._made >= self._turn or len(self._asked) >= self._most:
            self._before, self._asked, self._made = self._asked, {}, 0
        self._asked[key] = drawing
        self._made += 1
        if len(self) > self._most:
            self._before.pop(next(iter(self._before)))
        return drawing

    def clear(self) -> None:
        """Forget all of them."""
        self._asked, self._before, self._made = {}, {}, 0


def drawn_once(draw: Callable[P, V]) -> Callable[P, V]:
    """Keep what this function draws for its arguments, which are given by position, as ``Drawn`` does."""
    kept = Drawn[tuple[object, ...], V](limits.DRAWN_SHAPES_TURN, limits.DRAWN_SHAPES_KEPT)

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> V:
        known = kept.get(args)
        return known if known is not None else kept.put(args, draw(*args, **kwargs))

    return drawn
