"""Who dials a pair's direct line, and what a failure says."""

from __future__ import annotations

import pytest

from appliance.core import limits
from appliance.core.direct_line import DirectLine, LineState, Verdict

NOW = 50.0


def up() -> DirectLine:
    line = DirectLine()
    line.begin(leads=True, now=NOW)
    line.up()
    return line


class TestFirst:
    def test_the_leader_dials_at_once_and_the_other_one_waits(self) -> None:
        assert DirectLine().begin(leads=True, now=NOW) is Verdict.DIAL
        other = DirectLine()
        assert other.begin(leads=False, now=NOW) is Verdict.WAIT
        assert other.tick(NOW + limits.LINE_WITHIN - 0.01) is Verdict.WAIT
        assert other.tick(NOW + limits.LINE_WITHIN) is Verdict.DIAL

    def test_each_has_one_turn_and_then_the_relay_serves(self) -> None:
        leader = DirectLine()
        leader.begin(leads=True, now=NOW)
        assert leader.failed(refused=True, now=NOW) is Verdict.WAIT
        assert leader.state is LineState.AWAITING
        assert leader.tick(NOW + limits.LINE_WITHIN) is Verdict.NO_LINE
        assert leader.state is LineState.FAILED

    def test_a_refusal_before_it_was_ever_up_says_nothing_about_the_box(self) -> None:
        other = DirectLine()
        other.begin(leads=False, now=NOW)
        other.tick(NOW + limits.LINE_WITHIN)
        assert other.failed(refused=True, now=NOW + 2) is Verdict.NO_LINE

    def test_without_a_line_it_is_tried_again_later(self) -> None:
        line = DirectLine()
        line.begin(leads=True, now=NOW)
        line.failed(refused=False, now=NOW)
        line.tick(NOW + limits.LINE_WITHIN)
        assert line.deadline() == NOW + limits.LINE_WITHIN + limits.LINE_REDIAL_EVERY

    def test_the_other_side_may_say_that_there_is_none(self) -> None:
        line = DirectLine()
        line.begin(leads=False, now=NOW)
        line.none()
        assert line.state is LineState.FAILED


