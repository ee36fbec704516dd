"""Does a picture come that should? Of one peer; a minute of a frozen face tells nobody that it is frozen."""

from __future__ import annotations

from appliance.core.limits import NO_PICTURE_AFTER


class MissingPicture:
    """``missing``: none came for ``NO_PICTURE_AFTER``. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.missing = False
        self._since: float | None = None  # nothing came since; None: something did, or nothing should

    def look(self, *, expected: bool, came: bool, now: float) -> bool:
        """Say whether pictures were ``expected`` and whether any ``came`` since the last look; return True
        once, when they have been missing for too long.
        """
        if came or not expected:
            self.missing, self._since = False, None
            return False
        if self._since is None:
            self._since = now
        if self.missing or now - self._since < NO_PICTURE_AFTER:
            return False
        self.missing = True
        return True
