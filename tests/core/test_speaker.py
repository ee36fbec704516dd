"""Who speaks, from levels alone."""

from __future__ import annotations

from appliance.core import limits
from appliance.core.speaker import Speaking

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
