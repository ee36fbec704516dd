"""The settings while somebody looks at them: what may be chosen, what is changed, and who may.

A change is checked by the configuration's own rules, acts at once, and is kept in the state folder, where it
wins over the configuration (``appliance.settings_file``). Only a page that is open, and unlocked where there
is an admin PIN, changes anything. In a call there is no PIN, and there are the devices alone: the meeting
needs them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from appliance import __version__, config, settings_file
from appliance.app import factory_reset, licences, state_files, state_writing
from appliance.app.device_choices import Found, find
from appliance.app.facts import facts
from appliance.app.pin import AdminPin
from appliance.app.support_report import SupportReport, find_request
from appliance.config import Config
from appliance.core import limits
from appliance.core import settings_view as s
from appliance.core.pin_tries import PinTries
from appliance.core.settings_view import CALL_PAGES, PAGES, PinView, SettingsView
from appliance.core.words import Text, say
from appliance.errors import ConfigError, ControlError

if TYPE_CHECKING:
    from appliance.app.box import Box

log = logging.getLogger("meetingbox")

_DEVICE_KEYS = {"camera": "video.source", "microphone": "audio.microphone", "speaker": "audio.speaker"}
SET_ASIDE = say("What was set on this screen can't be read and is set aside: the configuration is in force.")
NOT_KEPT = say("The change lasts until the box is switched off: its state folder can't be written.")
REFUSED = say("That is not possible.")


class Settings:
    """``view``: what the screen shows of it, None while it is closed."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._loop = asyncio.get_running_loop()
        self.pin = AdminPin(box.state_dir)
        self._tries = PinTries()
        self.report = SupportReport(find_request(), box.now)
        self._page: str | None = None
        self._opening = 0  # grows with every opening: what was begun in an earlier one is over
        self._in_call = False
        self._unlocked = False
        self._wrong = 0
        self._busy = False
        self._found = Found()
        self._licences: tuple[s.Licence, ...] = ()
        self._problem: Text = ""
        self._changes = 0
        self._testing: asyncio.TimerHandle | None = None
        self._changing = asyncio.Lock()  # one change at a time

    # --- what the screen shows --------------------------------------------------------------------

    @property
    def view(self) -> SettingsView | None:
        if self._page is None:
            return None
        box, now = self._box, self._box.now()
        pages = CALL_PAGES if self._in_call else PAGES
        pin = PinView(
            self.pin.is_set, self._wrong, self._tries.left(now), self._tries.wait_until(now), self._busy
        )
        if not self._unlocked:
            return SettingsView(pages, locked=True, pin=pin)
        return SettingsView(
            pages=pages,
            pin=pin,
            microphone=self._found.choices("microphone", box.config.audio.microphone),
            speaker=self._found.choices("speaker", box.config.audio.speaker),
            camera=self._found.choices("camera", box.config.video.source),
            testing=self._testing is not None,
            facts=facts(box) if self._page == "network" else (),
            joining_minutes=box.config.call.joining_minutes,
            version=__version__,
            fingerprint=box.box_id,
            licences=self._licences,
            problem=self._problem,
            changes=self._changes,
            report=self.report.view,
        )

    @property
    def previewing(self) -> bool:
        """Is our own picture looked at outside of a meeting?"""
        return self._page == "camera" and self._unlocked and not self._in_call

    # --- intents ----------------------------------------------------------------------------------

    def perform(self, intent: s.SettingsIntent) -> None:
        """Do what a person wants. Raises ControlError when that is not allowed."""
        match intent:
            case s.OpenSettings(page):
                self.open(page)
            case s.CloseSettings():
                self.close()
            case s.EnterPin(pin):
                self._box.tasks.spawn(self._enter(pin), "pin")
            case _:
                self._refuse_locked()
                self._box.tasks.spawn(self._perform(intent), "setting")

    async def _perform(self, intent: s.SettingsIntent) -> None:
        async with self._changing:
            try:
                self._refuse_locked()  # closed meanwhile
                await self._change(intent)
            except ControlError as error:
                log.info("%s", error.code)
        self._box.changed()

    async def _change(self, intent: s.SettingsIntent) -> None:
        match intent:
            case s.ChooseDevice(kind, value) if kind in _DEVICE_KEYS:
                await self._set({_DEVICE_KEYS[kind]: value})
            case s.PlayTestSound():
                self._play()
            case _ if self._in_call:
                raise ControlError("settings.in-call", "In a meeting only the devices can be changed.")
            case s.SetPin(pin):
                await asyncio.to_thread(self.pin.set, pin)
                self._changes += 1
            case s.SetName(name):
                await self._set({"name": name})
                if (wanted := config.box_name(self._box.config)) != self._box.name:
                    await self.rename(wanted)  # it had taken another one because of a copy of it
            case s.SetPresets(presets):
                await self._set({"presets": [{"label": label, "room": room} for label, room in presets]})
            case s.SetJoiningMinutes(minutes):
                await self._set({"call.joining_minutes": minutes})
            case s.ChangeLook(theme, still, language):
                look = {"theme": theme, "reduced_motion": still, "language": language}
                await self._set({f"display.{key}": v for key, v in look.items() if v is not None})
            case s.SaveReport():
                self.report.save()
            case s.FactoryReset():
                await factory_reset.reset(self._box)

    def _refuse_locked(self) -> None:
        if self._page is None or not self._unlocked:
            raise ControlError("settings.locked", "The settings are closed, or their PIN was not typed.")

    # --- open and closed --------------------------------------------------------------------------

    def open(self, page: str) -> None:
        """Show the settings, or another page. Raises ControlError for one that there is not now."""
        in_call = self._box.session is not None
        if page not in (CALL_PAGES if in_call else PAGES):
            raise ControlError("settings.page", "There is no such page of the settings now.")
        if self._page is None or in_call is not self._in_call:
            self._opening += 1
            self._in_call = in_call
            self._unlocked = in_call or not self.pin.is_set
            self._wrong, self._problem = 0, ""
            self._box.tasks.spawn(self._look(self._opening), "devices to choose")
        self._page = page
        self._problem = ""
        self._turned()

    def _turned(self) -> None:
        """Another page is open: what only that page needs begins, what the last one needed ends."""
        box = self._box
        if self._unlocked and self._page == "sound":
            box.sound_checks.open()
        else:
            box.sound_checks.close()
            self._end_test()
        if self._unlocked and self._page == "about":
            self.report.forget()
            if not self._licences:
                box.tasks.spawn(self._read_licences(), "licences")
            if self.report.view is not None:
                box.tasks.spawn(self._look_at_report(self._opening), "report")
        box.changed()

    def close(self) -> None:
        """Nobody looks any more, or a meeting begins."""
        self._page = None
        self._unlocked = False
        self._end_test()
        self._box.sound_checks.close()
        self._box.changed()

    async def _look(self, opening: int) -> None:
        """Find what there is to choose from, for as long as somebody may choose."""
        while self._page is not None and self._opening == opening:
            if self._unlocked and self._page in CALL_PAGES:
                before, self._found = self._found, await find(self._box.media.engine)
                if self._found != before:
                    self._box.changed()
            await asyncio.sleep(limits.DEVICES_LOOK_EVERY)

    async def _look_at_report(self, opening: int) -> None:
        """Follow the stick and the report for as long as their page is open, and a report until its end."""
        while self._page == "about" and self._opening == opening:
            await asyncio.sleep(limits.REPORT_LOOK_EVERY)
            if self.report.look():
                self._box.changed()

    async def _read_licences(self) -> None:
        self._licences = await asyncio.to_thread(licences.licences)
        self._box.changed()

    # --- the PIN ----------------------------------------------------------------------------------

    async def _enter(self, pin: str) -> None:
        opening = self._opening
        if self._page is None or self._unlocked or self._busy:
            return
        if self._tries.wait_until(self._box.now()) is not None:
            self._box.count("settings.pin-early")
            return
        self._busy = True
        self._box.changed()
        try:
            fits = await asyncio.to_thread(self.pin.fits, pin)
        finally:
            self._busy = False
            self._box.changed()
        if not fits:
            self._tries.wrong(self._box.now())
            self._wrong += 1
            self._box.count("settings.pin-wrong")
            log.warning("settings.pin-wrong")
            return
        self._tries.right()
        if self._page is not None and self._opening == opening:
            self._unlocked = True
            self._turned()

    # --- changes ----------------------------------------------------------------------------------

    async def _set(self, values: dict[str, Any]) -> None:
        """Change some keys of the configuration, and keep that."""
        box = self._box
        changes = box.changes
        for key, value in values.items():
            changes = changes.with_value(key, value)
        try:
            wanted = changes.over(box.file_config)
        except ConfigError as error:
            log.warning("settings.refused %s", error.sentence)
            self._problem = REFUSED
            return
        self._problem = ""
        try:
            path = box.state_dir / settings_file.SETTINGS
            await asyncio.to_thread(state_writing.write_secret, path, settings_file.to_bytes(changes))
        except OSError as error:
            log.warning("settings.not-saved %s", error.strerror)
            self._problem = NOT_KEPT
        box.changes = changes
        await self.apply(wanted)
        self._changes += 1

    async def apply(self, wanted: Config) -> None:
        """Have another configuration in force, at once."""
        box = self._box
        before, box.config = box.config, wanted
        box.changed()
        if wanted.audio.microphone != before.audio.microphone:
            box.media.engine.choose("microphone", wanted.audio.microphone)
        if wanted.audio.speaker != before.audio.speaker:
            box.media.engine.choose("speaker", wanted.audio.speaker)
        if config.box_name(wanted) != box.configured_name:
            await self.rename(config.box_name(wanted))
        await box.media.camera.use(wanted.video.source, box.name)

    async def rename(self, name: str) -> None:
        """Call this box so: on its screen, on the network, and in the rooms that it is in."""
        box = self._box
        box.configured_name = box.name = name
        with contextlib.suppress(OSError):
            (box.state_dir / state_files.NAME).unlink()  # what it took because of a copy of it
        box.changed()
        if box.discovery is not None:
            await box.discovery.rename(name)
        await box.rooms.begin_anew()
        box.copies.look_for_namesakes()

    # --- the test sound ---------------------------------------------------------------------------

    def _play(self) -> None:
        self._end_test()
        self._box.media.engine.chime(True)
        after = limits.TEST_SOUND_SECONDS + limits.TEST_SOUND_TAIL
        self._testing = self._loop.call_later(after, self._end_test)
        self._box.changed()

    def _end_test(self) -> None:
        if self._testing is not None:
            self._testing.cancel()
            self._testing = None
            self._box.media.engine.chime(False)
            self._box.changed()


def read_changes(box: Box) -> settings_file.Changes:
    """What was changed on the screen before this start; a file that can't be used is set aside."""
    changes = settings_file.load(box.state_dir, box.file_config)
    if changes.problem is not None:
        settings_file.set_aside(box.state_dir, changes.problem)
    return changes
