"""A meetingbox.toml with a mistake: the box boots to the keypad, with the sentence on its screen.

The mistakes are those of ``tests/provision/broken_cards.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from image import home
from image.emulator.disk import CONFIG, Card
from image.lab import Lab
from provision.broken_cards import BROKEN, put

from appliance.core import words
from appliance.provision.mistake import PROBLEM, ProblemFile


@pytest.fixture(autouse=True)
def nothing_stays_on(lab: Lab) -> Iterator[None]:
    """A check that failed leaves no machine to the next one."""
    yield
    lab.switch_all_off()


def flashed(lab: Lab, mistake: str, folder: Path) -> Card:
    """A card with this mistake on its boot partition."""
    put(mistake, folder)
    card = lab.card("broken")
    card.erase(CONFIG)
    for path in folder.iterdir():
        if path.is_dir():
            card.make_folder(path.name)
        else:
            card.put(path.name, path.read_bytes())
    return card


def test_there_are_ten() -> None:
    assert len(BROKEN) >= 10


@pytest.mark.parametrize("mistake", sorted(BROKEN))
def test_it_boots_to_the_keypad_and_says_what_is_wrong(lab: Lab, mistake: str, tmp_path: Path) -> None:
    card = flashed(lab, mistake, tmp_path)
    machine = lab.machine("broken", card, plugged=False)
    lab.wait_for_home(machine)
    lab.connect(machine)
    told = machine.guest.read(f"/run/meetingbox-provision/{PROBLEM}")
    sentence = str(words.from_plain(msgspec.json.decode(told, type=ProblemFile).sentence))
    assert sentence.startswith(BROKEN[mistake].says)
    lab.wait_to_read(machine, sentence)
    machine.press("4")
    lab.wait_to_read(machine, home.WHICH_ROOM)
    failed = machine.guest.run("systemctl --plain --no-legend list-units --failed", check=False)
    assert failed.strip() == ""
    card.remove()
