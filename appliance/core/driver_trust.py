"""Whether the driver of the hardware's encoder is still trusted.

A driver that hangs after minutes looks well between two failures: pictures that flow for a while
do not make up for it. So its failures are counted by the clock alone, and the verdict is final.
"""

from __future__ import annotations

from collections import deque

from appliance.core.limits import CAMERA_SOFTWARE_AFTER, CAMERA_SOFTWARE_WITHIN


class DriverTrust:
    """Lost for good by ``CAMERA_SOFTWARE_AFTER`` failures within ``CAMERA_SOFTWARE_WITHIN``."""

    def __init__(self) -> None:
        self.lost = False
        self._failed_at: deque[float] = deque(maxlen=CAMERA_SOFTWARE_AFTER)

    def failed(self, now: float) -> bool:
        """A process died or hung while the driver encoded for it; return whether that was once too often.

        ``now``: monotonic seconds.
        """
        self._failed_at.append(now)
        if self.lost or len(self._failed_at) < CAMERA_SOFTWARE_AFTER:
            return False
        self.lost = now - self._failed_at[0] <= CAMERA_SOFTWARE_WITHIN
        return self.lost
