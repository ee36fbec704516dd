"""Many cards that differ in a few lines: a template and a list, one row a card.

The list is what a spreadsheet saves: CSV with commas or semicolons, or with tabs. Its first row has keys of
``meetingbox.toml`` (``system.name``, ``network.ethernet.address``); a column ``card`` names each card's
folder. An empty cell leaves what the template says.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from appliance import config as configuration
from appliance.core import limits, toml_places
from appliance.errors import ConfigError
from appliance.provision import card as card_
from appliance.provision import disk
from appliance.provision.card import Card

FOLDER = "card"


@dataclass(frozen=True, slots=True)
class Made:
    """One card. ``folder``: where it goes; ``line``: of the list."""

    folder: str
    line: int
    card: Card


def make(template: Path, rows: Path) -> list[Made]:
    """Every card of a list, checked, alone and beside the others. Raises ConfigError."""
    text = configuration.as_text(configuration.read_bytes(template), str(template))
    card_.parse(text, str(template))
    made: list[Made] = []
    for line, row in _rows(rows):
        made.append(_card(text, row, str(rows), line, len(made) + 1))
    _check_each_is_another(made, str(rows))
    return made


def write(made: list[Made], folder: Path) -> None:
    """Write each card's file into a folder of its own. Raises OSError."""
    for one in made:
        disk.write(folder / one.folder / card_.FILE, one.card.text.encode(), mode=0o600)


def _card(template: str, row: dict[str, str], file: str, line: int, number: int) -> Made:
    text = template
    try:
        for key, cell in row.items():
            if key != FOLDER and cell:
                text = set_value(text, key, value_of(key, cell))
        card = card_.parse(text, file)
    except ConfigError as error:
        # The line of the list is what a person can put right.
        raise ConfigError(error.code, file, error.key, error.expected, error.found, line) from None
    return Made(row.get(FOLDER) or _folder(number, card), line, card)


def _folder(number: int, card: Card) -> str:
    name = re.sub(r"[^\w.-]+", "-", card.config.name).strip("-.")
    return f"{number:02d}-{name}" if name else f"{number:02d}"


def _check_each_is_another(made: list[Made], file: str) -> None:
    seen: dict[tuple[str, str], int] = {}
    for one in made:
        lan = one.card.network
        unique = {
            FOLDER: one.folder.casefold(),
            "system.name": one.card.config.name,
            "network.ethernet.address": lan.ethernet.address.partition("/")[0],
            "network.wifi.address": lan.wifi.address.partition("/")[0],
        }
        for key, value in unique.items():
            if (
                value
                and (before := seen.setdefault((key.replace("wifi", "ethernet"), value), one.line))
                != one.line
            ):
                found = f'"{value}" in line {before} already'
                raise ConfigError("cards.twice", file, key, "another one for each card", found, one.line)


