"""How long to wait for a device that fails again and again: longer each time, up to a bound.

What fails once is tried again at once and given up as soon. What fails in a row is on a computer that is too
slow for the usual times, or is not there at all: to open it over and over would take what the rest needs.
"""

from __future__ import annotations

from appliance.core import limits


def silence_allowed(factor: int, worked_for: float) -> float:
    """Seconds for which an opened device may be silent before it counts as gone.

    ``factor``: that it was opened with; ``worked_for``: seconds since then. What was hard to open is given
    longer, and half of that whenever it has worked for a while.
    """
    return limits.DEVICE_SILENT * max(1, factor >> int(worked_for // limits.PATIENCE_OVER))


class Patience:
    """Of one device. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._failures = 0
        self._opened_at: float | None = None

    @property
    def factor(self) -> int:
        """By how much longer to wait than usual: 1, 1, 2, 4... after that many failures in a row."""
        return min(1 << max(0, self._failures - 1), limits.PATIENCE_MAX)

    def opened(self, now: float) -> None:
        """It works, for the moment."""
        self._opened_at = now

    def failed(self, now: float) -> None:
        """It did not open, or works no more. One that has worked for a while begins anew."""
        if self._opened_at is not None and now - self._opened_at >= limits.PATIENCE_OVER:
            self._failures = 0
        self._opened_at = None
        self._failures = min(self._failures + 1, limits.PATIENCE_MAX)

    def forget(self) -> None:
        """Something has changed: what was is no guide."""
        self._failures = 0
        self._opened_at = None
