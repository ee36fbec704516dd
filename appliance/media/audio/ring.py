"""What a sound card's callback and our threads share: a ring of samples and a doorbell.

One thread puts, one takes. Both only move their own counter and copy samples, so neither ever
waits for the other: the callback runs where a wait is an audible hole.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


class Ring:
    """``capacity`` samples; what was not taken in time is overwritten, the oldest first."""

    def __init__(self, capacity: int) -> None:
        self._buffer = np.zeros(capacity, np.int16)
        self._capacity = capacity
        self.written = 0  # samples ever put; only the putting thread moves it
        self.taken = 0  # samples ever taken or overwritten; only the taking thread moves it

    @property
    def fill(self) -> int:
        """Samples waiting."""
        return min(self.written - self.taken, self._capacity)

    def put(self, samples: Samples) -> None:
        """Append samples, at most the capacity at once."""
        start = self.written % self._capacity
        head = min(len(samples), self._capacity - start)
        self._buffer[start : start + head] = samples[:head]
        self._buffer[: len(samples) - head] = samples[head:]
        self.written += len(samples)

    def take(self, out: Samples) -> int:
        """Fill ``out`` from the oldest sample on; return how many samples there were for it."""
        self.taken = max(self.taken, self.written - self._capacity)
        count = min(len(out), self.written - self.taken)
        start = self.taken % self._capacity
        head = min(count, self._capacity - start)
        out[:head] = self._buffer[start : start + head]
        out[head:count] = self._buffer[: count - head]
        self.taken += count
        return count

    def clear(self) -> None:
        """Forget what is waiting (taking thread only)."""
        self.taken = self.written


class Doorbell:
    """Wakes one waiting thread; ringing never waits and allocates nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the waiting thread, or keep it from its next wait. For one ringing thread."""
        if self._lock.locked():
            self._lock.release()

    def wait(self, timeout: float) -> bool:
        """Wait until it rings or ``timeout`` seconds passed; True if it rang."""
        return self._lock.acquire(timeout=timeout)
