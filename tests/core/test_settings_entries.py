"""Typing a PIN and a name in the settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config_checks import clean_text
from appliance.core import label_entry, limits, pin_entry
from appliance.core.label_entry import LabelEntry
from appliance.core.pin_entry import PinEntry


def test_a_pin_takes_digits_and_says_what_it_does_not_take() -> None:
    entry = PinEntry()
    for char in "47x1":
        entry = pin_entry.typed(entry, char)
    assert entry.digits == "471"
    assert not entry.complete
    assert pin_entry.checked(entry).problem == pin_entry.TOO_SHORT
    assert pin_entry.typed(entry, "x").problem == pin_entry.DIGITS_ONLY
    assert pin_entry.typed(entry, "1").complete
    assert pin_entry.deleted(entry).digits == "47"


def test_a_pin_ends_somewhere_and_is_not_shown_by_its_entry() -> None:
    full = PinEntry("7" * limits.PIN_DIGITS_MAX)
    assert pin_entry.typed(full, "7").digits == full.digits
    assert pin_entry.typed(full, "7").problem == pin_entry.TOO_LONG
    assert "7" not in repr(full)


@pytest.mark.parametrize(
    ("text", "right"), [("4711", True), ("471", False), ("4" * 13, False), ("47a1", False), ("٤٧١١", False)]
)
def test_what_can_be_a_pin(text: str, right: bool) -> None:
    assert pin_entry.is_pin(text) is right


def test_a_name_is_kept_without_spaces_around_it_and_not_empty() -> None:
    assert LabelEntry(" Bridge ").label == "Bridge"
    assert label_entry.checked(LabelEntry("  ")).problem == label_entry.EMPTY
    assert label_entry.deleted(LabelEntry("Bridge")).text == "Bridg"
    assert label_entry.typed(LabelEntry("a"), "\n").text == "a"


@given(st.text(max_size=80))
def test_whatever_is_typed_the_configuration_accepts_it(text: str) -> None:
    entry = LabelEntry()
    for char in text:
        entry = label_entry.typed(entry, char)
    assert clean_text(entry.label, limits.NAME_MAX_BYTES)
