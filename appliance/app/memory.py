"""Keeping a process that runs for months as small as on its first day, and its memory warm in a call.

Links, decoders and their buffers die in reference cycles, on threads that come and go. glibc gives each
thread a heap of its own and returns little of it; one heap is enough for all of ours. The cycles of a closed
link are collected some seconds after it, for the next one to use their memory; a while after a meeting, when
nobody waits for the loop, what is free goes back to the system.

In a call every picture is half a megabyte that is freed 33 ms later. By default glibc returns it to the
kernel each time, which has to clear the same pages again: 7000 page faults a second with six remote peers, a
tenth of the box's CPU. So the heap keeps what is free, and gives it back only now and then: tiles change
their sizes, and what one layout left in pieces does not fit the pictures of the next.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

from appliance.core.limits import (
    COLLECT_AFTER,
    GC_THRESHOLD,
    MALLOC_ARENAS,
    MALLOC_KEEP,
    MALLOC_MMAP_FROM,
    MEMORY_KEPT,
    TRIM_EVERY,
)

if TYPE_CHECKING:
    import asyncio

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # <malloc.h>

_libc = ctypes.CDLL(None)


def prepare() -> None:
    """Bound the number of heaps, have them keep what a picture needs, and collect garbage less often.

    Call it once, before any thread is started. Heaps other than glibc's are left alone. `settle` comes later.
    """
    mallopt = getattr(_libc, "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, MALLOC_ARENAS)
        mallopt(_M_TRIM_THRESHOLD, MALLOC_KEEP)
        mallopt(_M_MMAP_THRESHOLD, MALLOC_MMAP_FROM)
    gc.set_threshold(GC_THRESHOLD)


def settle() -> None:
    """Everything is imported and stays: no collection looks at it again."""
    gc.freeze()


def collect() -> None:
    """Free what closed links left behind, for the next ones to use; takes some milliseconds.

    All that was made since ``settle`` is looked at: a link that lasted is old.
    """
    gc.collect()


def trim() -> None:
    """Return what is free in the heap to the system; takes some milliseconds."""
    malloc_trim = getattr(_libc, "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def give_back() -> None:
    """Collect what a meeting left behind and return it to the system; takes some tens of milliseconds."""
    gc.collect()
    trim()


class Housekeeping:
    """When a box collects and gives back. ``anybody()``: is anybody else in a room with it?"""

    def __init__(self, loop: asyncio.AbstractEventLoop, anybody: Callable[[], bool]) -> None:
        self._loop = loop
        self._anybody = anybody
        self._collect_at: float | None = None  # in a call; a link was closed
        self._trim_at: float | None = None  # in a call
        self._rest_timer: asyncio.TimerHandle | None = None

    def link_closed(self) -> None:
        """One is over, and its memory waits for the garbage collector: once its last tasks are over, too."""
        if self._collect_at is None:
            self._collect_at = self._loop.time() + COLLECT_AFTER

    def in_call(self) -> None:
        """Called often in a call: collect what links left, and give back what is free, once in a while."""
        now = self._loop.time()
        if self._collect_at is not None and now >= self._collect_at:
            collect()
            self._collect_at = None
        if self._trim_at is None:
            self._trim_at = now + TRIM_EVERY
        elif now >= self._trim_at:
            trim()
            self._trim_at = now + TRIM_EVERY

    def rest_soon(self) -> None:
        """Give memory back if nobody is met for a while: who comes again finds it warm."""
        self.stop()
        self._trim_at = None
        self._rest_timer = self._loop.call_later(MEMORY_KEPT, self._rest)

    def _rest(self) -> None:
        self._rest_timer = None
        if not self._anybody():
            give_back()

    def stop(self) -> None:
        """The box stops."""
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None
