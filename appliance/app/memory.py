"""Keeping a process that runs for months as small as on its first day, and its memory warm in a call.

Links, decoders and their buffers die in reference cycles, on threads that come and go. glibc gives each
thread a heap of its own and returns little of it; two heaps are enough for ours. The cycles of a closed link
are collected soon after it, for the next one to use their memory; a while after a meeting, when nobody waits
for the loop, what is free goes back to the system.

In a call the opposite counts: every picture is half a megabyte that is freed 33 ms later. By default glibc
returns it to the kernel each time, which has to clear the same pages again: 7000 page faults a second
with six remote peers, a tenth of the box's CPU.
"""

from __future__ import annotations

import ctypes
import gc

from appliance.core.limits import GC_THRESHOLD, MALLOC_ARENAS, MALLOC_KEEP, MALLOC_MMAP_FROM

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # <malloc.h>


def prepare() -> None:
    """Bound the number of heaps, have them keep what a picture needs, and collect garbage less often.

    Call it once, before any thread is started. Heaps other than glibc's are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, MALLOC_ARENAS)
        mallopt(_M_TRIM_THRESHOLD, MALLOC_KEEP)
        mallopt(_M_MMAP_THRESHOLD, MALLOC_MMAP_FROM)
    gc.freeze()  # what was imported stays: no collection looks at it again
    gc.set_threshold(GC_THRESHOLD)


def collect() -> None:
    """Free what closed links left behind, for the next ones to use; takes some milliseconds.

    All that was made since ``prepare`` is looked at: a link that lasted is old.
    """
    gc.collect()


def give_back() -> None:
    """Collect what a meeting left behind and return it to the system; takes some tens of milliseconds."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
