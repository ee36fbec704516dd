"""Words on a screen are recognised, and only those that are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pygame
import pytest
from image import home
from image.emulator.screen import Pixels
from image.reading import Reader

from appliance.core.view import Problem, Tone
from appliance.core.words import say
from appliance.display.preview import drawing, snapshots
from appliance.display.preview.scenes import Scene

SIZE = (800, 480)
MISTAKE = say(
    "Correct {key} in the settings file: found {found}. The last good settings are in use until then.",
    key="video.source",
    found='"webcam"',
)
SCENES = (
    Scene("offline", snapshots.TROUBLE),
    Scene("mistaken", replace(snapshots.HOME, presets=(), problems=(Problem("config.value", MISTAKE),))),
    Scene("asked", snapshots.HOME, "4 2"),
    Scene("password", snapshots.HOME, "4 2 ok"),
    Scene("refused", snapshots.HOME, "4 2 ok 1 7 4 0 2 ok", snapshots.REFUSED),
    Scene("told", replace(snapshots.in_call(snapshots.CALL, snapshots.NOTICES))),
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pixels]:
    folder = tmp_path_factory.mktemp("screens")
    found = {}
    for scene, path in zip(SCENES, drawing.render(list(SCENES), SIZE, folder), strict=True):
        rows = pygame.surfarray.array3d(pygame.image.load(path)).swapaxes(0, 1)
        found[scene.name] = np.ascontiguousarray(rows)
    return found


@pytest.fixture
def reader(pictures: dict[str, Pixels]) -> Iterator[Reader]:
    reader = Reader(SIZE)  # after the displays that drew them, which end the fonts
    yield reader
    reader.close()


def test_a_sentence_on_one_line(reader: Reader, pictures: dict[str, Pixels]) -> None:
    assert reader.says(pictures["offline"], home.NO_NETWORK)
    assert not reader.says(pictures["asked"], home.NO_NETWORK)


def test_a_sentence_on_several_lines(reader: Reader, pictures: dict[str, Pixels]) -> None:
    assert reader.says(pictures["mistaken"], str(MISTAKE))
    assert not reader.says(pictures["offline"], str(MISTAKE))


@pytest.mark.parametrize(
    ("wrong", "left"),
    [
        ("No network. Plug in a network table.", ["table."]),
        ("No network. Plug it in a network cable.", ["it", "in", "a", "network", "cable."]),
        ("No network. Plug in a network cable. Now.", ["Now."]),
        ("Yes network.", ["Yes", "network."]),
    ],
)
def test_what_is_not_there_is_said(
    reader: Reader, pictures: dict[str, Pixels], wrong: str, left: list[str]
) -> None:
    assert reader.unread(pictures["offline"], wrong) == left


def test_a_digit_that_differs_is_seen(reader: Reader, pictures: dict[str, Pixels]) -> None:
    assert reader.says(pictures["password"], "Password for room 42")
    assert not reader.says(pictures["password"], "Password for room 43")


def test_a_refusal_and_a_notice(reader: Reader, pictures: dict[str, Pixels]) -> None:
    assert snapshots.REFUSED.refusal is not None
    for line in str(snapshots.REFUSED.refusal).split("\n"):
        assert reader.says(pictures["refused"], line)
    assert snapshots.NOTICES[1].tone is Tone.WARNING
    assert reader.says(pictures["told"], "Somebody tried to join with a wrong password")


def test_the_doors_of_home_are_found(reader: Reader, pictures: dict[str, Pixels]) -> None:
    assert home.is_home(reader, pictures["offline"])
    assert home.is_home(reader, pictures["mistaken"])
    assert not home.is_home(reader, pictures["asked"])
    assert not home.is_home(reader, np.zeros_like(pictures["asked"]))
    start, join = (reader.place(pictures["offline"], words) for words in (home.START, home.JOIN))
    assert start is not None
    assert join is not None
    assert start.x < join.x
    assert reader.place(pictures["offline"], "Joan") is None


def test_an_empty_screen_and_a_noisy_one_say_nothing(reader: Reader) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for picture in (np.zeros_like(noise), np.full_like(noise, 255), noise):
        assert not reader.says(picture, home.NO_NETWORK)
        assert reader.place(picture, "a") is None
