"""Typing another box's address."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import address_entry, limits
from appliance.core.address_entry import Entry, deleted, parse, typed
from appliance.errors import ControlError


def type_all(text: str) -> Entry:
    entry = Entry()
    for char in text:
        entry = typed(entry, char)
    return entry


class TestTyping:
    def test_a_comma_is_a_point_and_capitals_are_small(self) -> None:
        assert type_all("10,20,0,14").text == "10.20.0.14"
        assert type_all("[FD00::A]:9").text == "[fd00::a]:9"

    def test_what_no_address_has_is_not_taken_and_the_reason_goes_with_the_next_key(self) -> None:
        entry = type_all("10.x")
        assert entry == Entry("10.", address_entry.CHARACTERS)
        assert typed(entry, "2") == Entry("10.2")
        assert typed(Entry("1"), "\x07") == Entry("1")

    def test_it_ends_somewhere_and_loses_nothing(self) -> None:
        entry = type_all("1" * (limits.ADDRESS_MAX_CHARS + 3))
        assert entry == Entry("1" * limits.ADDRESS_MAX_CHARS, address_entry.TOO_LONG)
        assert deleted(entry) == Entry("1" * (limits.ADDRESS_MAX_CHARS - 1))
        assert deleted(Entry()) == Entry()


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("10.20.0.14", ("10.20.0.14", 8787)),
            (" 10.20.0.14 ", ("10.20.0.14", 8787)),
            ("10.20.0.14:9000", ("10.20.0.14", 9000)),
            ("fd00::14", ("fd00::14", 8787)),
            ("[fd00::14]", ("fd00::14", 8787)),
            ("[FD00:0::14]:9000", ("fd00::14", 9000)),
        ],
    )
    def test_addresses(self, text: str, expected: tuple[str, int]) -> None:
        assert parse(text, 8787) == expected

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", address_entry.EMPTY),
            ("  ", address_entry.EMPTY),
            ("10.20.0", address_entry.MALFORMED),
            ("10.20.0.256", address_entry.MALFORMED),
            ("box.lan", address_entry.MALFORMED),
            ("[fd00::14", address_entry.MALFORMED),
            ("10.20.0.14:", address_entry.BAD_PORT),
            ("10.20.0.14:0", address_entry.BAD_PORT),
            ("10.20.0.14:70000", address_entry.BAD_PORT),
            ("[fd00::14]:x", address_entry.BAD_PORT),
            ("10.20.0.14:٣", address_entry.BAD_PORT),
        ],
    )
    def test_what_is_none_is_refused_with_what_to_do(self, text: str, sentence: str) -> None:
        with pytest.raises(ControlError) as refused:
            parse(text, 8787)
        assert (refused.value.code, refused.value.sentence) == ("address.malformed", sentence)

    @given(st.text(max_size=80))
    def test_any_text_is_an_address_or_refused(self, text: str) -> None:
        try:
            address, port = parse(text, 8787)
        except ControlError:
            return
        ipaddress.ip_address(address)
        assert 1 <= port <= 65535
