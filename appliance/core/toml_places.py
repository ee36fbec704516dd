"""Where everything stands in a TOML file: the line of a key, the span of its value, the comments.

``tomllib`` says what a file means and forgets where it stood. This reads the same text again, which
``tomllib`` must have accepted before, and remembers places alone: an error can name a line, and a value can
be exchanged without touching anything around it. Offsets count characters, lines from 1.

Keys are written as errors write them: ``network.wifi.ssid``, ``presets[0].label``, ``"a b"``.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}#\r\n]*")
_SHOWN = re.compile(r"[A-Za-z0-9_-]{1,40}")
_LAST = re.compile(r'(\.?"(?:[^"\\]|\\.)*"|\.[^.\[\]"]*|\[\d+\])$')
_STRINGS = (
    ('"""', re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL)),
    ("'''", re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL)),
    ('"', re.compile(r'"(?:[^"\\]|\\.)*"')),
    ("'", re.compile(r"'[^']*'")),
)

Part = str | int


def shown_key(key: str) -> str:
    """One part of a key as an error names it: short, and quoted where TOML wants quotes."""
    if _SHOWN.fullmatch(key):
        return key
    return json.dumps(key if len(key) <= 40 else key[:40] + "…")


def shown_path(path: tuple[Part, ...]) -> str:
    """A whole key as an error names it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{shown_key(part)}" if text else shown_key(part)
    return text


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value. ``start``: of the key; ``value``, ``end``: of the value.

    ``statement``: where the line's statement starts in which it stands: its own start, but for what is in
    an inline table. ``before``: where the pair before it in the same inline table ends; ``after``: where
    the one after it starts; -1: there is none.
    """

    line: int
    start: int
    value: int
    end: int
    statement: int
    before: int = -1
    after: int = -1


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment from its # to the end of its line. ``table``: the one whose statements stand around it.

    ``alone``: nothing else stands on its line, and it is in no value.
    """

    start: int
    text: str
    table: tuple[Part, ...]
    alone: bool

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(slots=True)
class Places:
    """``entries`` by key; ``tables``: where the header of each [table] starts; all comments in order."""

    entries: dict[str, Entry] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    _newlines: list[int] = field(default_factory=list)

    def line_at(self, offset: int) -> int:
        return bisect_right(self._newlines, offset - 1) + 1

    def line(self, key: str) -> int:
        """The line of a key, or of the nearest thing that would hold it; 0: nothing of it is there."""
        while key:
            if key in self.entries:
                return self.entries[key].line
            if key in self.tables:
                return self.line_at(self.tables[key])
            shorter = _LAST.sub("", key)
            key = shorter if shorter != key else ""
        return 0


def find(text: str) -> Places:
    """Look for everything in a text that ``tomllib`` accepts; of any other text some places are found."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.table: tuple[Part, ...] = ()
        self.lists: dict[tuple[Part, ...], int] = {}  # arrays of tables: the index of the last one
        self.places = Places(_newlines=[match.start() for match in re.finditer("\n", text)])

    def read(self) -> Places:
        while self.at < len(self.text):
            before = self.at
            self._space()
            here = self._peek()
            if here in ("\r", "\n"):
                self.at += 1
            elif here == "#":
                self._comment(alone=True)
            elif here == "[":
                self._header()
            elif here:
                self._pair(self.table, self.at)
                self._rest_of_line()
            if self.at == before:
                break  # no TOML
        return self.places

    def _peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _rest_of_line(self) -> None:
        self._space()
        if self._peek() == "#":
            self._comment(alone=False)

    def _comment(self, alone: bool) -> None:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        words = self.text[self.at : end].removesuffix("\r")
        self.places.comments.append(Comment(self.at, words, self.table, alone))
        self.at = end

    def _header(self) -> None:
        start = self.at
        twice = self._peek(2) == "[["
        self.at += 2 if twice else 1
        path: tuple[Part, ...] = ()
        keys = self._key()
        for number, key in enumerate(keys):
            path = (*path, key)
            if number < len(keys) - 1 and path in self.lists:
                path = (*path, self.lists[path])
        if twice:
            self.lists[path] = self.lists.get(path, -1) + 1
            path = (*path, self.lists[path])
        elif path in self.lists:
            path = (*path, self.lists[path])
        self._space()
        while self._peek() == "]":
            self.at += 1
        self.table = path
        self.places.tables.setdefault(shown_path(path), start)
        self._rest_of_line()

    def _key(self) -> tuple[str, ...]:
        """The parts of a dotted key."""
        parts: list[str] = []
        while True:
            self._space()
            quote = self._peek()
            if quote in ('"', "'") and quote:
                start = self.at
                self._string()
                parts.append(_unquoted(self.text[start : self.at]))
            else:
                match = _BARE.match(self.text, self.at)
                if match is None:
                    return tuple(parts)
                parts.append(match[0])
                self.at = match.end()
            self._space()
            if self._peek() != ".":
                return tuple(parts)
            self.at += 1

    def _pair(self, table: tuple[Part, ...], statement: int, before: int = -1) -> tuple[str, Entry] | None:
        start = self.at
        path = (*table, *self._key())
        self._space()
        if self._peek() != "=":
            return None
        self.at += 1
        self._space()
        value = self.at
        self._value(path, statement)
        key = shown_path(path)
        entry = Entry(self.places.line_at(start), start, value, self.at, statement, before)
        self.places.entries[key] = entry
        return key, entry

    def _value(self, path: tuple[Part, ...], statement: int) -> None:
        here = self._peek()
        if here in ('"', "'") and here:
            self._string()
        elif here == "[":
            self._array(path, statement)
        elif here == "{":
            self._inline_table(path, statement)
        else:
            match = _SCALAR.match(self.text, self.at)
            self.at += len(match[0].rstrip()) if match else 0

    def _string(self) -> None:
        for opening, pattern in _STRINGS:
            if self.text.startswith(opening, self.at):
                match = pattern.match(self.text, self.at)
                self.at = match.end() if match else len(self.text)
                return

    def _gap(self) -> None:
        """What may stand between the items of a list: space, new lines, comments."""
        while self._peek() in (" ", "\t", "\r", "\n", "#") and self._peek():
            if self._peek() == "#":
                self._comment(alone=False)
            else:
                self.at += 1

    def _array(self, path: tuple[Part, ...], statement: int) -> None:
        self.at += 1
        index = 0
        while True:
            self._gap()
            if self._peek() in ("]", ""):
                self.at += len(self._peek())
                return
            start = self.at
            self._value((*path, index), statement)
            key = shown_path((*path, index))
            self.places.entries[key] = Entry(self.places.line_at(start), start, start, self.at, statement)
            index += 1
            self._gap()
            if self._peek() == ",":
                self.at += 1
            elif self.at == start:
                return  # no TOML

    def _inline_table(self, path: tuple[Part, ...], statement: int) -> None:
        self.at += 1
        before: tuple[str, Entry] | None = None
        while True:
            self._gap()
            if self._peek() in ("}", ""):
                self.at += len(self._peek())
                return
            start = self.at
            found = self._pair(path, statement, before[1].end if before else -1)
            if found is None:
                return  # no TOML
            if before is not None:
                key, entry = before
                self.places.entries[key] = Entry(
                    entry.line, entry.start, entry.value, entry.end, entry.statement, entry.before, start
                )
            before = found
            self._gap()
            if self._peek() == ",":
                self.at += 1


def _unquoted(quoted: str) -> str:
    """A quoted key without its quotes."""
    if quoted.startswith("'"):
        return quoted.strip("'")
    # TOML's escapes are JSON's, and \\UXXXXXXXX.
    plain = re.sub(r"\\U([0-9A-Fa-f]{8})", lambda m: json.dumps(chr(int(m[1], 16)))[1:-1], quoted)
    try:
        return str(json.loads(plain, strict=False))
    except ValueError:
        return quoted.strip('"')
