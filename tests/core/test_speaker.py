"""Who speaks, from levels alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.speaker import ActiveSpeaker, Speaking

LOUD, QUIET = 20, 100
STEP = 0.02


def run(speaking: Speaking, level: int, seconds: float, start: float) -> float:
    """Feed a level every 20 ms; return when it ended."""
    now = start
    while now < start + seconds - 1e-9:
        speaking.update(level, now)
        now += STEP
    return now


def test_a_sentence_counts() -> None:
    speaking = Speaking()
    run(speaking, LOUD, limits.SPEAKING_AFTER + 0.1, 0.0)
    assert speaking.now


def test_a_cough_does_not() -> None:
    speaking = Speaking()
    now = run(speaking, LOUD, 0.08, 0.0)
    now = run(speaking, QUIET, 0.5, now)
    run(speaking, LOUD, 0.08, now)
    assert not speaking.now


def test_a_pause_between_words_does_not_end_it() -> None:
    speaking = Speaking()
    now = run(speaking, LOUD, 1.0, 0.0)
    now = run(speaking, QUIET, limits.SPEAKING_HOLD - 0.1, now)
    assert speaking.now
    run(speaking, LOUD, 0.1, now)
    assert speaking.now


def test_silence_ends_it() -> None:
    speaking = Speaking()
    now = run(speaking, LOUD, 1.0, 0.0)
    run(speaking, QUIET, limits.SPEAKING_HOLD + 0.1, now)
    assert not speaking.now


class TestActiveSpeaker:
    HERE = ("a", "b", "c")

    def after(self, *moments: str) -> str | None:
        """Who is large after these moments; each names those who speak in it."""
        active = ActiveSpeaker()
        for speaking in moments:
            active.update(speaking, self.HERE)
        return active.peer

    def test_nobody_until_somebody_spoke(self) -> None:
        assert self.after("", "") is None
        assert self.after("", "b") == "b"

    def test_who_spoke_last_stays_while_nobody_does(self) -> None:
        assert self.after("b", "", "", "") == "b"

    def test_an_interruption_changes_nothing(self) -> None:
        assert self.after("b", "bc", "abc", "b") == "b"

    def test_who_goes_on_when_the_speaker_stops_is_next(self) -> None:
        assert self.after("b", "bc", "c") == "c"

    def test_of_several_the_one_who_spoke_up_first_is_next(self) -> None:
        assert self.after("b", "bc", "abc", "ac") == "c"

    def test_a_pause_in_between_is_no_claim_to_come_back(self) -> None:
        assert self.after("b", "", "c", "bc") == "c"

    def test_who_left_is_not_shown_any_more(self) -> None:
        active = ActiveSpeaker()
        active.update({"b"}, {"a", "b", "c"})
        assert active.update(set(), {"a", "c"}) is None
        assert active.update({"c"}, {"a", "c"}) == "c"

    @given(st.lists(st.sets(st.sampled_from("abc"))))
    def test_it_changes_only_from_somebody_silent_to_somebody_who_speaks(self, moments) -> None:
        active = ActiveSpeaker()
        for speaking in moments:
            before = active.peer
            after = active.update(speaking, self.HERE)
            assert after == before or (before not in speaking and after in speaking)
            assert after in speaking or not speaking
