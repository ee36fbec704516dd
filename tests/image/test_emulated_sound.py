"""Tones that boxes play to each other, made and recognised."""

from __future__ import annotations

import numpy as np
from image import sound


def test_a_tone_is_recognised_among_others() -> None:
    rate = 16_000
    both = sound.syllables(440.0, 3.0, rate) + sound.syllables(620.0, 3.0, rate)
    noise = np.random.default_rng(2).normal(0, 0.003, both.size)
    recording = sound.wav(both + noise, rate)
    for hz in (440.0, 620.0):
        assert sound.strength(recording, hz) > sound.strength(recording, 1999.0) + 30


def test_silence_and_nothing_are_weak() -> None:
    assert sound.strength(sound.wav(np.zeros(16_000), 16_000), 440.0) <= -100
    assert sound.strength(sound.wav(np.zeros(10), 16_000), 440.0) <= -100


def test_it_comes_and_goes_and_never_clips() -> None:
    tone = sound.syllables(440.0, 2.0)
    assert np.abs(tone).max() < 1.0
    assert np.abs(tone[round(0.36 * sound.RATE) : round(0.49 * sound.RATE)]).max() == 0.0


def test_a_file_says_what_went_in() -> None:
    samples, rate = sound.samples_of(sound.wav(np.array([0.0, 0.5, -0.5]), 8000))
    assert rate == 8000
    assert np.allclose(samples, [0.0, 0.5, -0.5], atol=1e-3)
