"""The joining window and the roster of a room."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.room import JoiningWindow, Roster, Window
from appliance.errors import RemoteProtocolError

NOW = 1000.0


def window(minutes: float = 10.0, meeting: str = "aa") -> JoiningWindow:
    return JoiningWindow(meeting, minutes, NOW)


class TestJoiningWindow:
    def test_it_is_open_for_its_minutes_and_then_closes_by_itself(self) -> None:
        joining = window(10)
        assert not joining.tick(NOW + 599.9)
        assert joining.tick(NOW + 600)
        assert not joining.window.open
        assert joining.deadline() is None

    def test_joining_never_extends_it(self) -> None:
        older, newcomer = window(10), JoiningWindow("bb", 10, NOW + 300)
        assert newcomer.heard(older.window, NOW + 300)
        assert not older.heard(newcomer.window, NOW + 300)
        assert newcomer.window.closes_at == older.window.closes_at

    def test_the_higher_counter_wins(self) -> None:
        a, b = window(), window()
        a.set_open(False, "Bridge", NOW + 1)
        a.set_open(True, "Bridge", NOW + 2)
        assert b.heard(a.window, NOW + 2)
        assert b.window.open
        assert b.window.by == "Bridge"

    def test_a_tie_closes(self) -> None:
        a, b = window(), window()
        a.set_open(True, "A", NOW + 1)
        b.set_open(False, "B", NOW + 1)
        assert a.heard(b.window, NOW + 1)
        assert not b.heard(replace(a.window, open=True, closes_at=NOW + 5), NOW + 1)
        assert not a.window.open

    def test_a_counter_that_jumps_is_refused(self) -> None:
        joining = window()
        joining.heard(Window("aa", 3, True, NOW + 1), NOW)
        with pytest.raises(RemoteProtocolError) as error:
            joining.heard(Window("aa", 3 + limits.DOOR_COUNTER_JUMP_MAX + 1, True, NOW + 1), NOW)
        assert error.value.code == "door.counter-jump"

    def test_a_newcomer_follows_a_door_that_was_moved_often(self) -> None:
        newcomer = window()
        assert newcomer.heard(Window("aa", 400, False, NOW), NOW)
        assert not newcomer.window.open

    def test_a_window_longer_than_a_day_is_refused(self) -> None:
        with pytest.raises(RemoteProtocolError) as error:
            window().heard(Window("aa", 1, True, NOW + 90_000), NOW)
        assert error.value.code == "door.too-long"

    @given(
        st.lists(
            st.tuples(st.integers(0, 4), st.booleans(), st.floats(0, 600), st.sampled_from(["a", "b"])),
            min_size=2,
            max_size=5,
        ),
        st.randoms(use_true_random=False),
    )
    def test_members_that_hear_each_other_agree(
        self, known: list[tuple[int, bool, float, str]], random
    ) -> None:
        members = []
        for counter, open_, remaining, meeting in known:
            joining = JoiningWindow(meeting, 10, NOW)
            joining.heard(Window(meeting, counter, open_, NOW + remaining), NOW)
            members.append(joining)
        for _ in range(len(members)):
            pairs = [(a, b) for a in members for b in members if a is not b]
            random.shuffle(pairs)
            for a, b in pairs:
                a.heard(b.window, NOW)
        agreed = {(m.window.counter, m.window.open, round(m.window.remaining(NOW))) for m in members}
        assert len(agreed) == 1


class TestRoster:
    def test_it_names_us_and_those_we_proved(self) -> None:
        roster = Roster("me")
        roster.add("b")
        roster.add("a")
        assert roster.members == ("me", "a", "b")

    def test_a_peer_that_others_name_and_we_do_not_know_is_a_hole_after_a_while(self) -> None:
        roster = Roster("me")
        roster.add("a")
        roster.heard("a", ["me", "a", "c"], NOW)
        assert roster.holes(NOW + limits.MESH_REPAIR_AFTER - 0.1) == set()
        roster.heard("a", ["me", "a", "c"], NOW + 1)
        assert roster.holes(NOW + limits.MESH_REPAIR_AFTER) == {"c"}

    def test_a_hole_is_worth_a_hello_now_and_then(self) -> None:
        roster = Roster("me")
        roster.add("a")
        roster.heard("a", ["c"], NOW)
        later = NOW + limits.MESH_REPAIR_AFTER
        assert roster.wants_hello(later)
        assert not roster.wants_hello(later + 1)
        assert roster.wants_hello(later + limits.MESH_REPAIR_EVERY)

    def test_what_a_peer_that_left_named_is_forgotten(self) -> None:
        roster = Roster("me")
        roster.add("a")
        roster.heard("a", ["c"], NOW)
        roster.remove("a")
        assert roster.holes(NOW + 100) == set()

    def test_a_peer_that_is_over_is_no_hole_whoever_names_it(self) -> None:
        roster = Roster("me")
        roster.add("a")
        roster.heard("a", ["c", "d"], NOW)
        roster.over("c")
        roster.heard("a", ["c", "d"], NOW + 1)
        assert roster.holes(NOW + 100) == {"d"}
        assert roster.is_over("c")

    def test_who_is_away_is_a_member_that_is_not_named(self) -> None:
        roster = Roster("me")
        for peer in ("a", "b"):
            roster.add(peer)
        roster.heard("a", ["a", "c"], NOW)
        roster.heard("b", ["a", "b"], NOW)
        roster.away("a")
        assert roster.members == ("me", "b")
        assert roster.holes(NOW + 100) == set()  # "a" is no hole, and what it named is old
        roster.back("a")
        assert roster.members == ("me", "a", "b")

    def test_who_is_away_and_proves_itself_again_is_named(self) -> None:
        roster = Roster("me")
        roster.add("a")
        roster.away("a")
        roster.add("a")
        assert roster.members == ("me", "a")

    def test_who_is_away_leaves_its_place_to_another_one(self) -> None:
        roster = Roster("me")
        for number in range(limits.PEERS_MAX):
            roster.add(f"{number}")
        assert roster.full
        assert roster.crowded
        roster.away("0")
        assert not roster.full
        roster.add("sixteenth")
        assert roster.crowded  # when "0" returns now, there is no place for it
        roster.away("sixteenth")
        roster.back("0")
        assert roster.crowded

    def test_those_that_are_away_are_bounded(self) -> None:
        roster = Roster("me")
        for number in range(limits.MEMBERS_MAX):
            assert not roster.full
            roster.add(f"{number}")
            roster.away(f"{number}")
        assert roster.full
        assert not roster.crowded

    def test_nobody_is_away_that_was_never_here(self) -> None:
        roster = Roster("me")
        roster.away("a")
        roster.add("a")
        assert roster.members == ("me", "a")

    def test_a_hole_may_be_asked_for_at_those_that_name_it(self) -> None:
        roster = Roster("me")
        for peer in ("a", "b"):
            roster.add(peer)
        roster.heard("a", ["c"], NOW)
        roster.heard("b", ["c", "d"], NOW + 1)
        assert roster.introducers("c") == ["a", "b"]
        assert roster.introducers("d") == ["b"]
        assert roster.holes(NOW + 5, after=5) == {"c"}

    def test_a_roster_of_thousands_is_cut(self) -> None:
        roster = Roster("me")
        roster.heard("a", [f"{n:032x}" for n in range(5000)], NOW)
        assert len(roster.holes(NOW + 100)) <= limits.PEERS_MAX + 1
