"""Keeping a process that runs for months as small as on its first day.

Links, decoders and their buffers die in reference cycles, on threads that come and go. glibc gives each
thread a heap of its own and returns little of it; two heaps are enough for ours. After a meeting, when
nobody waits for the loop, the cycles are collected and what is free goes back to the system.

In a meeting pictures of many sizes come and go with the layout, and leave holes that the next size does not
fit in: 20 MB in a quarter of an hour, all of it free. So what is free goes back every now and then as well.
"""

from __future__ import annotations

import ctypes
import gc

from appliance.core.limits import MALLOC_ARENAS

_M_ARENA_MAX = -8  # <malloc.h>


def limit_heaps() -> None:
    """Bound the number of heaps; call it before any thread is started. Does nothing without glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, MALLOC_ARENAS)


def give_back() -> None:
    """Collect what a meeting left behind; takes some tens of milliseconds."""
    gc.collect()
    trim()


def trim() -> None:
    """Give free memory back to the system; takes a millisecond or two."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
