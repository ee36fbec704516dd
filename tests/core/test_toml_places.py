"""Where things stand in a TOML file, beside what ``tomllib`` says is in it."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import toml_places
from appliance.core.toml_places import Part, find, shown_path

BARE = st.text("abcXYZ019_-", min_size=1, max_size=6)
KEYS = BARE | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=6)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
SPACES = st.sampled_from(["", " ", "  ", "\t", " \t "])
COMMENTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12).map(
    "#".__add__
)
SCALARS = (
    st.booleans().map(lambda value: "true" if value else "false")
    | st.integers(-(10**6), 10**6).map(str)
    | st.sampled_from(["1e3", "0x1F", "3.5", "nan", "-inf", "1979-05-27", "1979-05-27 07:32:00", "07:32:00"])
)


def basic(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@st.composite
def strings(draw: st.DrawFn) -> str:
    """A string as TOML, in one of its four forms."""
    text = draw(TEXTS)
    match draw(st.integers(0, 3)):
        case 1 if not set(text) & {"'"} and all(c >= " " and c != "\x7f" for c in text):
            return f"'{text}'"
        case 2:
            return '"""' + basic(text)[1:-1].replace("\\n", "\n") + draw(st.sampled_from(["", '\\"'])) + '"""'
        case 3 if "'" not in text and all((c >= " " and c != "\x7f") or c == "\n" for c in text):
            return f"'''{text}'''"
        case _:
            return basic(text)


