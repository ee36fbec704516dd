"""The time of no answer tells anything about the PIN, over ten thousand handshakes."""

from __future__ import annotations

from collections.abc import Callable

import answer_times
import pytest

from appliance.core.identity import RandomBytes
from appliance.core.pake import Pake, Password

HANDSHAKES = 5_000  # of each of two kinds
LEAK = 6.0  # |t| of two halves that differ; chance alone comes to 6 once in 500 million
TRIES = 3  # a machine that stumbled does not do so three times in a row; a leak is there every time
ANSWERS = ("challenge", "proof", "accept", "reject")


def leaking(handshakes: int, **kind: str) -> set[str]:
    """The answers whose time depends on the PIN, each time that they are measured."""
    found = set(ANSWERS)
    for seed in range(TRIES):
        times = answer_times.measure(handshakes, seed, **kind)
        found &= {name for name in ANSWERS if abs(answer_times.welch(getattr(times, name))) > LEAK}
        if not found:
            break
    return found


@pytest.mark.parametrize(
    "kind",
    [{"fixed": "0000"}, {"fixed": "4710", "truth": "4711"}],
    ids=["the PIN is the commonest, or any", "the guess is nearly right, or any"],
)
def test_no_answer_takes_another_time_for_another_pin(kind: dict[str, str]) -> None:
    assert leaking(HANDSHAKES, **kind) == set()


COMMON = tuple(f"{number:04d}" for number in range(2000))


class LeakyPassword(Password):
    """Looks the PIN up in a list before it is used, and stops where it finds it: some 20 microseconds."""

    def __init__(self, room: int, password: str) -> None:
        super().__init__(room, password)
        self._password = password

    def side_a(self, id_a: bytes, id_b: bytes, random_bytes: RandomBytes) -> Pake:
        self._look_up()
        return super().side_a(id_a, id_b, random_bytes)

    def side_b(self, id_a: bytes, id_b: bytes, random_bytes: RandomBytes) -> Pake:
        self._look_up()
        return super().side_b(id_a, id_b, random_bytes)

    def _look_up(self) -> None:
        for common in COMMON:
            if common == self._password:
                return


def test_a_lookup_that_stops_where_it_finds_the_pin_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.core.handshake_frames.Password", LeakyPassword)
    assert "challenge" in leaking(HANDSHAKES // 2, fixed="0000")


def test_halves_that_differ_by_less_than_their_noise_are_told_apart() -> None:
    def answers(slower: Callable[[bool], int]) -> answer_times.Answers:
        return [(1000 + (n * 7919) % 101 + slower(n % 2 == 1), n % 2 == 1) for n in range(4000)]

    assert abs(answer_times.welch(answers(lambda _: 0))) < 2
    assert answer_times.welch(answers(lambda random_one: 20 if random_one else 0)) < -LEAK
