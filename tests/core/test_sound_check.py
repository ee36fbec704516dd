"""What the sound check says about rooms that were made up: what is in them is known exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import sound_check
from appliance.core.sound_check import (
    PROGRAM,
    RATE,
    SENTENCES,
    Outcome,
    Report,
    Samples,
    analyse,
    chirp,
    program,
)

Sound = npt.NDArray[np.float64]
SPARE = RATE // 2  # recorded beyond the program


def room_response(reverberation: float, seed: int = 1) -> Sound:
    """A direct sound and a tail that dies away by 60 dB in ``reverberation`` seconds; energy 1."""
    count = max(int(reverberation * RATE), 1)
    tail = np.random.default_rng(seed).standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail *= 0.05
    tail[0] = 1.0
    return tail / np.sqrt(np.sum(tail**2))


def through(played: Sound, response: Sound) -> Sound:
    size = 1 << (PROGRAM + 2 * RATE).bit_length()  # room for the longest tail
    return np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size), size)


def recorded(
    *,
    delay: float = 0.080,
    echo_db: float = -10.0,
    noise_dbfs: float = -65.0,
    reverberation: float = 0.3,
    drift_ppm: float = 0.0,
    gain_after: float = 1.0,
    others: Sound | None = None,
) -> Samples:
    """The program in a room, as a microphone hears it."""
    sound = through(program() / 32768.0, room_response(reverberation)) * 10 ** (echo_db / 20)
    heard = np.zeros(PROGRAM + SPARE)
    begin = round(delay * RATE)
    heard[begin:] = sound[: len(heard) - begin]
    if drift_ppm:
        at = np.arange(len(heard)) * (1 + drift_ppm / 1e6)
        heard = np.interp(at, np.arange(len(heard)), heard)
    heard += np.random.default_rng(7).standard_normal(len(heard)) * 10 ** (noise_dbfs / 20)
    if others is not None:
        heard += others[: len(heard)]
    return np.clip(np.rint(heard * gain_after * 32768), -32768, 32767).astype(np.int16)


def quieter(samples: Samples, decibels: float) -> Samples:
    """What a canceller that is so good leaves of it."""
    return np.rint(samples * 10 ** (-decibels / 20)).astype(np.int16)


# --- What is played ------------------------------------------------------------------------------------


def test_the_chirp_is_no_louder_than_it_says_and_begins_and_ends_softly() -> None:
    wave = chirp() / 32767.0
    assert np.abs(wave).max() <= sound_check.CHIRP_PEAK
    assert np.abs(wave[[0, -1]]).max() < 0.001
    assert np.sqrt(np.mean(wave**2)) > sound_check.CHIRP_PEAK / 2


def test_the_chirp_is_in_its_band() -> None:
    power = np.abs(np.fft.rfft(chirp().astype(float))) ** 2
    hertz = np.fft.rfftfreq(len(chirp()), 1 / RATE)
    inside = (hertz > sound_check.CHIRP_FROM / 1.1) & (hertz < sound_check.CHIRP_TO * 1.1)
    assert power[inside].sum() / power.sum() > 0.99


def test_the_program_begins_with_silence_and_can_not_be_spoilt() -> None:
    assert not program()[: sound_check.LEAD].any()
    assert len(program()) == PROGRAM
    with pytest.raises(ValueError, match="read-only"):
        program()[0] = 1


# --- What is found -------------------------------------------------------------------------------------


def test_a_good_room() -> None:
    heard = recorded()
    report = analyse(heard, quieter(heard, 35.0))
    assert report.outcome is Outcome.GOOD
    assert report.well
    assert report.delay_ms == pytest.approx(80.0, abs=0.5)
    played = 20 * np.log10(np.sqrt(np.mean((chirp() / 32768.0) ** 2)))
    assert report.level_dbfs == pytest.approx(played - 10.0, abs=1.5)
    assert report.noise_dbfs == pytest.approx(-65 - 10 * np.log10(24_000 / 6750), abs=1.0)
    assert report.cancelled_db == pytest.approx(35.0, abs=1.5)
    assert report.left_dbfs is not None
    assert report.left_dbfs < -60.0
    assert "after 80 ms" in str(report.figures)


def test_without_a_canceller_nothing_is_said_about_one() -> None:
    report = analyse(recorded())
    assert report.outcome is Outcome.GOOD
    assert report.cancelled_db is None
    assert "cancelling" not in str(report.figures)


@given(
    st.floats(0.005, 0.29),
    st.floats(-30.0, 5.0),
    st.floats(-75.0, -50.0),
    st.floats(0.02, 1.0),
    st.floats(-200, 200),
)
@settings(max_examples=25, deadline=None)
def test_the_delay_is_found_in_any_room(
    delay: float, echo_db: float, noise_dbfs: float, reverberation: float, drift_ppm: float
) -> None:
    heard = recorded(
        delay=delay, echo_db=echo_db, noise_dbfs=noise_dbfs, reverberation=reverberation, drift_ppm=drift_ppm
    )
    report = analyse(heard)
    assert report.delay_ms == pytest.approx(1000 * delay, abs=2.0)


@given(st.integers(0, 2**32 - 1), st.floats(-80.0, -20.0))
@settings(max_examples=25, deadline=None)
def test_noise_is_never_taken_for_a_chirp(seed: int, dbfs: float) -> None:
    noise = np.random.default_rng(seed).standard_normal(PROGRAM + SPARE) * 10 ** (dbfs / 20) * 32768
    assert analyse(np.clip(noise, -32768, 32767).astype(np.int16)).outcome is Outcome.SPEAKER_MUTED


def test_a_chirp_below_the_noise_is_found_all_the_same() -> None:
    report = analyse(recorded(echo_db=-25.0, noise_dbfs=-32.0))
    assert report.delay_ms == pytest.approx(80.0, abs=0.5)
    assert report.outcome is Outcome.TOO_QUIET


def test_somebody_who_speaks_meanwhile_spoils_nothing() -> None:
    random = np.random.default_rng(3)
    voice = np.zeros(PROGRAM + SPARE)
    for start in range(0, len(voice), RATE // 3):  # syllables of a buzzing voice
        t = np.arange(RATE // 6) / RATE
        pitch = random.uniform(90, 220)
        buzz = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 25))
        voice[start : start + len(t)] = (0.05 * np.hanning(len(t)) * buzz)[: len(voice) - start]
    report = analyse(recorded(others=voice))
    assert report.delay_ms == pytest.approx(80.0, abs=1.0)


# --- What is wrong ---------------------------------------------------------------------------------------


def test_no_microphone() -> None:
    assert analyse(np.zeros(0, np.int16)).outcome is Outcome.NO_MICROPHONE
    assert analyse(recorded()[: PROGRAM // 2]).outcome is Outcome.NO_MICROPHONE


@pytest.mark.parametrize("least", [0, 1, 2])
def test_a_muted_microphone_gives_digital_silence(least: int) -> None:
    silence = np.random.default_rng(1).integers(-least, least + 1, PROGRAM + SPARE).astype(np.int16)
    report = analyse(silence)
    assert report.outcome is Outcome.MICROPHONE_MUTED
    assert report.deaf


def test_a_muted_speaker_of_a_speakerphone() -> None:
    report = analyse(recorded(echo_db=-200.0))
    assert report.outcome is Outcome.SPEAKER_MUTED
    assert report.noise_dbfs is not None
    assert report.delay_ms is None


def test_a_speaker_that_is_not_in_this_room_is_another_device() -> None:
    assert analyse(recorded(echo_db=-200.0), one_device=False).outcome is Outcome.WRONG_DEVICE


def test_a_speakerphone_that_cancels_itself_is_not_called_muted() -> None:
    report = analyse(recorded(echo_db=-200.0), self_cancelling=True)
    assert report.outcome is Outcome.SELF_CANCELLING
    assert report.well


def test_a_speaker_that_overdrives_the_microphone() -> None:
    assert analyse(recorded(echo_db=20.0)).outcome is Outcome.CLIPPED


def test_a_chirp_that_is_hardly_heard() -> None:
    assert analyse(recorded(echo_db=-50.0, noise_dbfs=-80.0)).outcome is Outcome.TOO_QUIET


def test_a_loud_room() -> None:
    assert analyse(recorded(echo_db=0.0, noise_dbfs=-33.0)).outcome is Outcome.NOISY


def test_sound_that_goes_through_a_television() -> None:
    report = analyse(recorded(delay=0.450))
    assert report.outcome is Outcome.LATE
    assert report.delay_ms == pytest.approx(450.0, abs=0.5)


def test_a_canceller_that_does_too_little() -> None:
    heard = recorded()
    report = analyse(heard, quieter(heard, 8.0))
    assert report.outcome is Outcome.ECHO
    assert report.cancelled_db == pytest.approx(8.0, abs=1.0)


def test_every_outcome_has_a_sentence_that_a_person_can_act_on() -> None:
    assert set(SENTENCES) == set(Outcome)
    for outcome in Outcome:
        report = Report(outcome)
        assert str(report.sentence).endswith(".")
        assert not (report.well and report.deaf)
        assert report.figures == ""
