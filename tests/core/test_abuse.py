"""What strangers do becomes one calm line, not a storm."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.abuse import KINDS, Abuse

WRONG, FLOOD, CLASH = "join.wrong-proof", "signaling.throttled", "identity.cloned"


def test_a_wrong_password_is_told_at_once_and_then_once_a_minute() -> None:
    abuse = Abuse()
    assert abuse.look({WRONG: 0}, 0.0) == []
    (told,) = abuse.look({WRONG: 1}, 1.0)
    assert (told.code, told.count) == ("abuse.wrong-proofs", 1)
    assert told.sentence
    assert abuse.look({WRONG: 4}, 2.0) == []
    for second in range(3, 61):
        assert abuse.look({WRONG: 4 + second}, float(second)) == []
    (told,) = abuse.look({WRONG: 70}, 61.0)
    assert told.count == 69


def test_a_few_dropped_frames_are_no_flood() -> None:
    abuse = Abuse()
    count = 0
    for second in range(1000):
        count += (limits.FLOOD_FROM - 1) // round(limits.FLOOD_SPAN)
        assert abuse.look({FLOOD: count}, float(second)) == []
    assert not abuse.stats(1000.0)["abuse.flood"]["active"]


def test_a_flood_is_told_with_all_that_made_it_one() -> None:
    abuse = Abuse()
    assert abuse.look({FLOOD: limits.FLOOD_FROM - 1}, 0.0) == []
    (told,) = abuse.look({FLOOD: limits.FLOOD_FROM - 1, "relay.flood": 1}, 1.0)
    assert (told.code, told.count) == ("abuse.flood", limits.FLOOD_FROM)


def test_of_several_at_once_the_screen_gets_one_line_and_the_log_all() -> None:
    told = Abuse().look({WRONG: 1, FLOOD: 1000, CLASH: 1}, 0.0)
    assert [each.code for each in told] == ["abuse.wrong-proofs", "abuse.clash", "abuse.flood"]
    assert [bool(each.sentence) for each in told] == [True, False, False]


def test_it_is_over_when_nothing_was_counted_for_a_while() -> None:
    abuse = Abuse()
    abuse.look({WRONG: 3}, 0.0)
    assert abuse.stats(5.0)["abuse.wrong-proofs"] == {"count": 3, "active": True, "last_s_ago": 5.0}
    abuse.look({WRONG: 3}, limits.ABUSE_OVER_AFTER)
    assert not abuse.stats(limits.ABUSE_OVER_AFTER)["abuse.wrong-proofs"]["active"]
    assert abuse.stats(0.0)["abuse.clash"] == {"count": 0, "active": False, "last_s_ago": None}


def test_counters_that_begin_anew_are_no_news() -> None:
    abuse = Abuse()
    abuse.look({FLOOD: 40}, 0.0)
    assert abuse.look({FLOOD: 0}, 1.0) == []
    assert abuse.look({FLOOD: 5}, 2.0) == []


def test_no_code_is_of_two_kinds() -> None:
    codes = [code for kind in KINDS for code in kind.counters]
    assert len(codes) == len(set(codes))


@given(st.lists(st.tuples(st.floats(0.5, 5), st.integers(0, 500), st.integers(0, 500)), max_size=60))
def test_never_more_than_a_line_a_minute_and_nothing_is_forgotten(
    steps: list[tuple[float, int, int]],
) -> None:
    abuse, now, lines, wrong, flood, logged = Abuse(), 0.0, [], 0, 0, 0
    for gap, more_wrong, more_flood in steps:
        now, wrong, flood = now + gap, wrong + more_wrong, flood + more_flood
        for told in abuse.look({WRONG: wrong, FLOOD: flood}, now):
            lines += [now] if told.sentence else []
            logged += told.count if told.code == "abuse.wrong-proofs" else 0
    assert all(later - sooner >= limits.ABUSE_LINE_EVERY for sooner, later in itertools.pairwise(lines))
    (told,) = abuse.look({WRONG: wrong + 1}, now + limits.ABUSE_LINE_EVERY + 0.001)[:1]  # now + 60 is rounded
    assert logged + told.count == wrong + 1
