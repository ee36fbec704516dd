"""Two boxes in one room are found by their microphones' levels; any two rooms are not."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
import _rooms as rooms
from _rooms import RATE, Sound

from appliance.core import limits
from appliance.core.same_room import SameRoom, keeps_microphone
from appliance.media.audio.level import level_dbov

SECONDS = 14
START = 1000.0


def levels(sound: Sound) -> list[int]:
    samples = rooms.samples(sound)
    return [level_dbov(samples[at : at + 960]) for at in range(0, len(samples) - 959, 960)]


def microphone(sound: Sound, seed: int, *, direct_db: float = 0.0, hiss_db: float = -65.0) -> Sound:
    """Someone in a room, as a microphone hears it."""
    heard = rooms.heard(sound, rooms.response(seed, rt60=0.4, direct_db=direct_db))
    return heard + rooms.noise(seed, len(sound), hiss_db)


def later(sound: Sound, seconds: float) -> Sound:
    return np.concatenate((np.zeros(round(seconds * RATE)), sound))[: len(sound)]


def watch(
    own: Sound,
    others: dict[str, Sound],
    *,
    network: float = 0.04,
    jitter: float = 0.0,
    seed: int = 0,
) -> dict[str, float]:
    """Return when each peer was found in this room, in seconds of talking."""
    rng = np.random.default_rng(seed)
    same_room = SameRoom()
    heard = {peer: levels(sound) for peer, sound in others.items()}
    found: dict[str, float] = {}
    for number, level in enumerate(levels(own)):
        at = START + number * 0.02
        same_room.own(level, at + rng.uniform(-0.004, 0.004))
        for peer, theirs in heard.items():
            same_room.other(peer, theirs[number], 77.0 + number * 0.02, at + network + rng.uniform(0, jitter))
        for peer in same_room.look(at):
            assert peer not in found, "a peer is found once"
            found[peer] = at - START
    return found


@pytest.fixture(scope="module")
def voices() -> list[Sound]:
    return [rooms.talk(voice, SECONDS) * 0.05 for voice in range(rooms.VOICES)]


class TestOneRoom:
    @pytest.mark.parametrize(("voice", "jitter"), [(0, 0.0), (1, 0.03), (2, 0.0), (3, 0.03), (4, 0.03)])
    def test_a_box_near_and_a_box_far(self, voices: list[Sound], voice: int, jitter: float) -> None:
        """Different places, levels and noise; the network comes on top."""
        near = microphone(voices[voice], 10 + voice, direct_db=6)
        far = microphone(voices[voice] * 0.3, 20 + voice, direct_db=-6, hiss_db=-62)
        found = watch(near, {"far": far}, jitter=jitter, seed=voice)
        assert found["far"] < 13

    def test_several_people_who_take_turns(self, voices: list[Sound]) -> None:
        turns = (np.arange(SECONDS * RATE) // (2 * RATE)) % 3
        a, b = np.zeros(SECONDS * RATE), np.zeros(SECONDS * RATE)
        for person in range(3):
            said = voices[person] * (turns == person)
            a += microphone(said, 30 + person)
            b += microphone(said * 0.5, 40 + person, direct_db=-3)
        assert "b" in watch(a, {"b": b})

    def test_only_the_box_in_the_room_is_found(self, voices: list[Sound]) -> None:
        own = microphone(voices[0], 1)
        others = {"here": microphone(voices[0] * 0.4, 2), "there": microphone(voices[2], 3)}
        assert list(watch(own, others)) == ["here"]

    def test_howling(self) -> None:
        """A tone that fills both microphones: no speech is needed to know that."""
        tone = 0.4 * np.sin(2 * np.pi * 700 * np.arange(SECONDS * RATE) / RATE)
        assert "b" in watch(tone, {"b": tone * 0.9})


class TestTwoRooms:
    @pytest.mark.parametrize(("mine", "theirs"), [(0, 1), (1, 3), (2, 4), (3, 0), (4, 2), (0, 0)])
    def test_both_talk(self, voices: list[Sound], mine: int, theirs: int) -> None:
        """Double talk, for as long as it lasts; of one voice, another text."""
        other = np.roll(voices[theirs], 3 * RATE) if mine == theirs else voices[theirs]
        assert watch(microphone(voices[mine], 1), {"b": microphone(other, 2)}) == {}

    def test_they_take_turns(self, voices: list[Sound]) -> None:
        turn = (np.arange(SECONDS * RATE) // (2 * RATE)) % 2
        own = microphone(voices[0] * (turn == 0), 1)
        assert watch(own, {"b": microphone(voices[1] * (turn == 1), 2)}) == {}

    def test_our_voice_comes_back_from_their_loudspeaker(self, voices: list[Sound]) -> None:
        """Their echo control fails: it is a nuisance, and not one room."""
        back = microphone(later(voices[0], 0.16) * 0.4, 2)
        assert watch(microphone(voices[0], 1), {"b": back}) == {}

    def test_their_voice_comes_out_of_our_loudspeaker(self, voices: list[Sound]) -> None:
        """Our echo control fails."""
        echo = microphone(later(voices[0], 0.15) * 0.4, 1)
        assert watch(echo, {"b": microphone(voices[0], 2)}) == {}

    @pytest.mark.parametrize("voice", [0, 2, 3])
    def test_a_third_box_is_heard_in_both(self, voices: list[Sound], voice: int) -> None:
        """Both loudspeakers play the third at the same time, and both microphones hear it."""
        said = voices[voice]
        mine = microphone(later(said, 0.13) * 0.3, 1)
        theirs = microphone(later(said, 0.14) * 0.3, 2)
        assert watch(mine, {"b": theirs, "third": microphone(said, 3)}) == {}

    def test_applause_everywhere(self) -> None:
        """Everybody starts and stops at the same time, and claps by themselves."""
        length = SECONDS * RATE
        on = (np.arange(length) // (3 * RATE)) % 2 == 0

        def applause(seed: int) -> Sound:
            rng = np.random.default_rng(seed)
            claps = np.zeros(length)
            for _ in range(6):  # six people, four claps a second each
                at = np.cumsum(rng.normal(0.25, 0.03, SECONDS * 5).clip(0.1))
                claps[(at[at < SECONDS - 1] * RATE).astype(int)] += rng.uniform(0.3, 1.0)
            burst = np.random.default_rng(seed + 9).standard_normal(960) * np.exp(-np.arange(960) / 200)
            return rooms.heard(claps, burst) * on * 0.1 + rooms.noise(seed, length, -65)

        assert watch(applause(1), {"b": applause(2)}) == {}

    def test_a_steady_noise_in_both(self) -> None:
        hum = rooms.noise(1, SECONDS * RATE, -30), rooms.noise(2, SECONDS * RATE, -35)
        assert watch(hum[0], {"b": hum[1]}) == {}

    def test_loud_music_in_one(self) -> None:
        """A chord as loud and even as howling, in one room alone."""
        chord = sum(np.sin(2 * np.pi * f * np.arange(SECONDS * RATE) / RATE) for f in (220, 277, 330)) * 0.15
        assert watch(chord, {"b": rooms.noise(2, SECONDS * RATE, -60)}) == {}


class TestEvidence:
    def test_nobody_talks(self) -> None:
        silence = np.zeros(SECONDS * RATE)
        assert watch(silence, {"b": silence}) == {}

    def test_a_muted_microphone_gives_no_sign(self, voices: list[Sound]) -> None:
        same_room = SameRoom()
        heard = levels(microphone(voices[0], 1))
        for number, level in enumerate(heard):
            same_room.other("b", level, number * 0.02, START + number * 0.02)
            assert same_room.look(START + number * 0.02) == ()
        assert not same_room.likely("b", START + SECONDS)

    def test_what_another_box_says_is_believed_only_where_it_looks_so(self, voices: list[Sound]) -> None:
        same_room = SameRoom()
        mine = levels(microphone(voices[0], 1))
        here, there = levels(microphone(voices[0], 2)), levels(microphone(voices[1], 3))
        for number, level in enumerate(mine[:400]):
            at = START + number * 0.02
            same_room.own(level, at)
            same_room.other("here", here[number], at, at + 0.05)
            same_room.other("there", there[number], at, at + 0.05)
            same_room.look(at)
        now = START + 8
        assert same_room.likely("here", now)
        assert not same_room.likely("there", now)
        assert not same_room.likely("nobody", now)
        assert not same_room.likely("here", now + limits.SAME_ROOM_LIKELY_FOR + 1)

    def test_a_peer_that_left_is_forgotten(self, voices: list[Sound]) -> None:
        same_room = SameRoom()
        heard = levels(microphone(voices[0], 1))
        for number, level in enumerate(heard):
            at = START + number * 0.02
            same_room.own(level, at)
            if number < 200:
                same_room.other("b", level, at, at + 0.05)
            elif number == 200:
                same_room.forget("b")
            assert same_room.look(at) == ()

    @settings(max_examples=20, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["own", "a", "b"]),
                st.integers(0, 127),
                st.floats(0, 90_000),
                st.floats(0, 100_000),
            ),
            max_size=60,
        )
    )
    def test_any_stamps_are_borne(self, told: list[tuple[str, int, float, float]]) -> None:
        """Clocks that jump, timelines that start anew, packets of an hour ago."""
        same_room = SameRoom()
        for who, level, media, at in told:
            if who == "own":
                same_room.own(level, at)
            else:
                same_room.other(who, level, media, at)
            same_room.look(at)


@given(st.lists(st.text("0123456789abcdef", min_size=8, max_size=8), min_size=2, unique=True))
def test_of_any_boxes_in_one_room_one_is_heard(boxes: list[str]) -> None:
    speaking = [a for a in boxes if all(keeps_microphone(a, b) for b in boxes if b != a)]
    assert len(speaking) == 1
    for a, b in pairwise(boxes):
        assert keeps_microphone(a, b) != keeps_microphone(b, a)