class Document:
    """Text as it grows, and what a reader of places must find in it."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.newline = draw(st.sampled_from(["\n", "\r\n"]))
        self.text = ""
        self.spans: dict[str, tuple[int, int, int]] = {}
        self.comments: list[str] = []

    def put(self, text: str) -> None:
        self.text += text

    def space(self) -> None:
        self.put(self.draw(SPACES))

    def comment(self) -> None:
        words = self.draw(COMMENTS)
        self.comments.append(words)
        self.put(words)

    def end_line(self) -> None:
        self.space()
        if self.draw(st.booleans()):
            self.comment()
        self.put(self.newline)

    def between_lines(self) -> None:
        while self.draw(st.integers(0, 3)) == 3:
            self.space()
            self.end_line()

    def gap(self) -> None:
        """Between the items of a list."""
        while self.draw(st.integers(0, 3)) == 3:
            self.space()
            self.end_line()
        self.space()

    def key(self, parts: tuple[str, ...]) -> None:
        for number, part in enumerate(parts):
            if number:
                self.space()
                self.put(".")
                self.space()
            bare = part and all(c.isascii() and (c.isalnum() or c in "_-") for c in part)
            quoted = not bare or self.draw(st.booleans())
            literal = quoted and "'" not in part and self.draw(st.booleans())
            self.put(f"'{part}'" if literal else basic(part) if quoted else part)

    def pair(self, path: tuple[Part, ...], parts: tuple[str, ...], depth: int) -> None:
        start = len(self.text)
        self.key(parts)
        self.space()
        self.put("=")
        self.space()
        self.value((*path, *parts), depth, start)

    def value(self, path: tuple[Part, ...], depth: int, start: int) -> None:
        begin = len(self.text)
        kind = self.draw(st.integers(0, 3 if depth else 1))
        if kind == 0:
            self.put(self.draw(strings()))
        elif kind == 1:
            self.put(self.draw(SCALARS))
        elif kind == 2:
            self.put("[")
            self.gap()
            for index in range(self.draw(st.integers(0, 3))):
                self.value((*path, index), depth - 1, len(self.text))
                self.gap()
                self.put(",")
                self.gap()
            self.put("]")
        else:
            self.put("{")
            self.space()
            names = self.draw(st.lists(KEYS, max_size=3, unique=True))
            for number, name in enumerate(names):
                if number:
                    self.put(",")
                    self.space()
                self.pair(path, (name,), depth - 1)
                self.space()
            self.put("}")
        self.spans[shown_path(path)] = (start, begin, len(self.text))


@st.composite
def documents(draw: st.DrawFn) -> Document:
    document = Document(draw)
    names = draw(st.lists(KEYS, max_size=6, unique=True))
    split = draw(st.integers(0, len(names)))
    document.between_lines()
    for name in names[:split]:
        dotted = (name, *draw(st.lists(KEYS, max_size=2)))
        document.pair((), dotted, 2)
        document.end_line()
        document.between_lines()
    for name in names[split:]:
        repeated = draw(st.integers(0, 2))
        for index in range(max(repeated, 1)):
            brackets = ("[[", "]]") if repeated else ("[", "]")
            document.space()
            document.put(brackets[0])
            document.key((name,))
            document.put(brackets[1])
            document.end_line()
            path: tuple[Part, ...] = (name, index) if repeated else (name,)
            for key in draw(st.lists(KEYS, max_size=3, unique=True)):
                document.between_lines()
                document.space()
                document.pair(path, (key,), 2)
                document.end_line()
    if document.text and draw(st.booleans()):
        document.text = document.text.removesuffix(document.newline)
    return document


def loaded(text: str) -> Any:
    return tomllib.loads(text)


def flat(value: Any, path: tuple[Part, ...] = ()) -> dict[str, Any]:
    found = {shown_path(path): value} if path else {}
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in items:
        found |= flat(item, (*path, key))
    return found


@given(documents())
def test_every_value_is_found_where_it_stands_and_every_comment(document: Document) -> None:
    data = loaded(document.text)
    places = find(document.text)
    assert [comment.text for comment in places.comments] == document.comments
    values = flat(data)
    assert set(document.spans) == set(places.entries)
    for key, (start, begin, end) in document.spans.items():
        entry = places.entries[key]
        assert (entry.start, entry.value, entry.end) == (start, begin, end)
        assert entry.line == places.line(key) == document.text.count("\n", 0, start) + 1
        if len(key) < 40:
            again = loaded(f"x = {document.text[begin:end]}")["x"]
            assert repr(again) == repr(values[key])


@given(st.text(max_size=80) | st.text("[]{}=.,#'\"\\ \n\ta1", max_size=40))
def test_no_text_makes_it_fail(text: str) -> None:
    places = find(text)
    for entry in places.entries.values():
        assert 0 <= entry.start <= entry.value <= entry.end <= len(text) + 1


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("name", 2),
        ("presets[1].room", 6),
        ("presets[1].label", 6),  # it is missing: where it would stand
        ("presets[7]", 4),
        ("network.wifi.ssid", 9),
        ("network.wifi.country", 8),  # it is missing: its table
        ("network.ipv6", 0),
        ("audio.speaker", 11),
        ('"a b"', 12),
        ("nothing.of.it", 0),
    ],
)
def test_a_key_that_is_missing_has_the_line_of_what_would_hold_it(key: str, line: int) -> None:
    text = """# a card
name = "Galley"  # line 2

presets = [
  { label = "Board", room = 1 },
  { room = 2 },
]
[network.wifi]
ssid = "x"
[[audio.cards]]
[audio.speaker]
"a b" = 1
"""
    places = find(text.replace('"a b" = 1', "")) if key == "audio.speaker" else find(text)
    if key == '"a b"':
        key = 'audio.speaker."a b"'
    assert places.line(key) == line


def test_tables_in_lists_of_tables_belong_to_the_last_one() -> None:
    text = "[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.b]\nc = 2\n[[a.d]]\ne = 3\n"
    entries = toml_places.find(text).entries
    assert {key: entry.line for key, entry in entries.items()} == {
        "a[0].b.c": 3,
        "a[1].b.c": 6,
        "a[1].d[0].e": 8,
    }


def test_what_stands_in_braces_knows_its_neighbours_and_its_line() -> None:
    text = 'x = 1\nwifi = { a = 1, b = [2, 3], c = "4" }\n'
    entries = find(text).entries
    a, b, c = (entries[f"wifi.{key}"] for key in "abc")
    assert (a.before, b.before, c.before) == (-1, a.end, b.end)
    assert (a.after, b.after, c.after) == (b.start, c.start, -1)
    assert {e.statement for e in (a, b, c)} == {text.index("wifi")}
