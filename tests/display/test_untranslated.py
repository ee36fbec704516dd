"""No text on any screen that no catalogue could have: all of them in a language that marks what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pygame
import pytest
from test_display_layout import stand

from appliance.core.languages import NAMES
from appliance.core.words import Text, Words, translated
from appliance.display.fonts import Fonts
from appliance.display.preview import scenes
from appliance.display.scene import Text as TextNode
from appliance.display.screens.tile import initials
from appliance.display.text import Typesetter

MARKED = re.compile("«[^«»]*»")
CUT = re.compile("«[^»]*$")  # a sentence whose end did not fit
KEYS = {"abc", "ABC", "123", "?123", "#+="}  # of the keyboard: what they bring, as on any keyboard
MAY_BE_NAMES = {"Choice", "Fact"}  # of a device, say, or an address
FINGERPRINT = re.compile("[0-9a-f]{4}( [0-9a-f]{4})*")
SCENES = {scene.name: scene for scene in scenes.SCENES}


def marked(text: Text) -> str:
    """A text in a language in which every sentence stands between marks."""
    return translated(text, lambda said: f"«{said}»", lambda one, many, n: f"«{one if n == 1 else many}»")


def unmarked(text: str) -> list[str]:
    """What stands outside the marks, and could be words."""
    while (bare := MARKED.sub("", text)) != text:
        text = bare
    parts = CUT.sub("", text).split(" · ")
    return [part.strip() for part in parts if any(char.isalpha() for char in part)]


def strings(value: object) -> Iterator[str]:
    """Every text in a snapshot that is no sentence: names, labels, addresses."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from strings(item)
    elif is_dataclass(value) and not isinstance(value, Words | type):
        for field in fields(value):
            if type(value).__name__ in MAY_BE_NAMES or "Text" not in str(field.type):
                yield from strings(getattr(value, field.name))


def plain_sentences(value: object) -> Iterator[str]:
    """Every text in a snapshot that ought to be a sentence, and is in English for ever."""
    if isinstance(value, tuple):
        for item in value:
            yield from plain_sentences(item)
    elif is_dataclass(value) and not isinstance(value, Words | type):
        for field in fields(value):
            found = getattr(value, field.name)
            sentence = "Text" in str(field.type) and type(value).__name__ not in MAY_BE_NAMES
            if sentence and isinstance(found, str) and found:
                yield found
            yield from plain_sentences(found)


def named(part: str, names: set[str], typed: str) -> bool:
    """Is this a name, as much of one as there was room for, or what was typed, behind the start of a name?"""
    if len(part) == 1 or part in names or part in typed or FINGERPRINT.fullmatch(part):
        return True
    if part.endswith("…"):
        return any(known.startswith(part[:-1].rstrip()) for known in names)
    return any(
        part[i:] in typed for known in names for i in range(3, len(part)) if known.startswith(part[:i])
    )


@pytest.fixture(scope="module")
def typesetter() -> Iterator[Typesetter]:
    pygame.font.init()
    yield Typesetter(Fonts())
    pygame.font.quit()


@pytest.mark.parametrize("name", SCENES)
def test_every_word_on_a_screen_is_a_sentence_or_a_name(name: str, typesetter: Typesetter) -> None:
    scene = SCENES[name]
    names = {*strings(scene.snapshot), *strings(scene.after or ()), *NAMES.values(), *KEYS}
    names |= {initials(known) for known in names}
    typed = "".join(key for key in scene.keys.split() if len(key) == 1)
    view = stand(scene, (1280, 720), typesetter, tr=marked).view()
    shown = [node.text for node in view.nodes if isinstance(node, TextNode)]
    for text in shown:
        for part in unmarked(text):
            assert named(part, names, typed), f"“{part}” in “{text}”"


@pytest.mark.parametrize("name", SCENES)
def test_what_a_scene_says_is_sentences(name: str) -> None:
    scene = SCENES[name]
    assert list(plain_sentences((scene.snapshot, scene.after))) == []


def test_words_beside_the_marks_are_noticed() -> None:
    assert unmarked("«Room {room}: «x»»") == []
    assert unmarked("«You» · Bridge") == ["Bridge"]
    assert unmarked("14:32 10.20.0.14") == []
    assert unmarked("Leave") == ["Leave"]
    assert unmarked("2 «boxes» here") == ["2  here"]
    assert unmarked("«The connection to Bri") == []


def test_a_name_is_known_and_words_are_not() -> None:
    names = {"Harbour Office", "Bridge"}
    assert named("Harbour Off…", names, "")
    assert named("Harbour Offix", names, "x")
    assert named("Sea", names, "42Sea")
    assert not named("Leave", names, "42")
    assert not named("Harbour left", names, "42")
