"""What `./dev bench audio` says was heard is what was heard; and what our parts do, without PESQ."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from pystoi import stoi

sys.path.insert(0, str(Path(__file__).resolve().parent / "benchmarks"))

import _hearing
import _sound_paths
import _speech

FRAME = _speech.FRAME


@pytest.fixture(scope="module")
def talk() -> np.ndarray:
    """Recorded speech, one frame of 20 ms a row."""
    return np.asarray(_speech.talks()[0]).reshape(-1, FRAME)


def later(frames: np.ndarray, blocks: int) -> np.ndarray:
    silence = np.zeros((blocks, FRAME), np.int16)
    return np.concatenate([silence, frames, np.zeros((50, FRAME), np.int16)])


def inside(talk: np.ndarray, count: int) -> int:
    """The first frame of so many in which there is speech all the time."""
    speech = _speech.active(talk.ravel())
    return next(n for n in range(len(speech)) if speech[n - 3 : n + count + 3].all() and n > 20)


class TestHearing:
    def test_what_comes_whole_is_delivered_at_its_delay(self, talk: np.ndarray) -> None:
        hearing = _hearing.listen(later(talk, 7), talk)
        assert (hearing.delivered, hearing.stall_blocks) == (1.0, 0)
        assert {block - frame for block, frame in hearing.played} == {7}

    @pytest.mark.parametrize("missing", [1, 2, 5, 15])
    def test_a_hole_is_missing_and_is_a_stall(self, talk: np.ndarray, missing: int) -> None:
        at = inside(talk, missing)
        heard = later(talk, 4)
        heard[4 + at : 4 + at + missing] = 0
        hearing = _hearing.listen(heard, talk)
        speech = int(_speech.active(talk.ravel()).sum())
        assert hearing.delivered == pytest.approx(1 - missing / speech)
        assert hearing.stall_blocks == missing

    def test_a_pause_is_no_stall_however_long(self, talk: np.ndarray) -> None:
        speech = _speech.active(talk.ravel())
        heard = later(talk, 4)
        heard[4 : 4 + len(talk)][~speech] = 0
        assert _hearing.listen(heard, talk).stall_blocks == 0

    def test_noise_in_the_place_of_speech_is_not_speech(self, talk: np.ndarray) -> None:
        at = inside(talk, 4)
        heard = later(talk, 4)
        rng = np.random.default_rng(1)
        heard[4 + at : 8 + at] = rng.normal(0, heard[4 + at : 8 + at].std(), (4, FRAME)).astype(np.int16)
        hearing = _hearing.listen(heard, talk)
        assert hearing.stall_blocks >= 3

    def test_other_speech_in_its_place_is_not_this_speech(self, talk: np.ndarray) -> None:
        at = inside(talk, 8)
        heard = later(talk, 4)
        heard[4 + at : 12 + at] = heard[4 + at - 60 : 12 + at - 60]
        assert _hearing.listen(heard, talk).stall_blocks >= 5

    def test_frames_put_in_and_left_out_move_what_follows(self, talk: np.ndarray) -> None:
        at = inside(talk, 20)
        longer = np.concatenate([talk[:at], talk[at - 1 : at], talk[at:]])
        hearing = _hearing.listen(later(longer, 4), talk)
        assert hearing.delivered == 1.0
        assert {block - frame for block, frame in hearing.played} == {4, 5}
        shorter = np.concatenate([talk[:at], talk[at + 2 :]])
        hearing = _hearing.listen(later(shorter, 4), talk)
        assert len(hearing.played) == int(_speech.active(talk.ravel()).sum()) - 2
        assert {block - frame for block, frame in hearing.played} == {4, 2}

    def test_silence_is_one_long_stall(self, talk: np.ndarray) -> None:
        hearing = _hearing.listen(np.zeros((len(talk) + 50, FRAME), np.int16), talk)
        speech = np.flatnonzero(_speech.active(talk.ravel()))
        assert hearing.delivered == 0.0
        assert hearing.stall_blocks == speech[-1] - speech[0] + 1


class TestTrace:
    def test_it_loses_delays_and_reorders_as_it_says(self) -> None:
        trace = _sound_paths.trace(20_000, 0.05, 0.02, seed=1)
        arrived = [(n, at) for n, at in enumerate(trace.arrivals) if at is not None]
        assert len(arrived) / 20_000 == pytest.approx(0.95, abs=0.005)
        delays = sorted(at - (n + 1) * _sound_paths.TICK - _sound_paths.SHORTEST_S for n, at in arrived)
        assert delays[0] >= -1e-9
        assert delays[int(0.95 * len(delays))] == pytest.approx(0.02, abs=0.001)
        order = [n for _, n in trace.in_order()]
        assert order != sorted(order)

    def test_the_same_seed_is_the_same_network(self) -> None:
        assert _sound_paths.trace(100, 0.1, 0.02, 7) == _sound_paths.trace(100, 0.1, 0.02, 7)


class TestPaths:
    @pytest.mark.parametrize(("loss", "least"), [(0.0, 0.99), (0.10, 0.95)])
    def test_ours_brings_speech_through_loss_and_jitter(
        self, talk: np.ndarray, loss: float, least: float
    ) -> None:
        path = _sound_paths.ours(talk, _sound_paths.trace(len(talk), loss, 0.02, seed=1), 6)
        hearing = _hearing.listen(path.heard, path.whole)
        assert hearing.delivered >= least
        assert hearing.stall_blocks <= 3
        delays = sorted(_sound_paths.shortest_delay(*place) for place in hearing.played)
        assert delays[int(0.95 * len(delays))] <= 0.08
        start = (hearing.played[0][0] - hearing.played[0][1]) * FRAME
        heard = path.heard.ravel()[start : start + talk.size].astype(float)
        assert stoi(path.whole.ravel().astype(float), heard, _speech.RATE) >= 0.93

    def test_plain_aiortc_loses_speech_on_the_same_network(self, talk: np.ndarray) -> None:
        network = _sound_paths.trace(len(talk), 0.05, 0.02, seed=1)
        path = _sound_paths.plain(talk, network)
        hearing = _hearing.listen(path.heard, path.whole)
        assert 0.4 < hearing.delivered < 0.9
        calm = _sound_paths.plain(talk, _sound_paths.trace(len(talk), 0.0, 0.0, seed=1))
        hearing = _hearing.listen(calm.heard, calm.whole)
        assert hearing.delivered == 1.0
        assert hearing.stall_blocks == 0
