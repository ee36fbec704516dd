"""What home says is wrong, of whole boxes: a shared name, a mistake in the settings, boxes elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from net.boxes import Boxes
from provision.boxes_disk import Disk

NAME = f"Bridge {os.getpid()}"  # there may be other boxes on this loopback


def test_a_name_that_two_boxes_share_is_said_as_long_as_they_do(tmp_path: Path) -> None:
    sentence = f"Another box here is called {NAME} too. Give one of the two another name in its settings."
    with Boxes(tmp_path) as boxes:
        a, b = boxes.start_all((NAME, NAME))
        boxes.wait(lambda: sentence in a.status()["problems"] and sentence in b.status()["problems"])
        b.end()
        boxes.wait(lambda: a.status()["problems"] == [])


def test_a_mistake_in_the_settings_is_said_and_the_last_good_ones_are_in_force(tmp_path: Path) -> None:
    with Boxes(tmp_path) as boxes:
        box = boxes.start(NAME, options=["--last-good"])
        assert box.status()["problems"] == []
        box.end()
        config = box.folder / "meetingbox.toml"
        good = config.read_text()
        config.write_text(good.replace('source = "test"', 'source = "webcam"'))
        box.restart()
        boxes.wait(lambda: bool(box.status()))
        assert box.status()["name"] == NAME
        (problem,) = box.status()["problems"]
        assert problem.startswith('Correct video.source in the settings file: found "webcam".')
        box.end()
        config.write_text(good)
        box.restart()
        boxes.wait(lambda: bool(box.status()))
        assert box.status()["problems"] == []


def test_a_mistake_on_the_card_of_an_appliance_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    disk = Disk(tmp_path / "disk")
    said = disk.start('[system]\nname = "Galley"\nlanguage = "klingon"\n')
    assert said.startswith('meetingbox.toml, line 3: system.language can\'t be "klingon".')
    with Boxes(tmp_path) as boxes:
        folder = str(disk / "run/meetingbox-provision")
        box = boxes.start(NAME, environment={"MEETINGBOX_PROVISION_DIR": folder})
        assert box.status()["problems"] == [said]