class TestLost:
    def test_after_a_reset_the_leader_dials_at_once(self) -> None:
        assert up().lost(reset=True, leads=True, now=NOW) is Verdict.DIAL

    def test_and_the_other_one_a_little_later(self) -> None:
        line = up()
        assert line.lost(reset=True, leads=False, now=NOW) is Verdict.WAIT
        assert line.tick(NOW + limits.LINE_WITHIN) is Verdict.DIAL

    def test_refusals_for_a_second_mean_that_the_box_is_gone(self) -> None:
        line = up()
        line.lost(reset=True, leads=True, now=NOW)
        now = NOW
        while now < NOW + limits.LINE_REFUSED_FOR:
            assert line.failed(refused=True, now=now) is Verdict.WAIT
            now += limits.LINE_RESET_REDIAL
            assert line.tick(now) is Verdict.DIAL
        assert line.failed(refused=True, now=now) is Verdict.VANISHED
        assert line.state is LineState.LOST
        assert line.tick(now + limits.LINE_LOST_REDIAL) is Verdict.DIAL

    def test_after_silence_it_takes_longer(self) -> None:
        line = up()
        line.lost(reset=False, leads=True, now=NOW)
        assert line.failed(refused=True, now=NOW + 5) is Verdict.WAIT
        soon = NOW + 5 + limits.LINE_REFUSED_SILENT
        assert line.failed(refused=True, now=soon - 0.1) is Verdict.WAIT
        assert line.failed(refused=True, now=soon) is Verdict.VANISHED

    def test_a_dial_without_an_answer_begins_the_count_anew(self) -> None:
        line = up()
        line.lost(reset=True, leads=True, now=NOW)
        line.failed(refused=True, now=NOW)
        line.failed(refused=False, now=NOW + 1)
        assert line.failed(refused=True, now=NOW + 2) is Verdict.WAIT

    def test_a_box_that_knows_no_such_line_is_gone_at_once_and_forgotten_soon(self) -> None:
        line = up()
        line.lost(reset=False, leads=True, now=NOW)
        assert line.failed(refused=False, now=NOW, unknown=True) is Verdict.VANISHED
        later = NOW + limits.LINE_REFUSED_SILENT
        assert line.tick(later) is Verdict.DIAL
        assert line.failed(refused=False, now=later, unknown=True) is Verdict.FORGOTTEN

    def test_and_not_forgotten_when_it_merely_begins_anew(self) -> None:
        line = up()
        line.lost(reset=False, leads=True, now=NOW)
        line.failed(refused=False, now=NOW, unknown=True)
        line.failed(refused=True, now=NOW + 2)
        assert line.failed(refused=False, now=NOW + 4, unknown=True) is Verdict.VANISHED

    def test_no_answer_does_not(self) -> None:
        line = up()
        line.lost(reset=True, leads=True, now=NOW)
        assert line.failed(refused=False, now=NOW) is Verdict.WAIT

    def test_after_a_reset_the_first_dials_follow_each_other_quickly(self) -> None:
        line = up()
        line.lost(reset=True, leads=True, now=NOW)
        now = NOW
        for _ in range(limits.LINE_RESET_REDIALS):
            line.failed(refused=False, now=now)
            now += limits.LINE_RESET_REDIAL
            assert line.tick(now) is Verdict.DIAL
        line.failed(refused=False, now=now)
        assert line.tick(now + limits.LINE_RESET_REDIAL) is Verdict.WAIT
        assert line.tick(now + limits.LINE_LOST_REDIAL) is Verdict.DIAL

    def test_silence_is_dialed_into_all_the_time_and_later_less_often(self) -> None:
        line = up()
        assert line.lost(reset=False, leads=True, now=NOW) is Verdict.WAIT
        assert line.tick(NOW + limits.LINE_LOST_REDIAL) is Verdict.DIAL
        for lost_for, pause in (
            (limits.LINE_LOST_REDIAL, limits.LINE_LOST_REDIAL),
            (limits.LINE_LOST_QUICK_FOR - 1, limits.LINE_LOST_REDIAL),
            (limits.LINE_LOST_QUICK_FOR + 1, limits.LINE_LOST_REDIAL_MAX),
            (limits.MEMBERSHIP_KEPT, limits.LINE_LOST_REDIAL_MAX),
        ):
            line.failed(refused=False, now=NOW + lost_for)
            assert line.tick(NOW + lost_for + pause - 0.01) is Verdict.WAIT
            assert line.tick(NOW + lost_for + pause) is Verdict.DIAL

    @pytest.mark.parametrize("leads", [True, False])
    def test_a_sign_that_it_works_again_makes_it_dial_at_once(self, leads: bool) -> None:
        line = up()
        assert line.redial(NOW) is Verdict.WAIT
        line.lost(reset=False, leads=leads, now=NOW)
        assert line.redial(NOW) is Verdict.DIAL
        assert line.redial(NOW + 0.01) is Verdict.WAIT  # one sign is enough
        assert line.redial(NOW + limits.LINE_RESET_REDIAL) is Verdict.DIAL
        line.up()
        assert line.redial(NOW + 5) is Verdict.WAIT

    def test_a_line_that_never_was_is_not_dialed_for_it(self) -> None:
        line = DirectLine()
        line.begin(leads=False, now=NOW)
        assert line.redial(NOW) is Verdict.WAIT

    def test_a_dial_that_fails_while_the_line_is_up_changes_nothing(self) -> None:
        line = up()
        assert line.failed(refused=True, now=NOW) is Verdict.WAIT
        assert line.state is LineState.UP


class TestRenewal:
    def test_a_new_line_is_dialed_beside_the_old_one_now_and_then(self) -> None:
        line = up()
        assert line.renew(NOW) is Verdict.DIAL
        assert line.state is LineState.UP
        assert line.renew(NOW + 0.1) is Verdict.WAIT
        assert line.renew(NOW + limits.LINE_REDIAL_EVERY) is Verdict.DIAL
