"""Capture times from sender reports: RFC 3550 section 6.4.1."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.sender_clock import SenderClock, apart

TURN = 1 << 32


def ntp(seconds: float) -> int:
    return int(seconds * TURN) & 0xFFFFFFFFFFFFFFFF


def test_before_the_first_report_nothing_is_known() -> None:
    clock = SenderClock(90_000)
    assert clock.captured(0) is None
    clock.report(0, 5)  # "no notion of wallclock or elapsed time"
    assert clock.captured(5) is None


@given(
    at=st.floats(1, TURN - 1),
    timestamp=st.integers(0, TURN - 1),
    since=st.floats(-3600, 3600),
    rate=st.sampled_from([48_000, 90_000]),
)
def test_a_report_sets_every_timestamp_around_it(at, timestamp, since, rate) -> None:
    clock = SenderClock(rate)
    clock.report(ntp(at), timestamp)
    units = round(since * rate)
    captured = clock.captured((timestamp + units) % TURN)
    assert captured is not None
    assert apart(captured, at) == pytest.approx(units / rate, abs=1e-5)


@given(st.floats(0, TURN - 1), st.floats(-1e9, 1e9))
def test_times_are_compared_across_the_clocks_wrap(time, difference) -> None:
    assert apart((time + difference) % TURN, time) == pytest.approx(difference, abs=1e-5)


def test_reports_that_jitter_are_averaged_and_a_drift_is_followed() -> None:
    """A sound card that is 100 ppm fast, whose capture times jitter by 5 ms."""
    rng, clock = random.Random(5), SenderClock(48_000)
    errors = []
    for number in range(4000):
        now = 1000 + number * 0.7
        timestamp = round((now - 1000) * 48_000 * 1.0001)
        clock.report(ntp(now + rng.uniform(-0.005, 0.005)), timestamp % TURN)
        asked = now + rng.uniform(0, 0.7)
        captured = clock.captured(round((asked - 1000) * 48_000 * 1.0001) % TURN)
        assert captured is not None
        errors.append(captured - asked)
    assert max(abs(error) for error in errors) < 0.005
    assert abs(sum(errors) / len(errors)) < 0.001


@pytest.mark.parametrize("jump", [0.03, -0.06, 5.0, -5.0, 1e6])
def test_a_clock_that_was_set_is_believed_at_once(jump) -> None:
    clock = SenderClock(90_000)
    clock.report(ntp(2e6), 0)
    clock.report(ntp(2e6 + 1 + jump), 90_000)
    assert clock.captured(90_000) == pytest.approx(2e6 + 1 + jump, abs=1e-4)
    assert abs(jump) > limits.SYNC_JUMP


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)), max_size=20))
def test_no_report_does_any_harm(reports) -> None:
    clock = SenderClock(90_000)
    for one in reports:
        clock.report(*one)
        captured = clock.captured(0)
        assert captured is None or -TURN < captured < 2 * TURN
