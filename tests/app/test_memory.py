"""Housekeeping: when a box collects garbage and gives memory back, and that it is given back indeed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from appliance.app import memory
from appliance.app.memory import Housekeeping
from appliance.core.limits import COLLECT_AFTER, MEMORY_KEPT, TRIM_EVERY


class Clock:
    """An event loop's clock and its timers, by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, Callable[[], None], asyncio.TimerHandle]] = []
        self._loop = asyncio.new_event_loop()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay, callback, (), self._loop)
        self.timers.append((self.now + delay, callback, handle))
        return handle

    def move(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer[0] <= self.now]
        self.timers = [timer for timer in self.timers if timer not in due]
        for _, callback, handle in due:
            if not handle.cancelled():
                callback()

    def close(self) -> None:
        self._loop.close()


@pytest.fixture
def clock() -> Iterator[Clock]:
    made = Clock()
    yield made
    made.close()


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order."""
    names: list[str] = []
    for name in ("collect", "trim", "give_back"):
        monkeypatch.setattr(memory, name, lambda name=name: names.append(name))
    return names


def house(clock: Clock, anybody: bool = True) -> Housekeeping:
    return Housekeeping(clock, lambda: anybody)  # type: ignore[arg-type]


def test_free_memory_goes_back_now_and_then_in_a_call(clock: Clock, done: list[str]) -> None:
    housekeeping = house(clock)
    for _ in range(10 * int(TRIM_EVERY) + 1):
        housekeeping.in_call()
        clock.move(1.0)
    assert done == ["trim"] * 10


def test_nothing_is_given_back_while_a_call_begins(clock: Clock, done: list[str]) -> None:
    """Who comes again is waited for with warm memory, and the first seconds of a call are busy."""
    housekeeping = house(clock)
    housekeeping.in_call()
    housekeeping.rest_soon()
    clock.move(MEMORY_KEPT - 1)
    for _ in range(int(TRIM_EVERY) - 1):
        housekeeping.in_call()
        clock.move(1.0)
    assert done == []


def test_links_that_closed_together_are_collected_once_and_when_they_are_over(
    clock: Clock, done: list[str]
) -> None:
    housekeeping = house(clock)
    housekeeping.in_call()
    for _ in range(3):
        housekeeping.link_closed()
        clock.move(1.0)
    clock.move(COLLECT_AFTER - 4.0)
    housekeeping.in_call()
    assert done == []
    clock.move(1.0)
    for _ in range(3):
        housekeeping.in_call()
    assert done.count("collect") == 1
    housekeeping.link_closed()
    clock.move(COLLECT_AFTER)
    housekeeping.in_call()
    assert done.count("collect") == 2


@pytest.mark.parametrize(("anybody", "expected"), [(True, []), (False, ["give_back"])])
def test_a_while_after_a_meeting_all_is_given_back(
    clock: Clock, done: list[str], anybody: bool, expected: list[str]
) -> None:
    house(clock, anybody).rest_soon()
    clock.move(MEMORY_KEPT - 1)
    assert done == []
    clock.move(1.0)
    assert done == expected


def test_a_box_that_stopped_gives_nothing_back(clock: Clock, done: list[str]) -> None:
    housekeeping = house(clock, anybody=False)
    housekeeping.rest_soon()
    housekeeping.stop()
    clock.move(2 * MEMORY_KEPT)
    assert done == []


TORN = """
import ctypes
import psutil
from appliance.app import memory

memory.prepare()
malloc = ctypes.CDLL(None).malloc
free = ctypes.CDLL(None).free
malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
blocks = [malloc(1 << 20) for _ in range(60)]
for block in blocks:
    ctypes.memset(block, 1, 1 << 20)
process = psutil.Process()
full = process.memory_info().rss
for block in blocks[:-1]:
    free(block)  # the last one keeps the heap's end where it is
kept = process.memory_info().rss
memory.trim()
print((full - kept) >> 20, (full - process.memory_info().rss) >> 20)
"""


def test_a_heap_keeps_what_is_free_until_it_is_trimmed() -> None:
    told = subprocess.run([sys.executable, "-c", TORN], capture_output=True, text=True, check=True)
    kept_less, trimmed_less = map(int, told.stdout.split())
    assert kept_less <= 1
    assert trimmed_less >= 55
