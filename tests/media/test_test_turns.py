"""Test voices that speak one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from appliance import config_checks
from appliance.core import limits
from appliance.errors import DeviceError
from appliance.media.audio.devices import Spec, parse_spec
from appliance.media.audio.pace import FRAME_NS
from appliance.media.audio.sequence import Detector, generate, is_turn

FRAME = limits.SOUND_FRAME
TURN_NS = int(limits.TEST_TURN * 1e9)


@pytest.mark.parametrize("voices", [1, 3, 8])
@pytest.mark.parametrize("phase_ns", [0, 7_300_000, 19_999_999])
def test_in_a_round_everybody_speaks_once_and_nobody_interrupts(voices: int, phase_ns: int) -> None:
    start = 1_000_000 * voices * TURN_NS + phase_ns
    frames = range(start, start + voices * TURN_NS, FRAME_NS)
    turns = [[band for band in range(voices) if is_turn(at, band, voices)] for at in frames]
    assert max(map(len, turns)) == 1
    spoken = (limits.TEST_TURN - 2 * limits.TEST_TURN_PAUSE) / (FRAME_NS / 1e9)
    for band in range(voices):
        assert sum(turn == [band] for turn in turns) == pytest.approx(spoken, abs=1)


def test_what_is_heard_can_be_asked_for_the_last_seconds() -> None:
    detector = Detector()
    for n in range(500):
        talks = 100 <= n < 230 or n >= 370
        detector.feed(generate(4, n * FRAME, FRAME) if talks else np.zeros(FRAME, np.int16))
    assert detector.report(4).recovered == pytest.approx(260, abs=2)
    late = detector.report(4, 4.0)
    assert late.recovered == pytest.approx(130, abs=2)
    assert late.recorded == pytest.approx(4.0, abs=0.01)


def test_turns_are_configured() -> None:
    assert parse_spec("test:2/3", "microphone") == Spec("test", "2/3")
    assert config_checks.is_microphone("test:2/3")
    for wrong in ("test:3/3", "test:0/9", "test:0/", "test:/3"):
        assert not config_checks.is_microphone(wrong)
    for wrong in ("test:0/9", "test:8/8", "test:0/"):
        with pytest.raises(DeviceError):
            parse_spec(wrong, "microphone")
