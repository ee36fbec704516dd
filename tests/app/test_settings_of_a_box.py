"""The settings of a box: who may change what, what acts at once, what is kept, and the factory reset."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from appliance import config, settings_file
from appliance.app import factory_reset, last_good, licences
from appliance.app.box import Box
from appliance.app.device_choices import Found
from appliance.bridge import Bridge
from appliance.core import limits
from appliance.core import settings_view as s
from appliance.core.intents import CheckSound, Intent, TilesShown
from appliance.core.picture import SELF_TILE
from appliance.core.settings_view import CALL_PAGES, PAGES, SettingsView
from appliance.core.view import LookView, Phase, Preset, Snapshot
from appliance.errors import ControlError
from appliance.media.sources.found import FoundCamera

CONFIG = """
name = "Solo"
interfaces = ["lo"]
presets = [{{ label = "Board", room = 42 }}]
[signaling]
port = 0
[video]
source = "{video}"
[audio]
microphone = "test"
speaker = "test"
[admin]
pin = "{pin}"
"""


class NoScreen:
    def press(self, key: str) -> None: ...

    def screenshot(self, path: Path) -> None: ...


class Rig:
    """A box without a screen, and what a screen would show of it."""

    def __init__(self, folder: Path, pin: str = "", video: str = "none") -> None:
        self.bridge = Bridge(Snapshot(name="Solo"))
        self.state = folder / "state"
        self.box = Box(
            config.parse(CONFIG.format(pin=pin, video=video), "test"),
            self.bridge,
            NoScreen(),
            config_path=None,
            state_dir=self.state,
            socket_path=folder / "control.sock",
        )

    @property
    def snapshot(self) -> Snapshot:
        return self.bridge.snapshot

    @property
    def settings(self) -> SettingsView:
        assert self.snapshot.settings is not None
        return self.snapshot.settings

    def send(self, *intents: Intent) -> None:
        for intent in intents:
            self.bridge.send(intent)

    async def until(self, holds: Callable[[], object], within: float = 8.0) -> None:
        deadline = time.monotonic() + within
        while not holds():
            assert time.monotonic() < deadline, self.snapshot
            await asyncio.sleep(0.01)

    async def open(self, page: str, *, locked: bool = False) -> None:
        self.send(s.OpenSettings(page))
        await self.until(lambda: self.snapshot.settings and self.settings.locked is locked)

    async def change(self, intent: Intent) -> None:
        before = self.settings.changes
        self.send(intent)
        await self.until(lambda: self.snapshot.settings is None or self.settings.changes > before)


def run(folder: Path, *lives: Callable[[Rig], Awaitable[None]], pin: str = "", video: str = "none") -> None:
    """Start a box for each life, one after the other, with the same state folder."""

    async def one(life: Callable[[Rig], Awaitable[None]]) -> None:
        rig = Rig(folder, pin, video)
        await rig.box.start()
        try:
            await life(rig)
        finally:
            await rig.box.stop()

    for life in lives:
        asyncio.run(one(life))


def test_what_is_changed_acts_at_once_and_survives_a_restart(tmp_path: Path) -> None:
    rooms = (Preset("Mess", 7), Preset("Chart room", 812))

    async def first(rig: Rig) -> None:
        await rig.open("name")
        await rig.change(s.SetName("Bridge"))
        assert rig.snapshot.name == "Bridge"
        await rig.change(s.SetPresets((("Mess", 7), ("Chart room", 812))))
        assert rig.snapshot.presets == rooms
        await rig.change(s.ChangeLook(theme="light", language="ar"))
        await rig.change(s.ChangeLook(still=True))
        assert rig.snapshot.look == LookView("light", True, "ar")
        await rig.change(s.SetJoiningMinutes(30.0))
        await rig.change(s.ChooseDevice("speaker", "none"))
        await rig.until(lambda: any(d.kind == "speaker" and d.label == "none" for d in rig.snapshot.devices))

    async def second(rig: Rig) -> None:
        assert rig.snapshot.name == "Bridge"  # the first snapshot of all
        assert rig.snapshot.look == LookView("light", True, "ar")
        assert rig.snapshot.presets == rooms
        assert rig.box.config.call.joining_minutes == 30.0
        assert rig.box.config.audio.speaker == "none"
        assert rig.box.config.audio.microphone == "test"  # untouched: the configuration's

    run(tmp_path, first, second)


def test_a_name_is_announced_to_the_others(tmp_path: Path) -> None:
    async def life(rig: Rig) -> None:
        await rig.open("name")
        await rig.change(s.SetName("Bridge"))
        discovery = rig.box.discovery
        assert discovery is not None
        assert discovery._own_info(["127.0.0.1"]).properties[b"name"] == b"Bridge"

    run(tmp_path, life)


def test_a_name_that_the_box_took_because_of_a_copy_is_given_up(tmp_path: Path) -> None:
    async def life(rig: Rig) -> None:
        rig.box.name = "Solo 2"
        await rig.open("name")
        await rig.change(s.SetName("Solo"))
        assert rig.box.name == "Solo"

    run(tmp_path, life)


def test_the_microphone_is_seen_while_the_page_is_open_and_no_longer(tmp_path: Path) -> None:
    async def life(rig: Rig) -> None:
        await rig.open("sound")
        await rig.until(lambda: rig.snapshot.sound_check and rig.snapshot.sound_check.level > 0.3)
        await rig.open("look")
        await rig.until(lambda: rig.snapshot.sound_check is None)
        await rig.open("sound")
        rig.send(s.CloseSettings())
        await rig.until(lambda: rig.snapshot.settings is None)
        assert rig.snapshot.sound_check is None

    run(tmp_path, life)


def test_another_microphone_is_heard_at_once(tmp_path: Path) -> None:
    async def life(rig: Rig) -> None:
        await rig.open("sound")
        assert "test" in [choice.value for choice in rig.settings.microphone.choices]
        await rig.change(s.ChooseDevice("microphone", "none"))
        await rig.until(lambda: rig.snapshot.sound_check and rig.snapshot.sound_check.level == 0.0)
        assert rig.settings.microphone.value == "none"
        await rig.change(s.ChooseDevice("microphone", "test:3"))
        await rig.until(lambda: rig.snapshot.sound_check and rig.snapshot.sound_check.level > 0.3)

    run(tmp_path, life)


def test_the_loudspeaker_plays_its_test_and_ends_it(tmp_path: Path) -> None:
    def played(rig: Rig) -> int:
        return int(rig.box.media.engine.stats()["engine"]["played"])

    async def life(rig: Rig) -> None:
        assert played(rig) == 0
        await rig.open("sound")
        rig.send(s.PlayTestSound())
        await rig.until(lambda: rig.settings.testing)
        await rig.until(lambda: played(rig) > limits.TEST_SOUND_SECONDS * 50)
        await rig.until(lambda: not rig.settings.testing)
        rig.send(s.PlayTestSound())
        await rig.until(lambda: rig.settings.testing)
        rig.send(s.CloseSettings())
        await rig.until(lambda: rig.snapshot.settings is None)
        before = played(rig)
        await asyncio.sleep(0.1)
        assert played(rig) <= before + 2

    run(tmp_path, life)


def test_the_camera_runs_while_its_page_is_open_and_another_one_may_be_chosen(tmp_path: Path) -> None:
    async def life(rig: Rig) -> None:
        slot = rig.bridge.slot(SELF_TILE)
        rig.box.set_media(camera_on=False)  # in the last meeting: a preview is nobody else's
        await rig.open("camera")
        rig.send(TilesShown((), (320, 180)))
        await rig.until(lambda: slot.take()[1] is not None)
        await rig.change(s.ChooseDevice("camera", "none"))
        assert [d.label for d in rig.snapshot.devices if d.kind == "camera"] == ["None"]
        await rig.change(s.ChooseDevice("camera", "test"))
        slot.put(None)
        await rig.until(lambda: slot.take()[1] is not None)
        rig.send(s.CloseSettings(), TilesShown((), None))
        await rig.until(lambda: slot.take()[1] is None)
        assert rig.box.media.camera._want.self_view is None

    run(tmp_path, life, video="test")


def test_a_value_that_makes_no_sense_is_said_and_changes_nothing(tmp_path: Path) -> None:
    async def life(rig: Rig) -> None:
        await rig.open("joining")
        rig.send(s.SetJoiningMinutes(-1.0))
        await rig.until(lambda: rig.settings.problem)
        assert rig.box.config.call.joining_minutes == 10.0
        await rig.change(s.SetJoiningMinutes(5.0))
        assert rig.settings.problem == ""

    run(tmp_path, life)
    assert "joining_minutes = 5.0" in (tmp_path / "state" / settings_file.SETTINGS).read_text()


def test_a_folder_that_can_not_be_written_makes_a_change_last_until_the_end(tmp_path: Path) -> None:
    async def life(rig: Rig) -> None:
        (rig.state / "settings.new").mkdir()  # where the new file would be written
        await rig.open("look")
        await rig.change(s.ChangeLook(theme="light"))
        assert "lasts until" in str(rig.settings.problem)
        assert rig.snapshot.look.theme == "light"

    run(tmp_path, life)


@pytest.mark.parametrize("text", ["name = 7", "half"])
def test_a_broken_file_is_set_aside_and_the_box_starts(tmp_path: Path, caplog, text: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / settings_file.SETTINGS).write_text(text)

    async def life(rig: Rig) -> None:
        assert rig.snapshot.name == "Solo"
        assert any("set aside" in str(notice.text) for notice in rig.snapshot.notices)
        await rig.open("name")
        await rig.change(s.SetName("Bridge"))

    run(tmp_path, life)
    assert (tmp_path / "state" / settings_file.BROKEN).read_text() == text
    assert "settings.broken" in caplog.text


class TestPin:
    def test_nothing_is_told_or_changed_before_it_was_typed(self, tmp_path: Path) -> None:
        async def life(rig: Rig) -> None:
            await rig.open("sound", locked=True)
            assert rig.settings == SettingsView(locked=True, pin=rig.settings.pin)
            assert rig.snapshot.sound_check is None
            for intent in (s.SetName("Mine"), s.SetPin(""), s.FactoryReset(), s.PlayTestSound()):
                with pytest.raises(ControlError) as caught:
                    await rig.box.intents._perform(intent)
                assert caught.value.code == "settings.locked"
            rig.send(s.EnterPin("4711"))
            await rig.until(lambda: not rig.settings.locked)
            await rig.change(s.SetName("Ours"))
            assert rig.snapshot.name == "Ours"
            rig.send(s.CloseSettings())
            await rig.until(lambda: rig.snapshot.settings is None)
            await rig.open("sound", locked=True)  # the next one types it again

        run(tmp_path, life, pin="4711")

    def test_it_is_not_in_the_memory_of_the_running_box(self, tmp_path: Path) -> None:
        async def life(rig: Rig) -> None:
            assert rig.box.config.admin.pin == rig.box.file_config.admin.pin == rig.box._given.pin == ""

        run(tmp_path, life, pin="4711")

    def test_five_wrong_ones_and_nothing_is_looked_at_for_a_minute(self, tmp_path: Path) -> None:
        async def life(rig: Rig) -> None:
            await rig.open("sound", locked=True)
            for wrong in range(1, limits.PIN_TRIES + 1):
                rig.send(s.EnterPin("0000"))
                await rig.until(lambda wrong=wrong: rig.settings.pin.wrong == wrong)
            until = rig.settings.pin.until
            assert until is not None
            assert until - rig.box.now() == pytest.approx(limits.PIN_WAIT, abs=5.0)
            rig.send(s.EnterPin("4711"))
            await rig.until(lambda: rig.box.counters["settings.pin-early"])
            assert rig.settings.locked
            rig.send(s.CloseSettings())
            await rig.until(lambda: rig.snapshot.settings is None)
            await rig.open("sound", locked=True)  # coming back does not help
            assert rig.settings.pin.until == until
            assert rig.box.counters["settings.pin-wrong"] == limits.PIN_TRIES

        run(tmp_path, life, pin="4711")

    def test_it_is_set_changed_and_removed(self, tmp_path: Path) -> None:
        async def first(rig: Rig) -> None:
            await rig.open("pin")
            await rig.change(s.SetPin("1234"))
            assert rig.settings.pin.kept
            assert not rig.settings.locked  # who set it needs not type it

        async def second(rig: Rig) -> None:
            await rig.open("pin", locked=True)
            rig.send(s.EnterPin("1234"))
            await rig.until(lambda: not rig.settings.locked)
            await rig.change(s.SetPin(""))
            assert not rig.settings.pin.kept

        async def third(rig: Rig) -> None:
            await rig.open("pin")

        run(tmp_path, first, second, third)

    def test_no_pin_is_in_the_log_or_in_an_intent(self, tmp_path: Path, caplog) -> None:
        async def life(rig: Rig) -> None:
            await rig.open("sound", locked=True)
            rig.send(s.EnterPin("90817263"))
            await rig.until(lambda: rig.settings.pin.wrong)
            rig.send(s.EnterPin("47114711"))
            await rig.until(lambda: not rig.settings.locked)

        caplog.set_level("DEBUG")
        run(tmp_path, life, pin="47114711")
        assert not re.search("90817263|47114711", caplog.text)
        assert "4711" not in repr(s.EnterPin("4711")) + repr(s.SetPin("4711"))


class TestInCall:
    def test_only_the_devices_and_no_pin(self, tmp_path: Path) -> None:
        async def life(rig: Rig) -> None:
            await rig.box.rooms.join(812, "1234", made_up=True, pressed_at=rig.box.now())
            await rig.until(lambda: rig.snapshot.phase is Phase.IN_CALL)
            with pytest.raises(ControlError):
                await rig.box.intents._perform(s.OpenSettings("name"))
            await rig.open("sound")
            assert rig.settings.pages == CALL_PAGES
            await rig.until(lambda: rig.snapshot.sound_check and rig.snapshot.sound_check.level > 0.3)
            rig.send(CheckSound())  # the others would hear the tones
            await rig.until(lambda: rig.snapshot.sound_check and rig.snapshot.sound_check.sentence)
            await rig.change(s.ChooseDevice("microphone", "test:2"))
            rig.send(s.SetName("Mine"))
            rig.send(s.SetPin("1111"))
            await rig.change(s.ChooseDevice("speaker", "none"))  # those before it were refused
            assert rig.snapshot.name == "Solo"
            assert rig.settings.pin.kept
            await rig.box.rooms.leave()
            await rig.until(lambda: rig.snapshot.phase is Phase.IDLE)
            await rig.open("name", locked=True)  # what was open without the PIN is no way around it

        run(tmp_path, life, pin="4711")

    def test_a_meeting_that_begins_closes_them(self, tmp_path: Path) -> None:
        async def life(rig: Rig) -> None:
            await rig.open("name")
            await rig.box.rooms.join(812, "1234", made_up=True, pressed_at=rig.box.now())
            await rig.until(lambda: rig.snapshot.settings is None)
            with pytest.raises(ControlError):
                await rig.box.intents._perform(s.SetName("Mine"))
            await rig.box.rooms.leave()

        run(tmp_path, life)


class TestFactoryReset:
    def test_nothing_is_left_and_the_box_is_another_one(self, tmp_path: Path) -> None:
        before: dict[str, bytes] = {}

        async def life(rig: Rig) -> None:
            first = rig.box.box_id
            await rig.box.rooms.join(812, "1234", made_up=True, pressed_at=rig.box.now())
            await rig.box.rooms.leave()
            rig.box.records.meet("Galley", "ab" * 16)
            rig.box.records.met_keys.remember(42, "0a" * 16, bytes(32))
            rig.box.records.save_met_keys()
            rig.box.book.met("Galley", ["10.0.0.7"], 8787)
            rig.box.book.save()
            rig.box.records.save_budgets()
            (rig.state / "boxes-met.new").write_bytes(b"half")
            (rig.state / last_good.LAST_GOOD).write_text('name = "Harbour Office"')
            await rig.open("name")
            await rig.change(s.SetName("Bridge"))
            await rig.change(s.ChangeLook(theme="light", language="de"))
            await rig.change(s.SetPresets(()))
            await rig.change(s.ChooseDevice("microphone", "none"))
            await rig.change(s.SetPin("1234"))
            before.update({file.name: file.read_bytes() for file in rig.state.iterdir()})
            rig.send(s.FactoryReset())
            await rig.until(lambda: any("first day" in str(n.text) for n in rig.snapshot.notices))
            assert rig.snapshot.settings is None
            assert rig.snapshot.name == "Solo"
            assert rig.snapshot.look == LookView()
            assert rig.snapshot.presets == (Preset("Board", 42),)
            assert rig.box.box_id != first
            assert not rig.box.settings.pin.is_set
            assert rig.box.config.audio.microphone == "test"
            assert {file.name for file in rig.state.iterdir()} == {"identity.key"}
            await rig.open("sound")

        run(tmp_path, life)
        expected = set(factory_reset.FILES) - {settings_file.BROKEN, "name.json"} | {"boxes-met.new"}
        assert set(before) == expected

    def test_what_can_not_be_erased_is_said(self, tmp_path: Path, caplog) -> None:
        async def life(rig: Rig) -> None:
            (rig.state / "boxes-met.json").mkdir()
            await rig.open("reset")
            rig.send(s.FactoryReset())
            await rig.until(lambda: any("Not everything" in str(n.text) for n in rig.snapshot.notices))
            assert "reset.not-removed boxes-met.json" in caplog.text
            assert rig.snapshot.settings is None

        run(tmp_path, life)

    def test_a_meeting_is_left_first(self, tmp_path: Path) -> None:
        async def life(rig: Rig) -> None:
            await rig.box.rooms.join(812, "1234", made_up=True, pressed_at=rig.box.now())
            await rig.box.rooms.join(7, "1234", made_up=True, pressed_at=rig.box.now())
            await rig.until(lambda: rig.snapshot.phase is Phase.IN_CALL)
            await rig.box.rooms.leave()  # home, with the first one on hold
            await rig.until(lambda: rig.snapshot.phase is Phase.IDLE)
            assert len(rig.box.rooms.sessions) == 1
            await rig.open("reset")
            rig.send(s.FactoryReset())
            await rig.until(lambda: any("first day" in str(n.text) for n in rig.snapshot.notices))
            assert rig.box.rooms.sessions == ()

        run(tmp_path, life)

    def test_the_configurations_pin_is_there_again(self, tmp_path: Path) -> None:
        async def life(rig: Rig) -> None:
            await rig.open("pin", locked=True)
            rig.send(s.EnterPin("4711"))
            await rig.until(lambda: not rig.settings.locked)
            await rig.change(s.SetPin(""))
            rig.send(s.FactoryReset())
            await rig.until(lambda: rig.snapshot.settings is None)
            await rig.until(lambda: rig.box.settings.pin.is_set)
            assert rig.box.settings.pin.fits("4711")

        run(tmp_path, life, pin="4711")


def test_every_page_can_be_opened_and_says_what_it_is_about(tmp_path: Path) -> None:
    async def life(rig: Rig) -> None:
        for page in PAGES:
            await rig.open(page)
        await rig.until(lambda: rig.settings.licences)
        assert rig.settings.fingerprint == rig.box.box_id
        await rig.open("network")
        await rig.until(lambda: rig.settings.facts)
        assert any(fact.value == "127.0.0.1" for fact in rig.settings.facts)
        assert any(str(fact.value) == "No limit" for fact in rig.settings.facts)
        with pytest.raises(ControlError):
            await rig.box.intents._perform(s.OpenSettings("cellar"))

    run(tmp_path, life)


def test_the_licences_are_those_of_what_is_needed() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    needed = re.search(r"\ndependencies = \[\n(.*?)\n\]", project, re.DOTALL)
    assert needed is not None
    names = re.findall(r'"([A-Za-z0-9-]+)', needed[1])
    assert tuple(sorted(names, key=str.lower)) == licences.PARTS
    told = {licence.part.rpartition(" ")[0].lower(): licence.licence for licence in licences.licences()}
    assert all(told.get(name.lower().replace("_", "-")) for name in names), told


def test_a_long_list_of_devices_is_bounded(tmp_path: Path) -> None:
    async def life(rig: Rig) -> None:
        many = tuple(FoundCamera(f"v4l2:/dev/video{i}", str(i)) for i in range(99))
        rig.box.settings._found = Found(cameras=many)
        rig.send(s.OpenSettings("look"))
        await rig.until(lambda: rig.snapshot.settings)
        assert len(rig.settings.camera.choices) == limits.CHOICES_MAX + 2

    run(tmp_path, life)
