"""The wall clock that the bench of faults sets: it alone jumps, and who waits for a time is not misled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "benchmarks"))

import _wall_clock
from _wall_clock import DAY, WallClock

LOOKS = """
import asyncio, ctypes, datetime, json, sys, threading, time

libc = ctypes.CDLL(None)
libc.time.restype = ctypes.c_long

def took(wait):
    start = time.monotonic()
    wait()
    return time.monotonic() - start

lock = threading.Lock()
lock.acquire()
for _ in sys.stdin:
    print(json.dumps({
        "wall": time.time(),
        "coarse": time.clock_gettime(5),
        "seconds": libc.time(None),
        "date": datetime.datetime.now(datetime.timezone.utc).timestamp(),
        "monotonic": time.monotonic(),
        "sleep": took(lambda: time.sleep(0.05)),
        "event": took(lambda: threading.Event().wait(0.05)),
        "lock": took(lambda: lock.acquire(timeout=0.05)),
        "loop": took(lambda: asyncio.run(asyncio.sleep(0.05))),
    }), flush=True)
"""
# A lock of C that waits until a time of the wall clock.
WAITS = """
import ctypes, time
class Spec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]
libc = ctypes.CDLL(None)
until = Spec(int(time.time()) + 1, 0)
start = time.monotonic()
memory = ctypes.create_string_buffer(128)
assert libc.sem_init(memory, 0, 0) == 0
libc.sem_timedwait(memory, ctypes.byref(until))
libc.pthread_mutex_init(memory, None)
libc.pthread_mutex_lock(memory)
until.seconds += 1
libc.pthread_mutex_timedlock(memory, ctypes.byref(until))
until.seconds += 1
libc.clock_nanosleep(0, 1, ctypes.byref(until), None)
print(time.monotonic() - start)
"""


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path)


def test_a_clock_jumps_in_mid_run_and_nothing_else_does(clock: WallClock) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOOKS],
        env={**os.environ, **clock.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for days in (0, 365, -365, 0):
            clock.set(days)
            process.stdin.write("look\n")
            process.stdin.flush()
            look: dict[str, Any] = json.loads(process.stdout.readline())
            for name in ("wall", "coarse", "seconds", "date"):
                assert look[name] == pytest.approx(time.time() + days * DAY, abs=5), name
            assert look["monotonic"] == pytest.approx(time.monotonic(), abs=5)
            for name in ("sleep", "event", "lock", "loop"):
                assert 0.04 < look[name] < 3, name
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize("days", [-365, 0, 365])
def test_what_waits_for_a_time_waits_until_then(clock: WallClock, days: int) -> None:
    clock.set(days)
    run = subprocess.run(
        [sys.executable, "-c", WAITS],
        env={**os.environ, **clock.environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert 1.9 < float(run.stdout) < 10


def test_source_that_does_not_compile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.c"
    broken.write_text("int begin(")
    monkeypatch.setattr(_wall_clock, "SOURCE", broken)
    with pytest.raises(RuntimeError, match=r"broken\.c does not compile: .*error"):
        WallClock(tmp_path)


def test_without_a_compiler_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="Debian's package gcc"):
        WallClock(tmp_path)
