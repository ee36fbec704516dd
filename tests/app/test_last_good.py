"""A box starts whatever is in its settings file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.app import last_good
from appliance.app.problems import mistaken
from appliance.errors import ConfigError

GOOD = 'name = "Bridge"\n[signaling]\ntoken = "harbour"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "meetingbox.toml"


def load(file: Path) -> tuple[str, ConfigError | None]:
    loaded, mistake = last_good.load(file, file.parent / "state")
    assert loaded.path == file
    return loaded.config.name, mistake


BROKEN = {
    "no TOML": "name = [",
    "an unknown key": 'nam = "Bridge"\n',
    "a wrong type": "name = 4\n",
    "a value": "[display]\nwidth = 1\n",
    "noise": "\x00\x01\x02",
    "too much": "#" * 300_000,
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_mistake_leaves_the_last_good_one_in_force(file: Path, text: str) -> None:
    file.write_text(GOOD)
    assert load(file) == ("Bridge", None)
    file.write_text(text)
    name, mistake = load(file)
    assert name == "Bridge"
    assert mistake is not None
    assert "last good" in str(mistaken(mistake))
    file.write_text('name = "Galley"\n')
    assert load(file) == ("Galley", None)
    file.unlink()
    name, mistake = load(file)
    assert name == "Galley"
    assert mistake is not None
    assert mistake.code == "config.missing"


def test_without_a_good_one_the_defaults_are_in_force(file: Path) -> None:
    file.write_text("name = [")
    name, mistake = load(file)
    assert name == ""
    assert mistake is not None


def test_what_is_kept_is_for_this_user_alone_and_written_once(file: Path) -> None:
    file.write_text(GOOD)
    load(file)
    kept = file.parent / "state" / last_good.LAST_GOOD
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    before = kept.stat()
    load(file)
    after = kept.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_pin_is_not_in_it(file: Path) -> None:
    file.write_text('[admin]\npin = "739104"\n')
    load(file)
    assert "739104" not in (file.parent / "state" / last_good.LAST_GOOD).read_text()


def test_a_damaged_copy_is_no_reason_not_to_start(file: Path) -> None:
    (file.parent / "state" / last_good.LAST_GOOD).write_text("name = [")
    file.write_text("name = 4")
    assert load(file)[0] == ""


def test_the_screen_names_the_key_and_what_was_found(file: Path) -> None:
    file.write_text('[video]\nsource = "webcam"\n')
    _, mistake = load(file)
    assert mistake is not None
    sentence = str(mistaken(mistake))
    assert "video.source" in sentence
    assert '"webcam"' in sentence
