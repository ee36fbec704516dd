"""Every decoder takes whatever comes: what hypothesis makes up, and good inputs with something put in."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from fuzzing import frames, introductions, local, packets
from fuzzing.target import STRETCH, Target, stretched
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.core import messages as m

TARGETS = {
    target.name: target
    for target in (*frames.TARGETS, *introductions.TARGETS, *packets.TARGETS, *local.TARGETS)
}
each = pytest.mark.parametrize("name", sorted(TARGETS))
some = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@each
def test_good_inputs_are_taken(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    assert seeds
    for seed in seeds:
        target(seed)
        target(b"")


@pytest.mark.parametrize(
    ("name", "decode", "family"),
    [
        ("outer", m.decode_outer, m.Outer),
        ("sealed", m.decode_sealed, m.Sealed),
        ("control", m.decode_control, m.Control),
    ],
)
def test_there_is_a_good_input_of_every_message(name: str, decode: Any, family: Any) -> None:
    kinds = {type(decode(seed)) for seed in TARGETS[name].seeds()}
    assert kinds | {m.Reject, m.Seal} >= set(get_args(family))


@each
@given(data=st.data())
@some
def test_any_bytes_are_taken(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    target(data.draw(st.binary(max_size=min(target.max_bytes, 600))))


@each
@given(data=st.data())
@some
def test_good_inputs_with_anything_put_in_or_taken_out_are_taken(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    target(data.draw(_spoilt(target)))


@st.composite
def _spoilt(draw: st.DrawFn, target: Target) -> bytes:
    text = bytearray(draw(st.sampled_from(list(target.seeds()))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        put = draw(st.one_of(st.binary(max_size=8), st.sampled_from(target.words or (b"",))))
        text[at : at + draw(st.integers(0, 8))] = put
    return bytes(text[: target.max_bytes])


@pytest.mark.parametrize("name", sorted(name for name, target in TARGETS.items() if target.limit))
def test_one_thing_over_and_over_again_is_taken(name: str) -> None:
    target = TARGETS[name]
    for word in (*target.words[:8], b"{", b'"', b"[", b"\\", b"\n", b"9", b"a=b\n"):
        target(bytes((STRETCH,)) + word)


def test_a_stretched_input_is_as_long_as_may_be() -> None:
    assert stretched(bytes((STRETCH,)) + b"abc", 8) == b"abcabcab"
    assert stretched(b"abc", 8) == b"abc"
    assert stretched(bytes((STRETCH,)), 8) == bytes((STRETCH,))
