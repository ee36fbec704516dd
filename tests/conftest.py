"""Every test is followed by a look for what it left behind: threads, child processes, sockets."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("meetingbox", deadline=None)  # no test asserts on wall-clock speed
settings.load_profile("meetingbox")

Path("/proc/thread-self/children").read_text()  # raises where the kernel keeps no such lists

SETTLE_S = 2.0  # how long something that is on its way out may take to be gone


def _children(pid: str = "self") -> set[int]:
    """Every process below one; by the kernel's own lists, as thousands of tests ask."""
    found: set[int] = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a process or a thread ended meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found |= {int(child), *_children(child)}
    return found


def _sockets() -> int:
    count = 0
    for entry in os.scandir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one of this listing is gone already
            count += os.readlink(entry.path).startswith("socket:")
    return count


def _left_behind(threads: set[threading.Thread], children: set[int], sockets: int) -> list[str]:
    left = [f"thread {t.name}" for t in threading.enumerate() if t not in threads and t.is_alive()]
    left += [f"process {child}" for child in sorted(_children() - children)]
    if (more := _sockets() - sockets) > 0:
        left.append(f"{more} sockets")
    return left


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    """Fail a test after which a thread, a process or a socket is still there."""
    before = set(threading.enumerate()), _children(), _sockets()
    yield
    deadline = time.monotonic() + SETTLE_S
    while left := _left_behind(*before):
        if time.monotonic() > deadline:
            pytest.fail("left behind: " + ", ".join(left))
        gc.collect()
        time.sleep(0.02)
