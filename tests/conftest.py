"""Every test is followed by a look for what it left behind: threads, child processes, sockets."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from hypothesis import settings

settings.register_profile("meetingbox", deadline=None)  # no test asserts on wall-clock speed
settings.load_profile("meetingbox")

SETTLE_S = 2.0  # how long something that is on its way out may take to be gone


def _left_behind(
    before_threads: set[threading.Thread], before_children: set[int], before_fds: int
) -> list[str]:
    me = psutil.Process()
    left = [f"thread {t.name}" for t in threading.enumerate() if t not in before_threads and t.is_alive()]
    left += [f"process {c.pid}" for c in me.children(recursive=True) if c.pid not in before_children]
    sockets = sum(1 for _ in me.net_connections(kind="all"))
    if sockets > before_fds:
        left.append(f"{sockets - before_fds} sockets")
    return left


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    """Fail a test after which a thread, a process or a socket is still there."""
    me = psutil.Process()
    threads = set(threading.enumerate())
    children = {c.pid for c in me.children(recursive=True)}
    sockets = sum(1 for _ in me.net_connections(kind="all"))
    yield
    deadline = time.monotonic() + SETTLE_S
    while left := _left_behind(threads, children, sockets):
        if time.monotonic() > deadline:
            pytest.fail("left behind: " + ", ".join(left))
        gc.collect()
        time.sleep(0.02)
