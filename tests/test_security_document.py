"""docs/security.md claims nothing without naming the test that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:tests|docs|appliance)/[^`\s:]+)(?:::\w+)?`", TEXT)))


def rows() -> list[list[str]]:
    """The cells of every row of the tables whose last column says what shows it."""
    found, inside = [], False
    for line in TEXT.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[-1] == "shown by":
            inside = True
        elif inside and not set(line) <= set("|-"):
            found.append(cells)
    return found


def test_there_are_claims() -> None:
    assert len(rows()) >= 30
    assert len(NAMED) >= 30


@pytest.mark.parametrize("name", NAMED)
def test_every_file_that_it_names_is_there_and_tests_something(name: str) -> None:
    file = ROOT / name
    assert file.is_file()
    if file.name.startswith("test_"):
        assert re.search(r"^\s*(async )?def test_", file.read_text(), re.MULTILINE)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:40])
def test_every_claim_names_its_test(row: list[str]) -> None:
    assert len(row) == 3
    assert re.search(r"`tests/[^`]*test_\w+\.py`", row[-1])
