"""How long a device that fails again and again is waited for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.patience import Patience, silence_allowed

OVER = limits.PATIENCE_OVER


def after(*failures: float) -> Patience:
    patience = Patience()
    for at in failures:
        patience.failed(at)
    return patience


def test_the_first_failure_changes_nothing() -> None:
    assert after().factor == 1
    assert after(0.0).factor == 1


def test_twice_as_long_with_each_further_one_up_to_a_bound() -> None:
    factors = [after(*map(float, range(n))).factor for n in range(2, 9)]
    assert factors == [2, 4, 8, 8, 8, 8, 8]
    assert factors[-1] == limits.PATIENCE_MAX


def test_what_worked_for_a_short_while_only_has_failed_in_a_row() -> None:
    patience = after(0.0, 1.0)
    patience.opened(2.0)
    assert patience.factor == 2
    patience.failed(2.0 + OVER - 0.1)
    assert patience.factor == 4


def test_what_worked_for_long_begins_anew() -> None:
    patience = after(0.0, 1.0, 2.0)
    patience.opened(3.0)
    patience.failed(3.0 + OVER)
    assert patience.factor == 1


def test_an_opening_counts_once() -> None:
    patience = after(0.0)
    patience.opened(1.0)
    patience.failed(1.5)
    patience.failed(1.0 + OVER)  # it did not open again
    assert patience.factor == 4


def test_when_something_has_changed_nothing_is_known() -> None:
    patience = after(0.0, 1.0, 2.0)
    patience.forget()
    assert patience.factor == 1
    patience.failed(3.0)
    assert patience.factor == 1


@given(st.lists(st.tuples(st.sampled_from(["opened", "failed", "forget"]), st.floats(0.0, 100.0))))
def test_it_is_bounded_and_never_less_than_usual(events: list[tuple[str, float]]) -> None:
    patience, now = Patience(), 0.0
    for event, later in events:
        now += later
        if event == "forget":
            patience.forget()
        else:
            getattr(patience, event)(now)
        assert patience.factor in (1, 2, 4, 8)


def test_what_opens_at_once_may_be_silent_for_as_long_as_usual() -> None:
    assert silence_allowed(1, 0.0) == limits.DEVICE_SILENT


def test_what_was_hard_to_open_may_be_silent_for_longer_until_it_has_worked_for_a_while() -> None:
    allowed = [
        silence_allowed(8, at * OVER) / limits.DEVICE_SILENT for at in (0.0, 0.99, 1.0, 2.0, 3.0, 99.0)
    ]
    assert allowed == [8, 8, 4, 2, 1, 1]
