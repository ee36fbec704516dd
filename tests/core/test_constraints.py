"""When constraints are said: the first at once, the last always, never too many."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.constraints import ConstraintPacer
from appliance.core.limits import CONSTRAINTS_EVERY
from appliance.core.messages import Constraints


def tile(height: int) -> Constraints:
    return Constraints(max_height=height, max_fps=30, visible=height > 0)


def test_the_first_goes_at_once() -> None:
    assert ConstraintPacer().want(tile(360), 7.0) == tile(360)


def test_changes_in_quick_succession_become_the_last_one() -> None:
    pacer = ConstraintPacer()
    pacer.want(tile(360), 0.0)
    assert pacer.want(tile(362), 0.01) is None
    assert pacer.want(tile(364), 0.02) is None
    assert pacer.deadline() == CONSTRAINTS_EVERY
    assert pacer.tick(CONSTRAINTS_EVERY - 0.001) is None
    assert pacer.tick(CONSTRAINTS_EVERY) == tile(364)
    assert pacer.deadline() is None
    assert pacer.tick(9.0) is None


def test_a_change_after_a_quiet_time_goes_at_once() -> None:
    pacer = ConstraintPacer()
    pacer.want(tile(360), 0.0)
    assert pacer.want(tile(0), 0.1) == tile(0)


def test_what_is_taken_back_is_not_said() -> None:
    pacer = ConstraintPacer()
    pacer.want(tile(360), 0.0)
    pacer.want(tile(0), 0.01)
    assert pacer.want(tile(360), 0.02) is None
    assert pacer.deadline() is None


def test_a_new_connection_is_told_the_newest() -> None:
    pacer = ConstraintPacer()
    assert pacer.begin(0.0) is None
    pacer.hold(tile(180))
    pacer.hold(tile(360))
    assert pacer.begin(1.0) == tile(360)
    assert pacer.deadline() is None
    assert pacer.begin(1.01) == tile(360)  # another one: its other end knows nothing


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=60))
def test_whatever_changes_few_go_and_the_last_one_is_heard(changes: list[tuple[int, int]]) -> None:
    """A shell that wakes at the deadline, as the session does. Times in hundredths of a second."""
    pacer = ConstraintPacer()
    said: list[tuple[float, Constraints]] = []

    def note(now: float, constraints: Constraints | None) -> None:
        if constraints is not None:
            said.append((now, constraints))

    now = 0.0
    for wait, height in changes:
        later = now + wait / 100
        while (due := pacer.deadline()) is not None and due <= later:
            note(due, pacer.tick(due))
        now = later
        note(now, pacer.want(tile(height), now))
    while (due := pacer.deadline()) is not None:
        note(due, pacer.tick(due))
    assert said[0] == (changes[0][0] / 100, tile(changes[0][1]))
    assert said[-1][1] == tile(changes[-1][1])
    assert all(b - a >= CONSTRAINTS_EVERY - 1e-9 for (a, _), (b, _) in itertools.pairwise(said))
    assert all(a != b for (_, a), (_, b) in itertools.pairwise(said))
