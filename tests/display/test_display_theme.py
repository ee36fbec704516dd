"""The palettes: everything that is read can be read from three metres, and the look changes live."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pygame
import pytest
from display_helpers import Shower, plain, wait_for

from appliance.core.view import LookView, Phase
from appliance.display.preview.scenes import SCENES, Scene
from appliance.display.preview.snapshots import HOME
from appliance.display.scene import Spinner
from appliance.display.theme import (
    CONTRAST,
    CONTRAST_OF_SIGNS,
    DARK,
    LIGHT,
    MOTION,
    PALETTES,
    READ_ON,
    Ink,
    Palette,
    Theme,
    contrast,
)

RGB = tuple[int, int, int]
EVERY_PALETTE = pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
PICTURES = ((0, 0, 0), (128, 128, 128), (255, 255, 255))  # what may stand behind a chip


def solid(palette: Palette, ink: Ink) -> list[RGB]:
    """The colours that an ink may look like: of a glass one, over pictures of any brightness."""
    value = palette[ink]
    if len(value) == 3:
        return [value]
    share = value[3] / 255
    return [
        tuple(round(c * share + p * (1 - share)) for c, p in zip(value[:3], picture, strict=True))
        for picture in PICTURES
    ]


@EVERY_PALETTE
def test_a_palette_knows_every_ink(palette: Palette) -> None:
    assert set(palette) == set(Ink)


@EVERY_PALETTE
@pytest.mark.parametrize(
    ("ink", "ground"), [(ink, ground) for ink, grounds in READ_ON.items() for ground in grounds]
)
def test_text_has_contrast_for_three_metres(palette: Palette, ink: Ink, ground: Ink) -> None:
    for behind in solid(palette, ground):
        assert contrast(Theme((1280, 720), palette).color(ink), behind) >= CONTRAST


@EVERY_PALETTE
@pytest.mark.parametrize(
    ("sign", "ground"),
    [
        *itertools.product((Ink.ACCENT, Ink.WARNING, Ink.BAD, Ink.FOCUS), (Ink.BACKGROUND, Ink.PANEL)),
        (Ink.FOCUS, Ink.STAGE),
        (Ink.ACCENT, Ink.STAGE),
        (Ink.WARNING, Ink.WARNING_BACK),
        (Ink.BAD, Ink.BAD_BACK),
    ],
)
def test_signs_stand_out(palette: Palette, sign: Ink, ground: Ink) -> None:
    theme = Theme((1280, 720), palette)
    assert contrast(theme.color(sign), theme.color(ground)) >= CONTRAST_OF_SIGNS


def test_nothing_moves_for_longer_than_a_fifth_of_a_second_or_at_all_when_it_shall_not() -> None:
    assert Theme((800, 480)).motion == MOTION <= 0.2
    assert Theme((800, 480), still=True).motion == 0.0


LIGHT_LOOK = LookView(theme="light")


def test_the_theme_changes_while_the_box_runs(shower: Shower) -> None:
    shown = shower(HOME)
    assert shown.settle().get_at((2, 2))[:3] == DARK[Ink.BACKGROUND]
    assert shown.show(replace(HOME, look=LIGHT_LOOK)).get_at((2, 2))[:3] == LIGHT[Ink.BACKGROUND]
    assert (
        shown.show(replace(HOME, look=LookView(theme="no such"))).get_at((2, 2))[:3] == (DARK[Ink.BACKGROUND])
    )


def test_pictures_stay_when_the_theme_changes(shower: Shower) -> None:
    call = next(scene.snapshot for scene in SCENES if scene.name == "call-2")
    shown = shower(call)
    wait_for(lambda: bool(shown.tiles))
    _, w, h = shown.tiles[-1].sizes[0]
    shown.bridge.slot("p1").put(plain((200, 10, 10), (w, h)))
    at = (200, 200)
    assert shown.settle().get_at(at)[:3] == (200, 10, 10)
    light = shown.show(replace(call, look=LIGHT_LOOK))
    assert light.get_at(at)[:3] == (200, 10, 10)
    assert light.get_at((2, 2))[:3] == LIGHT[Ink.STAGE]


def test_a_still_sign_stands_for_the_ring_where_motion_is_reduced(shower: Shower) -> None:
    joining = replace(HOME, phase=Phase.JOINING)
    shown = shower(joining)
    before = ring(shown.settle())
    wait_for(lambda: ring(shown.settle()) != before)
    still = ring(shown.show(replace(joining, look=LookView(still=True))))
    assert still not in (before, ring(shown.show(joining)))


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_no_screen_moves_by_itself_where_motion_is_reduced(shower: Shower, scene: Scene) -> None:
    still = LookView(still=True)
    shown = shower(replace(scene.snapshot, look=still))
    shown.press(scene.keys)
    if scene.after is not None:
        shown.show(replace(scene.after, look=still))
    assert not any(isinstance(node, Spinner) for node in shown.display.view.nodes)


def ring(surface: pygame.Surface) -> bytes:
    """What is in the middle of the screen, where the ring turns while a box joins."""
    return pygame.image.tobytes(surface.subsurface((350, 100, 100, 100)), "RGB")