# --- The list ----------------------------------------------------------------------------------------


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Every row with its line in the file. Raises ConfigError."""
    file = str(path)
    try:
        raw = disk.read_limited(path, limits.CARD_LIST_MAX_BYTES)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            "cards.unreadable", file, "", "a readable file", f"one that can't be read: {reason}"
        ) from None
    except ValueError:
        words = f"at most {limits.CARD_LIST_MAX_BYTES // 1024} kB"
        raise ConfigError("cards.too-large", file, "", words, "a larger file") from None
    text = configuration.as_text(raw, file)
    first = text.partition("\n")[0]
    delimiter = next((sign for sign in ("\t", ";") if sign in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    header: list[str] = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not header:
                header = _header(cells, file, reader.line_num)
                continue
            if len(cells) > len(header) and any(cells[len(header) :]):
                found = f"{len(cells)} cells"
                raise ConfigError(
                    "cards.cells", file, "", f"{len(header)} as in the first row", found, reader.line_num
                )
            row = dict(zip(header, cells, strict=False))
            _check_folder(row.get(FOLDER, ""), file, reader.line_num)
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise ConfigError("cards.syntax", file, "", "a list", str(error), reader.line_num) from None
    if not rows:
        raise ConfigError("cards.empty", file, "", "a first row with keys, and a row a card", "none")
    if len(rows) > limits.CARDS_MAX:
        raise ConfigError("cards.too-many", file, "", f"at most {limits.CARDS_MAX} cards", str(len(rows)))
    return rows


def _header(cells: list[str], file: str, line: int) -> list[str]:
    while cells and not cells[-1]:
        cells = cells[:-1]
    for number, key in enumerate(cells):
        if key in cells[:number]:
            raise ConfigError("cards.twice", file, key, "every key once in the first row", "it twice", line)
        if key != FOLDER:
            try:
                kind_of(key)
            except ConfigError as error:
                raise ConfigError(error.code, file, key, error.expected, error.found, line) from None
    return cells


def _check_folder(name: str, file: str, line: int) -> None:
    if name and (not re.fullmatch(r"[\w][\w. -]{0,63}", name) or name.endswith((".", " "))):
        words = "the name of a folder: letters, digits, _ . -"
        raise ConfigError("cards.folder", file, FOLDER, words, json.dumps(name), line)


# --- Keys and values ---------------------------------------------------------------------------------


def kind_of(key: str) -> msgspec.inspect.Type:
    """The type of a key of the card. Raises ConfigError for one that a cell can't hold."""
    kind: msgspec.inspect.Type = msgspec.inspect.type_info(card_.Schema)
    for part in key.split("."):
        fields = (
            {f.encode_name: f.type for f in kind.fields}
            if isinstance(kind, msgspec.inspect.StructType)
            else {}
        )
        if part not in fields:
            words = f"a key of {card_.FILE}, like system.name or network.ethernet.address"
            raise ConfigError("config.unknown", card_.FILE, key, words, "an unknown key")
        kind = fields[part]
    lists = isinstance(kind, msgspec.inspect.VarTupleType) and isinstance(
        kind.item_type, msgspec.inspect.StrType
    )
    if not lists and not isinstance(kind, _PLAIN):
        raise ConfigError("config.type", card_.FILE, key, "a key with one value", "a table")
    return kind


_PLAIN = (
    msgspec.inspect.StrType,
    msgspec.inspect.IntType,
    msgspec.inspect.FloatType,
    msgspec.inspect.BoolType,
)


def value_of(key: str, cell: str) -> Any:
    """A cell as the value of a key. Raises ConfigError."""
    kind = kind_of(key)
    try:
        match kind:
            case msgspec.inspect.StrType():
                return cell
            case msgspec.inspect.IntType():
                return int(cell)
            case msgspec.inspect.FloatType():
                return float(cell.replace(",", "."))
            case msgspec.inspect.BoolType():
                return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                    cell.lower()
                ]
            case _:
                return cell.split()
    except (KeyError, ValueError):
        words = "true or false" if isinstance(kind, msgspec.inspect.BoolType) else "a number"
        raise ConfigError("config.type", card_.FILE, key, words, json.dumps(cell)) from None


def set_value(text: str, key: str, value: Any) -> str:
    """A card's text with another value, or one more; everything else stays as it is. Raises ConfigError.

    A key that stands there as a comment (``# name = ...``) takes the place of that comment.
    """
    written = configuration.to_toml({"x": value}).removeprefix("x = ").rstrip("\n")
    places = toml_places.find(text)
    table, _, name = key.rpartition(".")
    line = f"{name} = {written}"
    newline = "\r\n" if "\r\n" in text else "\n"
    path = tuple(table.split(".")) if table else ()
    comment = next(
        (
            c
            for c in places.comments
            if c.alone and c.table == path and re.match(rf"#[ \t]*{name}[ \t]*=", c.text)
        ),
        None,
    )
    if key in places.entries:
        entry = places.entries[key]
        changed = text[: entry.value] + written + text[entry.end :]
    elif comment is not None:
        changed = text[: comment.start] + line + text[comment.end :]
    elif not table:
        changed = line + newline + text
    elif table in places.tables:
        end = text.find("\n", places.tables[table])
        end = len(text) if end < 0 else end + 1
        before = text[:end] if text[:end].endswith("\n") else text[:end] + newline
        changed = before + line + newline + text[end:]
    else:
        gap = "" if not text or text.endswith("\n") else newline
        changed = f"{text}{gap}{newline}[{table}]{newline}{line}{newline}"
    if _lookup(changed, key) != value:
        raise ConfigError(
            "cards.template", card_.FILE, key, "a template in which it can be set", "another form of table"
        )
    return changed


def _lookup(text: str, key: str) -> Any:
    try:
        found: Any = tomllib.loads(text)
        for part in key.split("."):
            found = found[part]
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return None
    return found
