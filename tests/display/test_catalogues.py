"""The catalogues: everything that the source says is in every language, whole, and compiled."""

from __future__ import annotations

import ast
import string
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from appliance.core.languages import ENGLISH, NAMES
from appliance.core.words import Words
from appliance.display import language

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import words  # noqa: E402 - it is a tool of the checkout, not of the package

CODES = [code for code in NAMES if code != ENGLISH]
TEMPLATE = words.collected()
SOURCES = sorted(words.SOURCE.rglob("*.py"))


def gaps(message: str) -> set[str]:
    """The names of the gaps of a sentence. Raises ValueError for a brace that is none."""
    found = {name for _, name, _, _ in string.Formatter().parse(message) if name is not None}
    assert all(name.isidentifier() for name in found), message
    return found


def forms(message: Message) -> tuple[str, ...]:
    return tuple(message.string) if isinstance(message.string, tuple | list) else (message.string,)


def only_one_number(code: str, form: int) -> bool:
    """Does a plural form stand for one number alone, which it then may say as a word?"""
    catalogue = language.find(code).catalogue
    return sum(catalogue.plural(n) == form for n in range(1000)) == 1


@pytest.fixture(scope="module", params=CODES)
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def catalogue(code: str) -> words.Book:
    return words.read(words.path_of(code, "po"), code)


class TestEveryLanguage:
    def test_it_has_exactly_what_the_source_says(self, catalogue: words.Book) -> None:
        said = {message.id for message in TEMPLATE if message.id}
        assert len(said) > 90
        assert {message.id for message in catalogue if message.id} == said

    def test_everything_is_translated(self, catalogue: words.Book) -> None:
        assert [message.id for message in catalogue if message.id and words.missing(message)] == []

    def test_every_form_has_the_gaps_of_the_sentence(self, code: str, catalogue: words.Book) -> None:
        for message in catalogue:
            if not message.id:
                continue
            plural = isinstance(message.id, tuple)
            wanted = gaps(message.id[1] if plural else message.id)
            assert len(forms(message)) == (catalogue.num_plurals if plural else 1), message.id
            for number, form in enumerate(forms(message)):
                lacks = wanted - gaps(form)
                assert gaps(form) <= wanted, form
                assert not lacks or (lacks == {"n"} and only_one_number(code, number)), form

    def test_lines_are_broken_where_the_sentence_has_breaks(self, catalogue: words.Book) -> None:
        for message in catalogue:
            english = message.id[0] if isinstance(message.id, tuple) else message.id
            for form in forms(message) if english else ():
                assert form.count("\n") == english.count("\n"), form
                assert form == form.strip(), form

    def test_what_is_compiled_is_what_people_edit(self, code: str, catalogue: words.Book) -> None:
        assert words.path_of(code, "mo").read_bytes() == words.mo(catalogue)

    def test_what_people_edit_is_written_as_the_tool_writes_it(
        self, code: str, catalogue: words.Book
    ) -> None:
        written = words.po(words.updated(catalogue, TEMPLATE, code))
        assert words.path_of(code, "po").read_bytes() == written

    def test_it_has_a_glossary(self, catalogue: words.Book) -> None:
        for word in ("box", "room", "meeting", "password", "join", "leave", "mute", "on hold", "loudspeaker"):
            assert f"{word}:" in catalogue.remark or f"{word}," in catalogue.remark, word


def test_the_template_is_what_the_source_says() -> None:
    assert (words.LOCALE / f"{words.DOMAIN}.pot").read_bytes() == words.po(TEMPLATE)


def test_every_folder_is_a_language() -> None:
    assert {path.name for path in words.LOCALE.iterdir() if path.is_dir()} == set(CODES)


def test_a_translation_that_is_not_relied_on_is_not_compiled() -> None:
    book = words.book("de")
    book.add("a", "eins")
    book.add("b", "zwei", flags=("fuzzy",))
    book.add(("{n} box", "{n} boxes"), ("{n} Gerät", ""))
    assert b"eins" in words.mo(book)
    assert b"zwei" not in words.mo(book)
    assert "Gerät".encode() not in words.mo(book)
    assert [message.id for message in book if message.id and words.missing(message)] == [
        "b",
        ("{n} box", "{n} boxes"),
    ]


def test_a_sentence_that_is_not_said_for_a_while_keeps_its_translation() -> None:
    said, silent = words.book(None), words.book(None)
    said.add("a")
    said.add(("{n} box", "{n} boxes"))
    old = words.book("de")
    old.add("a", "eins")
    old.add(("{n} box", "{n} boxes"), ("{n} Gerät", "{n} Geräte"))
    aside = words.updated(old, silent, "de")
    assert len(aside) == 0
    assert b'#~ msgstr "eins"' in words.po(aside)
    assert b"eins" not in words.mo(aside)
    back = words.updated(aside, said, "de")
    assert [message.string for message in back if message.id] == ["eins", ("{n} Gerät", "{n} Geräte")]
    assert not back.obsolete


# --- the source --------------------------------------------------------------------------------------


def calls(tree: ast.AST, *names: str) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in names:
                yield name, node


def literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def faults(source: str) -> list[str]:
    """What the tool can't collect, or nobody could translate, as ``line: why``."""
    found = []
    for name, call in calls(ast.parse(source), "say", "say_n"):
        count = 1 if name == "say" else 2
        said = [literal(argument) for argument in call.args[:count]]
        if isinstance(
            call.func, ast.Attribute
        ):  # somebody's method: the tool takes a literal of its for ours
            found += [f"{call.lineno}: collected, and is none of ours"] if any(said) else []
            continue
        if len(said) < count or not all(said):
            found.append(f"{call.lineno}: not a literal sentence")
            continue
        given = {keyword.arg for keyword in call.keywords if keyword.arg}
        given |= {"n"} if name == "say_n" else set()
        if gaps(said[-1]) != given:
            found.append(f"{call.lineno}: gaps {gaps(said[-1])}, filled {given}")
        if not gaps(said[0]) <= given:
            found.append(f"{call.lineno}: gaps {gaps(said[0])}, filled {given}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(words.SOURCE).as_posix())
def test_every_sentence_can_be_collected_and_its_gaps_are_filled(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert faults(source) == []
    if path != words.SOURCE / "core" / "words.py":
        assert [call.lineno for _, call in calls(ast.parse(source), Words.__name__)] == []


@pytest.mark.parametrize(
    "source",
    [
        "say(text)",
        "say(f'{name} joined', name=name)",
        "say('a' + b)",
        "say('')",
        "say('{name} joined')",
        "peer.say('hello')",
        "say('joined', name=name)",
        "say_n('a box', many, n)",
        "say_n('{n} box', 'boxes', n)",
        "say_n('{what} box', '{n} boxes', n)",
    ],
)
def test_the_rules_notice_a_sentence_that_can_t_be_translated(source: str) -> None:
    assert faults(source) != []


def test_the_rules_let_sentences_be() -> None:
    assert faults("say('{name} ' 'joined', name=name)\nsay_n('a box', '{n} boxes', len(boxes))") == []
    assert faults("peer.say(roster)") == []
