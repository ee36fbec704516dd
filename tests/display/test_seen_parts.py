"""A new picture is drawn only where it is seen: it looks as if everything were drawn anew."""

from __future__ import annotations

from collections.abc import Iterator

import pygame
import pytest
from display_helpers import plain
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.grid import Rect
from appliance.display.fonts import Fonts
from appliance.display.render import Renderer
from appliance.display.scene import Box, Node, Text, Video, View
from appliance.display.text import Typesetter
from appliance.display.theme import DARK, Ink, Theme

SIZE = (320, 180)
TILE = Rect(30, 20, 200, 120)
RED, GREEN = (200, 30, 30), (20, 160, 60)


@pytest.fixture(scope="module")
def typesetter() -> Iterator[Typesetter]:
    pygame.font.init()
    setter = Typesetter(Fonts())
    yield setter
    setter.close()
    pygame.font.quit()


def drawn(typesetter: Typesetter, nodes: tuple[Node, ...], *, whole: bool) -> tuple[bytes, Renderer]:
    """The screen after a red and a green picture; ``whole``: all of it is drawn anew then."""
    surface = pygame.Surface(SIZE, 0, 32)
    renderer = Renderer(surface, typesetter, Theme(SIZE, DARK, False))
    video = Video(TILE, "p1", 8, Ink.STAGE)
    view = View(Ink.STAGE, (video, *nodes))
    renderer.show(view)
    for color in (RED, GREEN):
        assert renderer.picture(video, plain(color, TILE[2:]))
    if whole:
        renderer.restyle(Theme(SIZE, DARK, False))
        renderer.show(view)
    return pygame.image.tobytes(surface, "RGB"), renderer


rects = st.builds(
    Rect, st.integers(-20, 300), st.integers(-20, 170), st.integers(1, 260), st.integers(1, 160)
)
boxes = st.builds(
    Box,
    rect=rects,
    fill=st.sampled_from([Ink.BACKGROUND, Ink.BUTTON, Ink.CHIP, None]),
    radius=st.integers(0, 40),
    border=st.sampled_from([Ink.BAD, None]),
    border_width=st.integers(0, 6),
)
texts = st.builds(Text, rect=rects, text=st.just("Engine Room"), px=st.just(20), color=st.just(Ink.TEXT))


@settings(max_examples=300)
@given(nodes=st.lists(boxes | texts, max_size=6).map(tuple))
def test_it_looks_as_if_everything_were_drawn(typesetter: Typesetter, nodes: tuple[Node, ...]) -> None:
    assert drawn(typesetter, nodes, whole=False)[0] == drawn(typesetter, nodes, whole=True)[0]


def test_a_bar_is_not_drawn_with_every_picture_under_it(typesetter: Typesetter) -> None:
    bar = Box(Rect(0, 90, 320, 40), Ink.BACKGROUND, radius=10)
    button = Box(Rect(40, 95, 60, 30), Ink.BUTTON, radius=6)
    _, renderer = drawn(typesetter, (bar, button), whole=False)
    ((_, parts),) = renderer._parts.items()
    assert [clip for clip, _ in parts] == [Rect(30, 20, 200, 70), Rect(30, 130, 200, 10)]
    assert not any(above for _, above in parts)


def test_a_glass_chip_is_drawn_with_every_picture(typesetter: Typesetter) -> None:
    chip = Box(Rect(40, 100, 80, 30), Ink.CHIP, radius=6)
    _, renderer = drawn(typesetter, (chip,), whole=False)
    assert list(renderer._parts.values()) == [((TILE, ((chip.rect, chip),)),)]


def test_a_tile_in_too_many_parts_is_drawn_as_a_whole(typesetter: Typesetter) -> None:
    squares = tuple(
        Box(Rect(40 + 30 * (i % 4), 30 + 30 * (i // 4), 10, 10), Ink.BACKGROUND)
        for i in range(limits.TILE_PARTS_MAX)
    )
    _, renderer = drawn(typesetter, squares, whole=False)
    ((_, parts),) = renderer._parts.items()
    assert [clip for clip, _ in parts] == [TILE]
