"""Others are in the room, and none of them answers this box: they let no newcomers in."""

from __future__ import annotations

from appliance.core.limits import UNANSWERED_AFTER


class Unanswered:
    """Of one room. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._told = False

    def look(self, silent: bool, now: float) -> bool:
        """Note whether others are there and none answers; return whether to tell people, which is once."""
        if not silent:
            self._since = None
        elif self._since is None:
            self._since = now
        elif self.lasts(now) and not self._told:
            self._told = True
            return True
        return False

    def lasts(self, now: float) -> bool:
        """Has it been so for long enough to be no accident?"""
        return self._since is not None and now - self._since >= UNANSWERED_AFTER
