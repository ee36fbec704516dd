"""Memories that keep the newest of what they saw, so that nobody makes them grow."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

_T = TypeVar("_T", bound=Hashable)


def remember(memory: OrderedDict[_T, None], item: _T, most: int) -> None:
    """Keep the newest ``most`` items."""
    memory[item] = None
    memory.move_to_end(item)
    if len(memory) > most:
        memory.popitem(last=False)
