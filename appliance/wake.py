"""Waking one thread from another, as cheaply as Python can."""

from __future__ import annotations

import contextlib
import threading


class Wake:
    """Wakes one thread: a ``set`` before its ``wait`` counts, several count once.

    ``threading.Event`` and ``Condition`` wake a thread while their own lock is still held, so that it sleeps
    again at once: two more switches of threads for every picture.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Have ``wait`` return (any thread, a signal handler too)."""
        with contextlib.suppress(RuntimeError):  # it is set already
            self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for ``set``, at most so many seconds; was it set?"""
        return self._lock.acquire(timeout=-1 if timeout is None else timeout)
