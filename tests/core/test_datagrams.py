"""Runs of datagrams that leave in one call."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.datagrams import runs
from appliance.core.limits import SEGMENTS_MAX


def sizes(*lengths: int) -> list[list[int]]:
    return [[len(one) for one in run] for run in runs([bytes(length) for length in lengths])]


def test_datagrams_of_one_size_go_together_and_a_shorter_one_ends_them() -> None:
    assert sizes() == []
    assert sizes(40) == [[40]]
    assert sizes(9, 9, 9, 4) == [[9, 9, 9, 4]]
    assert sizes(9, 9, 4, 4) == [[9, 9, 4], [4]]
    assert sizes(4, 9, 9) == [[4], [9, 9]]


@given(st.lists(st.integers(1, 12), max_size=120))
def test_nothing_is_lost_and_the_kernel_takes_each_run(lengths: list[int]) -> None:
    datagrams = [bytes((index % 256,)) * length for index, length in enumerate(lengths)]
    found = list(runs(datagrams))
    assert [one for run in found for one in run] == datagrams
    for run in found:
        assert 1 <= len(run) <= SEGMENTS_MAX
        assert len({len(one) for one in run[:-1]} | {len(run[0])}) == 1
        assert len(run[-1]) <= len(run[0])
