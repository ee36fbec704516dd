"""In a language that needs more room, or goes the other way, text stays in its box, on its own and whole."""

from __future__ import annotations

import itertools

import pygame
import pytest
from pseudo import LANGUAGES, Pseudo, leftward, longer
from test_display_layout import SIZES, ink_of, stand

from appliance.core.grid import Rect
from appliance.core.view import LookView
from appliance.core.words import Words, say, say_n
from appliance.display import bidi, mirror
from appliance.display.fonts import Fonts
from appliance.display.preview.drawing import WALL
from appliance.display.preview.scenes import SCENES, Scene
from appliance.display.preview.snapshots import HOME, NOW
from appliance.display.render import layout
from appliance.display.scene import Box, Icon, Line, Lines, Node, Text, Video, View
from appliance.display.screens.parts import Page
from appliance.display.stage import Moment
from appliance.display.text import ELLIPSIS, Typesetter, line_height
from appliance.display.theme import LIGHT, Ink, Theme

ARABIC = LookView(language="ar")
LANDSCAPE = [size for size in SIZES if size[0] >= size[1]]
EVERYWHERE = pytest.mark.parametrize(
    ("scene", "size", "language"),
    [
        pytest.param(scene, size, language, id=f"{scene.name}-{size[0]}x{size[1]}-{language}")
        for scene, size, language in itertools.product(SCENES, LANDSCAPE, LANGUAGES)
    ],
)


@pytest.fixture(scope="module")
def typesetter():
    pygame.font.init()
    yield Typesetter(Fonts())
    pygame.font.quit()


@EVERYWHERE
def test_text_stays_in_its_box_on_its_own_and_whole(
    scene: Scene, size: tuple[int, int], language: str, typesetter: Typesetter
) -> None:
    spoken = LANGUAGES[language]()
    if spoken.right_to_left:
        scene = scene.looking(ARABIC)
    made = stand(scene, size, typesetter, tr=spoken, right_to_left=spoken.right_to_left)
    nodes = made.view().nodes
    for node in nodes:
        assert made.theme.screen.contains(node.rect), node
        if isinstance(node, Text):
            inside(node, typesetter)
            whole(node, spoken, typesetter)
    apart(nodes, typesetter)


def inside(node: Text, typesetter: Typesetter) -> None:
    lines = layout(node, typesetter)
    wide = max((typesetter.width(line, node.px, node.bold, node.tracking) for line in lines), default=0)
    assert wide <= node.rect.w, (node, lines)
    assert len(lines) * line_height(node.px) <= node.rect.h + line_height(node.px) * 0.2, (node, lines)


def whole(node: Text, spoken: Pseudo, typesetter: Typesetter) -> None:
    """A sentence of ours is never cut; what comes from outside (a name) may be, and goes on in dots."""
    said = {unmarked(sentence): words for sentence, words in spoken.said.items()}
    cut = any(line.endswith(ELLIPSIS) for line in layout(node, typesetter))
    words = said.get(unmarked(node.text))
    if words is not None:
        assert not cut or has_name(words), node
    elif node.text.endswith(ELLIPSIS):
        begins = unmarked(node.text[:-1])
        for sentence, words in said.items():
            if sentence.startswith(begins) and len(begins) > 2:
                assert has_name(words), node


def has_name(words: Words) -> bool:
    """Whether something from outside stands in a sentence."""
    return any(isinstance(gap, str) or (isinstance(gap, Words) and has_name(gap)) for _, gap in words.gaps)


def unmarked(text: str) -> str:
    return "".join(c for c in text if c not in bidi.MARKS).replace("\n", " ")


def apart(nodes: tuple[Node, ...], typesetter: Typesetter) -> None:
    inks = [
        (i, node, ink)
        for i, node in enumerate(nodes)
        if isinstance(node, Text) and (ink := ink_of(node, typesetter)) is not None
    ]
    for (i, a, ink_a), (j, b, ink_b) in itertools.combinations(inks, 2):
        if ink_a.overlaps(ink_b):  # only where a box between them hides the lower one: a notice over a tile
            hidden = any(isinstance(n, Box) and n.fill and n.rect.overlaps(ink_a) for n in nodes[i + 1 : j])
            assert hidden, (a, b)


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_the_theme_changes_colours_and_nothing_else(scene: Scene, typesetter: Typesetter) -> None:
    made = stand(scene, (800, 480), typesetter)
    dark = made.view()
    made.theme = Theme((800, 480), LIGHT)
    assert made.view().nodes == dark.nodes


# --- Mirrored pages -------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_a_page_from_right_to_left_is_the_page_in_a_mirror(scene: Scene, typesetter: Typesetter) -> None:
    """Every picture, and every target outside of a block that keeps its order, at the same distance from
    the other edge.
    """
    size = (1280, 720)
    there = stand(scene, size, typesetter).view()
    back = stand(scene.looking(ARABIC), size, typesetter, right_to_left=True).view()
    assert videos(back) == {name: mirror.rect(rect, size[0]) for name, rect in videos(there).items()}
    assert [t.name for t in back.targets] == [t.name for t in there.targets]
    assert back.nodes != there.nodes or not there.nodes  # a screen that is off


