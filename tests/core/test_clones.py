"""Which of two copies becomes another box, and what it is called then."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.clones import other_name, takes_new_identity
from appliance.core.limits import NAME_MAX_BYTES

PEER_IDS = st.binary(min_size=16, max_size=16).map(bytes.hex)


@given(PEER_IDS, PEER_IDS)
def test_exactly_one_of_two_copies_becomes_another_box(one: str, other: str) -> None:
    assert takes_new_identity(one, other) + takes_new_identity(other, one) == (one != other)


@given(st.lists(PEER_IDS, min_size=2, max_size=8, unique=True))
def test_of_many_copies_one_stays_what_it_was(copies: list[str]) -> None:
    stay = [me for me in copies if not any(takes_new_identity(me, o) for o in copies if o != me)]
    assert stay == [min(copies)]


def test_the_first_free_number_is_taken() -> None:
    assert other_name("Galley", {"Galley"}) == "Galley 2"
    assert other_name("Galley", {"Galley", "Galley 2", "Galley 3"}) == "Galley 4"


@given(st.text(max_size=60), st.sets(st.text(max_size=50), max_size=4))
def test_a_name_is_never_too_long_nor_taken(name: str, taken: set[str]) -> None:
    name = name.encode(errors="ignore").decode()
    made = other_name(name, taken)
    assert len(made.encode()) <= NAME_MAX_BYTES
    assert made not in taken
