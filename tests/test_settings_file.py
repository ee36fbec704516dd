"""What is changed on the screen: one file over another, and what becomes of a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance import config, settings_file
from appliance.config import Config, Loaded, PresetRoom
from appliance.errors import ConfigError
from appliance.settings_file import BROKEN, SETTINGS, Changes

VALUES = {
    "name": 'Bridge "aft"',
    "presets": [{"label": "Board", "room": 42}, {"label": "Mess", "room": 7}],
    "video.source": "v4l2:/dev/video2",
    "audio.microphone": "device:Speak",
    "audio.speaker": "none",
    "call.joining_minutes": 30.0,
    "display.theme": "light",
    "display.reduced_motion": True,
    "display.language": "ar",
}
FILE = Config(name="Galley", audio=config.Audio(microphone="test", same_room="off"))


def write(folder: Path, text: str) -> None:
    (folder / SETTINGS).write_text(text)


def test_what_is_kept_comes_back_and_wins(tmp_path: Path) -> None:
    assert set(VALUES) == settings_file.KEYS
    (tmp_path / SETTINGS).write_bytes(settings_file.to_bytes(Changes(VALUES)))
    read = settings_file.load(tmp_path, FILE)
    assert read == Changes(VALUES)
    both = read.over(FILE)
    assert both.name == VALUES["name"]
    assert both.presets == (PresetRoom(label="Board", room=42), PresetRoom(label="Mess", room=7))
    assert both.audio == config.Audio(microphone="device:Speak", speaker="none", same_room="off")
    assert both.display == config.Display(theme="light", reduced_motion=True, language="ar")
    assert both.call.joining_minutes == 30.0


def test_nothing_kept_is_the_configuration(tmp_path: Path) -> None:
    assert settings_file.load(tmp_path, FILE).over(FILE) == FILE


def test_rooms_can_all_be_removed(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_bytes(settings_file.to_bytes(Changes({"presets": []})))
    given = Config(presets=(PresetRoom(label="Board", room=42),))
    assert settings_file.load(tmp_path, given).over(given).presets == ()


@pytest.mark.parametrize(
    "text",
    [
        'name = "half',
        "name = 7",
        'name = " spaced "',
        '[signaling]\ntoken = "other"',
        '[admin]\npin = "4711"',
        "[call]\njoining_minutes = -1",
        "presets = 3",
        "[[name]]\nx = 1",
        "name = \x00",
    ],
)
def test_a_broken_file_is_set_aside_with_a_clear_line(tmp_path: Path, caplog, text: str) -> None:
    write(tmp_path, text)
    read = settings_file.load(tmp_path, FILE)
    assert read.values == {}
    assert read.problem is not None
    assert read.over(FILE) == FILE
    settings_file.set_aside(tmp_path, read.problem)
    assert (tmp_path / BROKEN).read_text() == text
    assert not (tmp_path / SETTINGS).exists()
    assert "settings.broken" in caplog.text
    assert str(tmp_path / SETTINGS) in caplog.text


def test_what_the_rules_refuse_is_refused() -> None:
    with pytest.raises(ConfigError):
        Changes({"display.theme": "pink"}).over(FILE)
    with pytest.raises(ConfigError):
        Changes({"presets": [{"label": "x", "room": 1}] * 7}).over(FILE)


def test_a_command_that_only_looks_leaves_a_broken_file_where_it_is(tmp_path: Path) -> None:
    write(tmp_path, "name = 7")
    loaded = Loaded(FILE, None)
    assert settings_file.in_force(loaded, tmp_path) == loaded
    assert (tmp_path / SETTINGS).exists()
    write(tmp_path, 'name = "Bridge"')
    assert settings_file.in_force(loaded, tmp_path).config.name == "Bridge"
