"""A meetingbox.toml with a mistake: the box boots to the keypad, with the sentence on its screen."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from appliance.provision.mistake import PROBLEM, ProblemFile
from image import home
from image.emulator.disk import CONFIG
from image.lab import Lab

from appliance.core import words

BROKEN = Path(__file__).parents[1] / "provision" / "broken"
FOLDER, NOISE = "a folder", "5 MB of noise"  # what is no file of the repository
NOISE_BYTES = 5 << 20


def cards() -> list[str]:
    """Every file with a mistake, and what is made here."""
    return [*sorted(path.name for path in BROKEN.glob("*.toml")), FOLDER, NOISE]


@pytest.fixture(autouse=True)
def nothing_stays_on(lab: Lab) -> Iterator[None]:
    yield
    lab.switch_all_off()


def test_there_are_ten() -> None:
    assert len(cards()) >= 10


@pytest.mark.parametrize("mistake", cards())
def test_it_boots_to_the_keypad_and_says_what_is_wrong(lab: Lab, mistake: str) -> None:
    card = lab.card("broken")
    if mistake == FOLDER:
        card.make_folder(CONFIG)
    elif mistake == NOISE:
        card.put(CONFIG, random.Random(NOISE_BYTES).randbytes(NOISE_BYTES))
    else:
        card.put(CONFIG, (BROKEN / mistake).read_bytes())
    machine = lab.machine("broken", card, plugged=False)
    lab.wait_for_home(machine)
    lab.connect(machine)
    problem = msgspec.json.decode(
        machine.guest.read(f"/run/meetingbox-provision/{PROBLEM}"), type=ProblemFile
    )
    sentence = str(words.from_plain(problem.sentence))
    assert CONFIG in sentence
    lab.wait_to_read(machine, sentence)
    machine.press("4")
    lab.wait_to_read(machine, home.WHICH_ROOM)
    assert machine.guest.run("systemctl --plain --no-legend list-units --failed", check=False).strip() == ""
    card.remove()
