"""Parameter sets in front of every keyframe, however the encoder gives them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.parameter_sets import ParameterSets, nal_units

LONG, SHORT = b"\0\0\0\1", b"\0\0\1"
SPS, PPS, SEI, AUD = b"\x67sps", b"\x68pps", b"\x06sei", b"\x09\xf0"
IDR, P = b"\x65idr", b"\x41inter"


def unit(*nals: bytes, mark: bytes = LONG) -> bytes:
    return b"".join(mark + nal for nal in nals)


@pytest.mark.parametrize("mark", [LONG, SHORT])
def test_units_are_found_whatever_their_start_code(mark) -> None:
    data = unit(AUD, SPS, PPS, IDR, mark=mark)
    assert [(kind, data[start:end]) for kind, start, end in nal_units(data)] == [
        (9, AUD),
        (7, SPS),
        (8, PPS),
        (5, IDR),
    ]


def test_a_complete_keyframe_and_an_ordinary_picture_stay_as_they_are() -> None:
    sets = ParameterSets()
    whole = unit(AUD, SPS, PPS, SEI, IDR)
    assert sets.complete(whole) == (whole, True)
    assert sets.complete(unit(P)) == (unit(P), False)


@pytest.mark.parametrize(
    ("extradata", "first"),
    [
        (unit(SPS, PPS), []),  # in the codec's extradata
        (None, [unit(SPS, PPS)]),  # in a packet of their own
        (None, [unit(SPS), unit(PPS)]),  # in two
        (b"", [unit(SPS, PPS, IDR, mark=SHORT)]),  # with the first keyframe only
    ],
)
def test_sets_that_came_once_are_put_in_front_of_every_keyframe(extradata, first) -> None:
    sets = ParameterSets(extradata)
    for data in first:
        told = sets.complete(data)
        assert told is None or told[1]
    assert sets.complete(unit(P)) == (unit(P), False)
    assert sets.complete(unit(IDR)) == (unit(SPS, PPS, IDR), True)
    assert sets.complete(unit(SEI, IDR)) == (unit(SPS, PPS, SEI, IDR), True)


def test_newer_sets_replace_the_old_ones() -> None:
    sets = ParameterSets(unit(SPS, PPS))
    sets.complete(unit(b"\x67new", PPS, IDR))
    assert sets.complete(unit(IDR)) == (unit(b"\x67new", PPS, IDR), True)


def test_packets_without_a_picture_are_none() -> None:
    sets = ParameterSets()
    assert sets.complete(unit(SPS, PPS)) is None
    assert sets.complete(unit(SEI)) is None
    assert sets.complete(b"") is None


def test_a_keyframe_whose_sets_never_came_is_refused() -> None:
    with pytest.raises(ValueError, match="parameter sets"):
        ParameterSets().complete(unit(IDR))
    with pytest.raises(ValueError, match="parameter sets"):
        ParameterSets().complete(unit(SPS, IDR))


@given(st.binary(max_size=60).map(lambda data: data.replace(b"\x02", SHORT)))
def test_garbage_raises_nothing_but_value_error(data) -> None:
    try:
        told = ParameterSets().complete(data)
    except ValueError:
        return
    assert told is None or told[0].endswith(data)
