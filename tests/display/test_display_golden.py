"""Every screen looks as its golden picture, and one that does not is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pygame
import pytest
from golden_pictures import FOLDER, KINDS, difference, fingerprint, take

from appliance.core.view import LookView
from appliance.display import text
from appliance.display.preview.drawing import picture_name
from appliance.display.preview.scenes import SCENES, Scene

SIZE, LOOK = KINDS[0]


@pytest.mark.parametrize("kind", KINDS, ids=[f"{size[0]}x{size[1]}-{look.theme}" for size, look in KINDS])
@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_a_screen_looks_as_it_should(
    scene: Scene, kind: tuple[tuple[int, int], LookView], tmp_path: Path
) -> None:
    size, look = kind
    path = FOLDER / picture_name(scene, size, look)
    assert path.exists(), "make it with ./dev screens --golden, and look at it"
    found = difference(fingerprint(take(scene, size, look, tmp_path)), pygame.image.load(path))
    assert found.alike, f"{found}: if it should look so now, ./dev screens --golden"


def test_there_is_no_golden_picture_of_a_screen_that_is_no_more() -> None:
    assert {path.name for path in FOLDER.glob("*.png")} == {
        picture_name(scene, size, look) for scene in SCENES for size, look in KINDS
    }


def test_golden_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.png")) < 3_000_000


# --- What the comparison is worth -----------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> pygame.Surface:
    scene = next(scene for scene in SCENES if scene.name == "home")
    return take(scene, SIZE, LOOK, tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("name", ["home", "start", "keypad", "call"])
def test_letters_that_are_smoothed_in_another_way_are_the_same_screen(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another version of a font or its rasterizer would: every letter elsewhere by a part of a pixel."""
    scene = next(scene for scene in SCENES if scene.name == name)
    usual = fingerprint(take(scene, SIZE, LOOK, tmp_path))
    monkeypatch.setattr(text, "OVERSAMPLED", text.OVERSAMPLED + 1)
    other = fingerprint(take(scene, SIZE, LOOK, tmp_path))
    found = difference(usual, other)
    assert found.mean > 0
    assert found.alike, found


def drawn(scene_of: Callable[[Scene], Scene], folder: Path) -> pygame.Surface:
    return take(scene_of(next(scene for scene in SCENES if scene.name == "home")), SIZE, LOOK, folder)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("a box less", lambda s: replace(s, boxes=s.boxes[:-1])),
        ("another name", lambda s: replace(s, name="Harbour Hall")),
        (
            "a box that is away",
            lambda s: replace(s, boxes=(replace(s.boxes[0], present=False), *s.boxes[1:])),
        ),
        ("a preset less", lambda s: replace(s, presets=s.presets[:-1])),
        ("no devices", lambda s: replace(s, devices=())),
    ],
)
def test_a_screen_that_says_something_else_is_found_out(
    home: pygame.Surface, what: str, change: Callable, tmp_path: Path
) -> None:
    other = drawn(lambda scene: replace(scene, snapshot=change(scene.snapshot)), tmp_path)
    assert not difference(fingerprint(home), fingerprint(other)).alike, what


@pytest.mark.parametrize("by", [(4, 0), (0, 4), (-5, 3)])
def test_an_element_that_moved_is_found_out(home: pygame.Surface, by: tuple[int, int]) -> None:
    place = pygame.Rect(76, 158, 64, 64)  # the camera on the button that starts a meeting
    moved = home.copy()
    moved.fill(home.get_at(place.topleft), place)
    moved.blit(home, place.move(by), place)
    assert not difference(fingerprint(home), fingerprint(moved)).alike
