"""How long a box takes for each of its answers, and whether that tells anything about the PIN.

Fixed against random, as dudect does it (Reparaz, Balasch, Verbauwhede 2017): half of all handshakes use one
PIN, the other half a random one each, in random order. If the time of an answer depends on the PIN, the two
halves differ; Welch's t says how surely. What an attacker measures over a network is noisier than this:
processor time of the answering box alone, in the same process.
"""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from dataclasses import dataclass, field

from handshake_net import seeded

from appliance.core.handshake import Handshakes
from appliance.core.handshake_effects import SendFrame

ROOM = 42
NOW = 1000.0
KEPT = 0.9  # of the measurements: what took longest was interrupted

NEIGHBOURS = 10  # on each side, whose median is taken off: a machine is faster at one time than at another

Answers = list[tuple[int, bool]]  # nanoseconds, whether the PIN was a random one; in order


@dataclass
class Times:
    """Nanoseconds of processor time of each answer, by what it is."""

    challenge: Answers = field(default_factory=list)
    proof: Answers = field(default_factory=list)
    accept: Answers = field(default_factory=list)
    reject: Answers = field(default_factory=list)


def measure(handshakes: int, seed: object, fixed: str = "0000", truth: str | None = None) -> Times:
    """So many handshakes: every second one ends well, in the others the joiner guesses.

    ``truth``: the member's PIN in the handshakes that end badly; the guess is then ``fixed`` or random.
    None: the joiner's is random there, and the member's is ``fixed`` or random.
    """
    times, rng = Times(), random.Random(repr(seed))
    enabled = gc.isenabled()
    gc.disable()  # a collection would fall on one or the other
    try:
        for number in range(handshakes):
            random_one = rng.random() < 0.5
            pin = f"{rng.randrange(10_000):04d}" if random_one else fixed
            if number % 2 == 0:
                _handshake(times, pin, pin, random_one, (seed, number))
            else:
                other = f"{rng.randrange(10_000):04d}"
                joiner, member = (pin, truth) if truth is not None else (other, pin)
                if joiner != member:
                    _handshake(times, joiner, member, random_one, (seed, number))
            if number % 500 == 0:
                gc.collect()
    finally:
        if enabled:
            gc.enable()
    return times


def _handshake(times: Times, joiner_pin: str, member_pin: str, random_one: bool, seed: object) -> None:
    joiner = Handshakes(ROOM, joiner_pin, NOW, seeded((seed, "joiner")))
    member = Handshakes(ROOM, member_pin, NOW, seeded((seed, "member")))
    challenge = _timed(times.challenge, random_one, member, joiner.hello())
    proof = _timed(times.proof, random_one, joiner, challenge)
    last = times.accept if joiner_pin == member_pin else times.reject
    _timed(last, random_one, member, proof)


def _timed(taken: Answers, random_one: bool, box: Handshakes, frame: str) -> str:
    begun = time.thread_time_ns()
    effects = box.receive("relay", "10.0.0.1", frame, NOW)
    taken.append((time.thread_time_ns() - begun, random_one))
    return next(effect.text for effect in effects if isinstance(effect, SendFrame))


def welch(answers: Answers) -> float:
    """Welch's t of the two halves, without what took longest. Far from 0: they differ."""
    times = [took for took, _ in answers]
    steady = [
        (took - statistics.median_low(times[max(0, n - NEIGHBOURS) : n + NEIGHBOURS + 1]), random_one)
        for n, (took, random_one) in enumerate(answers)
    ]
    longest = sorted(took for took, _ in steady)[round(KEPT * len(steady))]
    one, other = (
        [took for took, is_random in steady if is_random is kind and took < longest] for kind in (False, True)
    )
    spread = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(spread)
