"""Lines in every direction of writing, broken where their script allows it, in fonts that have them."""

from __future__ import annotations

import gettext
import json
from pathlib import Path

import pygame
import pytest

from appliance.core import limits
from appliance.display import bidi
from appliance.display import fonts as fonts_module
from appliance.display.fonts import Fonts
from appliance.display.text import Typesetter, clean, pieces

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/bidi.json").read_text())


@pytest.fixture(scope="module")
def typesetter():
    pygame.font.init()
    yield Typesetter(Fonts())
    pygame.font.quit()


@pytest.mark.parametrize(("text", "seen"), VECTORS)
def test_a_line_is_ordered_as_another_implementation_orders_it(text: str, seen: str) -> None:
    """The vectors are from unicode-bidi, by way of python-bidi 0.6.12; marks are left out."""
    assert "".join(part[::-1] if left else part for part, left in bidi.runs(text)) == seen


def test_a_name_does_not_turn_the_sentence_around_it() -> None:
    name = "غرفة 4"
    inside = f"{bidi.LEFT_TO_RIGHT}{bidi.ISOLATE}{name}{bidi.END_OF_ISOLATE} joined"
    assert bidi.runs(inside) == [("4", False), ("غرفة ", True), (" joined", False)]


def test_deep_nesting_ends_somewhere() -> None:
    assert bidi.runs("\u2067" * 400 + "a") == [("a", False)]


def test_a_mark_keeps_its_line_only_where_it_is_ours() -> None:
    assert clean("a\u200fb") == "a b"
    assert clean("a\u200fb", marked=True) == "a\u200fb"


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("one two  three", ["one ", "two  ", "three"]),
        ("会議室。参加", ["会", "議", "室。", "参", "加"]),
        ("会议「室」", ["会", "议", "「室」"]),
        ("房间 42 已打开", ["房", "间 ", "42 ", "已", "打", "开"]),
        ("غرفة واحدة", ["غرفة ", "واحدة"]),
    ],
)
def test_lines_are_broken_where_the_script_allows_it(text: str, broken: list[str]) -> None:
    assert pieces(text) == broken


def test_a_text_without_spaces_is_wrapped(typesetter: Typesetter) -> None:
    text = "请在会议室的屏幕上输入号码和密码以加入会议"
    lines = typesetter.wrap(text, 30, False, typesetter.width(text, 30) // 2, 4)
    assert len(lines) > 1
    assert "".join(lines) == text
    for line in lines:
        assert typesetter.width(line, 30) <= typesetter.width(text, 30) // 2


def test_every_line_of_a_sentence_goes_its_way(typesetter: Typesetter) -> None:
    sentence = bidi.RIGHT_TO_LEFT + "Bridge اكتب رقم الغرفة وكلمة المرور"
    lines = typesetter.wrap(sentence, 30, False, typesetter.width(sentence, 30) // 2, 4)
    assert len(lines) > 1
    assert all(line.startswith(bidi.RIGHT_TO_LEFT) for line in lines)


def test_a_mark_takes_no_room(typesetter: Typesetter) -> None:
    assert typesetter.width(bidi.LEFT_TO_RIGHT + "Bridge", 30) == typesetter.width("Bridge", 30)


@pytest.mark.parametrize("text", ["会议室", "غرفة", "Zimmer", "Où ça"])
@pytest.mark.parametrize("bold", [False, True])
def test_a_font_of_the_system_has_the_scripts_of_our_languages(text: str, bold: bool) -> None:
    """``./dev setup`` installs the fonts; without one every letter would be the same empty box."""
    pygame.font.init()
    fonts = Fonts()
    for char in text.replace(" ", ""):
        assert not fonts._lacks(char, fonts.file_for(char, bold) or fonts._main(bold)), char
    fonts.close()


def test_bold_letters_are_heavier_in_every_script(typesetter: Typesetter) -> None:
    for text in ("会议室", "غرفة", "Room"):
        ink = [
            pygame.mask.from_surface(typesetter.line(text, 60, bold, (0, 0, 0))).count()
            for bold in (False, True)
        ]
        assert ink[1] > 1.08 * ink[0], text


CATALOGUES = Path(bidi.__file__).parents[1] / "locale"


def test_every_character_of_every_catalogue_has_a_glyph() -> None:
    """In regular and bold letters, in a font that ``./dev setup`` installs."""
    pygame.font.init()
    fonts = Fonts()
    missing = set()
    for file in CATALOGUES.glob("*/LC_MESSAGES/*.mo"):
        with file.open("rb") as catalogue:
            said = gettext.GNUTranslations(catalogue)._catalog  # what it has, message by message
        for char in sorted({c for text in said.values() for c in text if c.isprintable() and c != " "}):
            for bold in (False, True):
                if fonts._lacks(char, fonts.file_for(char, bold) or fonts._main(bold)):
                    missing.add((file.parts[-3], char, bold))
    fonts.close()
    pygame.font.quit()
    assert not missing


def test_chinese_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of it has characters of sixty blocks, and asking fontconfig takes 10 ms."""
    asked: list[str] = []
    found = fonts_module.look_up
    monkeypatch.setattr(fonts_module, "look_up", lambda char, bold: asked.append(char) or found(char, bold))
    pygame.font.init()
    fonts = Fonts()
    files = {fonts.file_for(char, False) for char in "会议室的屏幕上输入号码和密码。也请给其中一台终端改名"}
    assert len(asked) == 1
    assert len(files) == 1
    fonts.close()


def test_arabic_is_of_one_font() -> None:
    pygame.font.init()
    fonts = Fonts()
    assert len({fonts.file_for(char, False) for char in "،ءآأؤغرفة؟"}) == 1
    fonts.close()


def test_fonts_are_not_looked_for_without_end() -> None:
    pygame.font.init()
    fonts = Fonts()
    for number in range(0xE000, 0xE000 + 100):  # private: nobody has them
        fonts.file_for(chr(number), False)
    assert all(len(files) <= limits.FONTS_LOOKED_FOR for files in fonts._blocks.values())
    fonts.close()