ROWS_OF_KEYS = ("123", "456", "789", "1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_keys_stand_in_their_usual_order_on_a_page_from_right_to_left(
    scene: Scene, typesetter: Typesetter
) -> None:
    view = stand(scene.looking(ARABIC), (1280, 720), typesetter, right_to_left=True).view()
    at = {target.name.removeprefix("key:").lower(): target.rect for target in view.targets}
    for row in ROWS_OF_KEYS:
        keys = [at[key] for key in row if key in at]
        if len(keys) == len(row) and len({key.y for key in keys}) == 1:
            assert [key.x for key in keys] == sorted(key.x for key in keys), row


def videos(view: View) -> dict[str, Rect]:
    return {node.tile: node.rect for node in view.nodes if isinstance(node, Video)}


def test_the_keys_of_a_pad_keep_their_order(typesetter: Typesetter) -> None:
    scene = next(scene for scene in SCENES if scene.name == "keypad-room")
    view = stand(scene, (1280, 720), typesetter, right_to_left=True).view()
    x = [view.target(f"key:{digit}").rect.x for digit in "123"]
    assert x == sorted(x)
    assert view.target("back").rect.center[0] > 640 > view.target("key:2").rect.center[0]


def page(typesetter: Typesetter, language: Pseudo) -> Page:
    theme = Theme((1280, 720))
    moment = Moment(HOME, NOW, WALL, theme, typesetter, tr=language, right_to_left=language.right_to_left)
    return Page(moment)


def test_a_block_goes_to_the_other_side_as_it_is(typesetter: Typesetter) -> None:
    drawn = page(typesetter, LANGUAGES["leftward"]())
    with drawn.unmirrored(Rect(100, 0, 300, 100)):
        drawn.text(Rect(100, 10, 50, 40), "1", 20)
        drawn.icon((375, 30), 20, "delete", Ink.TEXT)
        drawn.target("key:1", Rect(100, 10, 50, 50))
    text, icon = drawn.done().nodes
    assert text.rect == Rect(880, 10, 50, 40)
    assert text.align == "left"
    assert isinstance(icon, Icon)
    assert (icon.name, icon.rect.x) == ("delete", 1145)
    assert drawn.targets[0].rect.x == 880


def test_what_points_somewhere_points_the_other_way(typesetter: Typesetter) -> None:
    drawn = page(typesetter, LANGUAGES["leftward"]())
    for name in ("back", "delete", "camera"):
        drawn.icon((100, 100), 20, name, Ink.TEXT)
    assert [node.name for node in drawn.done().nodes] == ["next", "delete-flipped", "camera"]


def test_lines_are_drawn_the_other_way_round() -> None:
    drawn = Lines(Rect(10, 0, 100, 50), (Line(0, 0, 30, 50, Ink.TEXT, 2),))
    there = mirror.node(drawn, 800)
    assert there == Lines(Rect(690, 0, 100, 50), (Line(100, 0, 70, 50, Ink.TEXT, 2),))
    assert mirror.node(there, 800) == drawn


def test_a_name_in_a_sentence_is_isolated_and_says_nothing_about_its_direction(
    typesetter: Typesetter,
) -> None:
    sentence = say("{name} joined", name="Bridge\u202e 4")
    said = page(typesetter, LANGUAGES["leftward"]()).said(sentence)
    assert said.startswith(f"{bidi.RIGHT_TO_LEFT}{bidi.ISOLATE}Bridge  4{bidi.END_OF_ISOLATE} ")
    assert page(typesetter, LANGUAGES["english"]()).said(sentence) == "Bridge  4 joined"
    mixed = page(typesetter, LANGUAGES["english"]()).said(say("{name} joined", name="غرفة"))
    assert bidi.runs(mixed) == [("غرفة", True), (" joined", False)]


# --- The languages themselves -----------------------------------------------------------------------


def test_the_long_language_is_long_and_keeps_the_gaps() -> None:
    assert longer("Sound check") == "Sõüñdñd çhéçkçk"
    spoken = LANGUAGES["longer"]()
    assert spoken(say_n("{n} box here", "{n} boxes here", 3)) == "3 bõxésés héréré"
    assert leftward("{name} ab") == "{name} اب"


def test_what_does_not_fit_is_found(typesetter: Typesetter) -> None:
    drawn = page(typesetter, spoken := LANGUAGES["longer"]())
    drawn.text(drawn.rect(0, 0, drawn.measure("Sound check", 20) + 1, 30), say("Sound check"), 20)
    drawn.text(drawn.rect(20, 4, 300, 30), say("Back"), 20)
    one, other = drawn.nodes
    with pytest.raises(AssertionError):
        whole(one, spoken, typesetter)
    whole(other, spoken, typesetter)
    with pytest.raises(AssertionError):
        apart((one, other), typesetter)
    with pytest.raises(AssertionError):
        inside(Text(Rect(0, 0, 200, 20), "two lines\nof text", 20, one.color, lines=2), typesetter)
