"""The sound check for people: on the screen while somebody looks, and for one request of a script."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from appliance.core import limits
from appliance.core.sound_check import Report
from appliance.core.view import SoundCheckView, Tone
from appliance.core.words import Text, say
from appliance.errors import ControlError

if TYPE_CHECKING:
    from appliance.app.box import Box


class SoundChecks:
    """``view``: what the screen shows of it, None while it is closed."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._loop = asyncio.get_running_loop()
        self._open = False
        self._running = False
        self._level = 0.0
        self._report: Report | None = None
        self._failure: Text = ""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def view(self) -> SoundCheckView | None:
        if not self._open:
            return None
        report = self._report
        if report is None:
            return SoundCheckView(self._level, self._running, self._failure, tone=Tone.WARNING)
        tone = Tone.CALM if report.well else Tone.BAD if report.deaf else Tone.WARNING
        return SoundCheckView(self._level, self._running, report.sentence, report.figures, tone)

    def open(self) -> None:
        """Show the microphone's level."""
        if not self._open:
            self._open, self._report, self._failure = True, None, ""
            self._box.media.engine.check.listen(True)
            self._look()

    def close(self) -> None:
        """Nobody looks any more, or a meeting begins: a check that is going on ends."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._box.media.engine.check.listen(False)
        self._box.media.engine.check.end()
        self._box.changed()

    async def run(self) -> Report:
        """Play and listen, 7 s. Raises ControlError in a meeting, during another check, and when a
        meeting began meanwhile.
        """
        self._refuse_in_meeting()
        if self._running:
            raise ControlError("sound-check.running", say("A sound check is going on: wait for its end."))
        check = self._box.media.engine.check
        report = check.obstacle
        self._report, self._failure = None, ""
        if report is None:
            self._running = True
            self._box.changed()
            try:
                started = check.begin()
                await asyncio.to_thread(started.wait)
                if started.interrupted:
                    raise ControlError("sound-check.interrupted", say("The sound check was interrupted."))
                check.end()
                report = await asyncio.to_thread(started.report)
            finally:
                check.end()
                self._running = False
                self._box.changed()
        self._report = report
        return report

    async def run_for_screen(self) -> None:
        """The same for a finger: what keeps it from being done is shown."""
        try:
            await self.run()
        except ControlError as error:
            self._failure = error.sentence
            self._box.changed()

    def _refuse_in_meeting(self) -> None:
        if self._box.session is not None:
            raise ControlError(
                "sound-check.meeting",
                say("This box is in a meeting: the others would hear the tones. Leave it first."),
            )

    def _look(self) -> None:
        dbov = self._box.media.engine.check.level_dbov()
        quietest, loudest = limits.METER_DBOV
        level = min(max((quietest - dbov) / (quietest - loudest), 0.0), 1.0)
        level = round(level * limits.CHECK_METER_STEPS) / limits.CHECK_METER_STEPS
        if level != self._level:
            self._level = level
            self._box.changed()
        self._timer = self._loop.call_later(limits.METER_EVERY, self._look)


def reply(report: Report) -> dict[str, Any]:
    """The report as fields of the control socket's reply; numbers to a tenth."""
    fields = {key: round(v, 1) if isinstance(v, float) else v for key, v in asdict(report).items()}
    return {
        **fields,
        "outcome": report.outcome.value,
        "sentence": str(report.sentence),
        "figures": str(report.figures),
        "well": report.well,
        "deaf": report.deaf,
    }
