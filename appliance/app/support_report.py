"""A report for support, saved onto a USB stick from the settings.

A box in its sandbox may neither read the machine's log nor mount a stick. It leaves a request, a file whose
name wakes who may (meetingbox-bundle.path), and reads what came of it. Without such a helper, on a desk say,
there is nothing of this on the screen: there is ``meetingbox doctor --bundle``.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from appliance.core import limits
from appliance.core.settings_view import ReportView
from appliance.core.words import Words, say
from appliance.errors import ControlError

log = logging.getLogger("meetingbox")

STICK = Path("/dev/meetingbox-stick")  # systemd/udev/rules.d/70-meetingbox.rules
RESULT = Path("/run/meetingbox-bundle/result.json")

_WHY = {
    "bundle.full": say("There is no room on the stick."),
    "bundle.read-only": say("The stick can't be written to: is it write-protected?"),
    "bundle.stick": say("The stick can't be used. Try another one, with the FAT file system."),
}
_NOT_WRITTEN = say("The report could not be written.")


class SupportReport:
    """``request``: the file that asks for one; None where nobody hears. ``now``: monotonic seconds."""

    def __init__(
        self,
        request: Path | None,
        now: Callable[[], float],
        *,
        stick: Path = STICK,
        result: Path = RESULT,
    ) -> None:
        self._request = request
        self._now = now
        self._stick = stick
        self._result = result
        self._asked_at: float | None = None
        self._before: int | None = None  # the result's age when it was asked: an older one is of another time
        self._view = ReportView()

    @property
    def view(self) -> ReportView | None:
        """What the screen shows of it, as of the last ``look``; None where there is no helper."""
        return None if self._request is None else self._view

    def forget(self) -> None:
        """The page is opened anew: what came of an earlier report is no news."""
        if self._asked_at is None:
            self._view = ReportView()
            self.look()

    def save(self) -> None:
        """Ask for a report. Raises ControlError where that is not possible now."""
        if self._request is None or self._asked_at is not None:
            raise ControlError("report.not-now", "A report can't be asked for now.")
        self._before = self._written_at()
        try:
            self._request.touch(mode=0o600)
        except OSError as error:
            log.warning("report.not-asked %s", error.strerror)
            self._view = ReportView("failed", _NOT_WRITTEN)
            return
        self._asked_at = self._now()
        self._view = ReportView("working")

    def look(self) -> bool:
        """See how it stands; return whether the screen shows something else now."""
        before = self._view
        if self._asked_at is not None:
            self._look_at_result(self._asked_at)
        elif self._view.state in ("no-stick", "ready"):
            self._view = ReportView("ready" if self._stick.exists() else "no-stick")
        elif not self._stick.exists():
            self._view = ReportView()  # it was pulled out: another one may come
        return self._view != before

    def _look_at_result(self, asked_at: float) -> None:
        told = {} if self._written_at() == self._before else self._read()
        state, code = told.get("state"), str(told.get("code", ""))
        if state == "written":
            self._over(ReportView("written"))
        elif state == "failed" and code == "bundle.no-stick":
            self._over(ReportView())
        elif state == "failed" or self._now() - asked_at > limits.REPORT_WITHIN:
            log.warning("report.failed %s", code if code in _WHY else "report.no-answer")
            self._over(ReportView("failed", self._why(code)))

    @staticmethod
    def _why(code: str) -> Words:
        return _WHY.get(code, _NOT_WRITTEN)

    def _over(self, view: ReportView) -> None:
        self._asked_at = None
        self._view = view

    def _written_at(self) -> int | None:
        try:
            return self._result.stat().st_mtime_ns
        except OSError:
            return None

    def _read(self) -> dict[str, object]:
        try:
            with self._result.open("rb") as file:
                told = json.loads(file.read(limits.REPORT_RESULT_MAX))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}


def find_request() -> Path | None:
    """Where a report is asked for: the unit of an appliance says it."""
    named = os.environ.get("MEETINGBOX_BUNDLE_REQUEST", "")
    return Path(named) if named else None
