"""What the set-up of an appliance found stands at home, in the language of the screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from provision.boxes_disk import Disk

from appliance.app.provisioned import problem
from appliance.core.languages import ENGLISH, NAMES
from appliance.core.words import Words
from appliance.display import language


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"MEETINGBOX_PROVISION_DIR": str(tmp_path)}


def test_without_a_mistake_there_is_nothing(environ: dict[str, str]) -> None:
    assert problem(environ) is None


def test_what_the_set_up_wrote_is_read(tmp_path: Path) -> None:
    box = Disk(tmp_path)
    box.start('[system]\nname = "Galley\n')
    found = problem({"MEETINGBOX_PROVISION_DIR": str(box / "run/meetingbox-provision")})
    assert found is not None
    assert found.code == "config.syntax"
    assert str(found.sentence) == box.problem
    assert isinstance(found.sentence, Words)
    said = {language.find(code)(found.sentence) for code in NAMES}
    assert len(said) == len(NAMES)
    assert all("meetingbox.toml" in sentence and "2" in sentence for sentence in said)
    assert str(found.sentence) == language.find(ENGLISH)(found.sentence)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"code": 1, "sentence": ""}',
        b'{"code": "x", "sentence": {"message": 3}}',
        b"x" * 100_000,
    ],
)
def test_a_damaged_file_says_nothing(tmp_path: Path, environ: dict[str, str], data: bytes) -> None:
    (tmp_path / "problem.json").write_bytes(data)
    assert problem(environ) is None
