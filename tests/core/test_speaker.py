"""Who speaks and how loud, from levels alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.speaker import ActiveSpeaker, Speaking

LOUD, QUIET = 20, 100
LOOK = limits.VIEW_EVERY
FRAMES = round(LOOK / 0.02)  # between two looks


class Listener:
    """Looks every 0.2 s; ``hear`` takes stretches of (level or None for no packets, seconds)."""

    def __init__(self) -> None:
        self.speaking = Speaking()
        self.meters: list[int] = []
        self.was: list[bool] = []
        self._now = 0.0

    def hear(self, *stretches: tuple[int | None, float]) -> Speaking:
        frames = [level for level, seconds in stretches for _ in range(round(seconds / 0.02))]
        frames += [None] * (-len(frames) % FRAMES)
        for at in range(0, len(frames), FRAMES):
            self._now += LOOK
            levels = [level for level in frames[at : at + FRAMES] if level is not None]
            self.was.append(self.speaking.hear(levels, self._now))
            self.meters.append(self.speaking.meter)
        return self.speaking


def test_a_sentence_counts_within_two_looks() -> None:
    assert Listener().hear((LOUD, 2 * LOOK)).now


def test_syllables_count() -> None:
    """Loud for two thirds of the time, as speech is."""
    assert Listener().hear(*[(LOUD, 0.16), (QUIET, 0.08)] * 4).now


def test_a_cough_does_not() -> None:
    for before in range(FRAMES):  # wherever the looks fall
        listener = Listener()
        listener.hear((None, 1 + 0.02 * before), (LOUD, 0.08), (None, 0.5), (LOUD, 0.08), (QUIET, 0.5))
        assert not any(listener.was)


def test_knocking_does_not() -> None:
    listener = Listener()
    listener.hear(*[(LOUD, 0.08), (QUIET, 0.12)] * 50)
    assert not any(listener.was)


def test_a_pause_between_words_does_not_end_it() -> None:
    listener = Listener()
    listener.hear((LOUD, 1.0), (QUIET, limits.SPEAKING_HOLD - LOOK), (LOUD, LOOK))
    assert all(listener.was[1:])


def test_silence_ends_it_whether_it_is_sent_or_not() -> None:
    for silence in (QUIET, None):
        listener = Listener()
        listener.hear((LOUD, 1.0), (silence, limits.SPEAKING_HOLD + LOOK))
        assert listener.was[4]
        assert not listener.was[-1]


def test_who_is_muted_does_not_speak_from_that_moment_on() -> None:
    listener = Listener()
    listener.hear((LOUD, 1.0))
    listener.speaking.mute()
    assert not listener.speaking.now
    assert listener.speaking.meter == 0
    assert not listener.hear((LOUD, 0.08)).now


def test_a_meter_rises_at_once_and_falls_step_by_step_to_nothing() -> None:
    listener = Listener()
    listener.hear((None, LOOK), (15, LOOK), (None, 2.0))
    assert listener.meters[:8] == [0, 5, 4, 3, 2, 1, 0, 0]


def test_a_meter_shows_what_a_room_hears() -> None:
    shown = {level: Listener().hear((level, LOOK)).meter for level in (127, 60, 59, 45, 30, 22, 0)}
    assert shown == {127: 0, 60: 0, 59: 1, 45: 2, 30: 4, 22: 5, 0: 5}


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(0, 127), max_size=64), st.floats(0, 2)), max_size=50))
def test_whatever_is_heard_a_meter_stays_on_its_scale(looks) -> None:
    speaking, now = Speaking(), 0.0
    for levels, passed in looks:
        now += passed
        speaking.hear(levels, now)
        assert 0 <= speaking.meter <= limits.METER_STEPS


class TestActiveSpeaker:
    HERE = ("a", "b", "c")

    def after(self, *moments: str) -> str | None:
        """Who is large after these moments of five seconds; each names those who speak in it."""
        active = ActiveSpeaker()
        for i, speaking in enumerate(moments):
            for look in range(25):
                active.update(speaking, self.HERE, 5.0 * i + look * LOOK)
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
        active.update({"b"}, {"a", "b", "c"}, 0.0)
        assert active.update(set(), {"a", "c"}, 0.2) is None
        assert active.update({"c"}, {"a", "c"}, 0.4) == "c"

    def test_a_word_in_between_makes_nobody_large(self) -> None:
        active = ActiveSpeaker()
        for look in range(100):
            now = look * LOOK
            says_yes = 10.0 < now < 10.0 + limits.LARGE_AFTER
            active.update({"c"} if says_yes else {"b"} if now < 8 else set(), self.HERE, now)
            assert active.peer == "b"

    def test_quick_words_to_and_fro_do_not_make_pictures_jump(self) -> None:
        active, changes, before = ActiveSpeaker(), 0, None
        for look in range(round(60 / LOOK)):
            now = look * LOOK
            active.update({"b" if now % 2.4 < 1.2 else "c"}, self.HERE, now)
            changes += active.peer != before
            before = active.peer
        assert 2 <= changes <= 60 / limits.LARGE_FOR

    @given(st.lists(st.sets(st.sampled_from("abc"))))
    def test_it_changes_only_from_somebody_silent_to_somebody_who_speaks(self, moments) -> None:
        active, changed_at = ActiveSpeaker(), float("-inf")
        for i, speaking in enumerate(moments):
            before, now = active.peer, i * LOOK
            after = active.update(speaking, self.HERE, now)
            assert after == before or (before not in speaking and after in speaking)
            if after != before:
                assert before is None or now - changed_at >= limits.LARGE_FOR
                changed_at = now
