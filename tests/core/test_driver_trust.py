"""When the hardware's driver is no longer asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.driver_trust import DriverTrust
from appliance.core.limits import CAMERA_SOFTWARE_AFTER, CAMERA_SOFTWARE_WITHIN


def test_one_failure_may_be_chance_the_second_within_the_hour_is_the_end_of_it() -> None:
    trust = DriverTrust()
    assert not trust.failed(100.0)
    assert not trust.lost
    assert trust.failed(100.0 + CAMERA_SOFTWARE_WITHIN)
    assert trust.lost


def test_a_failure_now_and_then_is_forgiven() -> None:
    trust = DriverTrust()
    for number in range(10):
        trust.failed(number * (CAMERA_SOFTWARE_WITHIN + 1))
    assert not trust.lost
    trust.failed(9 * (CAMERA_SOFTWARE_WITHIN + 1) + 60)
    assert not trust.failed(1e9)  # it was lost before
    assert trust.lost


@given(st.lists(st.floats(0, 10 * CAMERA_SOFTWARE_WITHIN), max_size=12).map(sorted))
def test_it_is_lost_where_an_hour_saw_too_many(times: list[float]) -> None:
    trust = DriverTrust()
    for at in times:
        trust.failed(at)
    last = CAMERA_SOFTWARE_AFTER - 1
    groups = zip(times, times[last:], strict=False)
    assert trust.lost is any(late - early <= CAMERA_SOFTWARE_WITHIN for early, late in groups)
