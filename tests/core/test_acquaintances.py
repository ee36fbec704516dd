"""Trust on first use, by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.acquaintances import Acquaintances, Met
from appliance.core.limits import ACQUAINTANCES_MAX
from appliance.errors import StartError


def test_the_first_box_of_a_name_is_new_and_then_known() -> None:
    met = Acquaintances()
    assert met.meet("Bridge", "aa") is Met.NEW
    assert met.meet("Bridge", "aa") is Met.KNOWN


def test_another_box_under_a_known_name_is_told_once() -> None:
    met = Acquaintances()
    met.meet("Bridge", "aa")
    assert met.meet("Bridge", "bb") is Met.CHANGED
    assert met.meet("Bridge", "bb") is Met.KNOWN


def test_one_box_may_have_several_names() -> None:
    met = Acquaintances()
    met.meet("Bridge", "aa")
    assert met.meet("Galley", "aa") is Met.NEW


def test_the_one_met_longest_ago_is_forgotten_first() -> None:
    met = Acquaintances()
    for number in range(ACQUAINTANCES_MAX):
        met.meet(f"box {number}", "aa")
    met.meet("box 0", "aa")
    met.meet("one more", "aa")
    assert met.meet("box 0", "aa") is Met.KNOWN
    assert met.meet("box 1", "aa") is Met.NEW


def test_it_survives_a_restart() -> None:
    met = Acquaintances()
    met.meet("Brücke", "aa")
    assert Acquaintances.from_state(met.to_state()).meet("Brücke", "bb") is Met.CHANGED


def outcome(data: bytes) -> str:
    """The error's code, or nothing when it was read."""
    try:
        Acquaintances.from_state(data)
    except StartError as error:
        return error.code
    return ""


@given(st.binary(max_size=200))
def test_a_damaged_list_is_said(data: bytes) -> None:
    assert outcome(data) in ("", "acquaintances.state")


def test_a_list_of_another_version_of_the_world_is_damaged() -> None:
    with pytest.raises(StartError):
        Acquaintances.from_state(b'{"v":1,"boxes":[["a"]]}')
