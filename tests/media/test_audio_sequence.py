"""The known sequence, through real encoders, decoders and the mix."""

from __future__ import annotations

import random

import numpy as np
import pytest

from appliance.core import limits
from appliance.media.audio import sequence
from appliance.media.audio.mixer import Mixer
from appliance.media.audio.opus import Decoder, Encoder
from appliance.media.audio.sequence import AMPLITUDE, BANDS, SYMBOL, Detector, SequenceReport, generate

FRAME = limits.SOUND_FRAME
QUIET = np.zeros(FRAME, np.int16)


def listen(
    bands: range, seconds: float, *, loss: float = 0.0, repair: str = "none", seed: int = 1
) -> list[SequenceReport]:
    """Boxes that do not start together speak through Opus into one mix; each report is one box's.

    ``repair``: what becomes of a lost packet: "none" is a hole, "conceal" and "fec" ask libopus.
    """
    rng = random.Random(seed)
    encoders = [Encoder() for _ in bands]
    decoders = [Decoder() for _ in bands]
    mixer, detector = Mixer(), Detector(bands)

    def send(which: int, n: int) -> tuple[bytes, bool]:
        first = n * FRAME + which * 7_001
        return encoders[which].encode(generate(bands[which], first, FRAME)), rng.random() >= loss

    coming = [send(which, 0) for which in range(len(bands))]
    for n in range(int(seconds * 50)):
        frames = []
        for which, decoder in enumerate(decoders):
            packet, arrived = coming[which]
            coming[which] = send(which, n + 1)
            successor, successor_arrived = coming[which]
            if arrived:
                frames.append(decoder.decode(packet))
            elif repair == "fec" and successor_arrived:
                frames.append(decoder.recover(successor))
            else:
                frames.append(QUIET if repair == "none" else decoder.conceal())
        detector.feed(mixer.mix(frames))
    return [detector.report(band) for band in bands]


@pytest.mark.parametrize("boxes", [1, 3, 8])
def test_without_loss_every_box_in_the_mix_is_recovered(boxes: int) -> None:
    for report in listen(range(boxes), 8):
        assert report.delivered >= 0.995
        assert report.expected >= 8 * 50 - 8


def test_a_hole_for_every_lost_packet_is_reported_as_about_the_loss() -> None:
    (report,) = listen(range(1), 30, loss=0.05)
    assert 0.03 <= 1 - report.delivered <= 0.08


def test_concealment_does_not_count() -> None:
    (report,) = listen(range(1), 30, loss=0.10, repair="conceal")
    assert 0.08 <= 1 - report.delivered <= 0.16


def test_what_fec_brought_back_counts() -> None:
    (report,) = listen(range(1), 30, loss=0.05, repair="fec")
    assert report.delivered >= 0.975


def test_a_stream_that_is_only_concealed_after_its_start_ends_there() -> None:
    encoder, decoder, detector = Encoder(), Decoder(), Detector()
    for n in range(100):
        detector.feed(decoder.decode(encoder.encode(generate(0, n * FRAME, FRAME))))
    for _ in range(200):
        detector.feed(decoder.conceal())
    report = detector.report(0)
    assert 97 <= report.expected <= 101
    assert report.recorded == pytest.approx(6.0)


def test_silence_noise_and_another_box_are_nothing() -> None:
    rng = np.random.default_rng(1)
    silent, noisy, other = Detector(), Detector(), Detector()
    for n in range(500):
        silent.feed(QUIET)
        noisy.feed(rng.normal(0, 3000, FRAME).astype(np.int16))
        other.feed(generate(3, n * FRAME, FRAME))
    for detector, band in ((silent, 0), (noisy, 0), (other, 2), (other, 4)):
        assert detector.report(band) == SequenceReport(0, 0, 0.0, 0.0, 10.0)


def test_repeated_frames_do_not_count() -> None:
    detector = Detector()
    for n in range(500):
        detector.feed(generate(0, (n if n % 10 else n - 1) * FRAME, FRAME))
    assert detector.report(0).delivered == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("shift", [-FRAME, FRAME, -333, 1234])
def test_sound_that_was_left_out_or_put_in_shifts_no_more_than_itself(shift: int) -> None:
    whole = generate(1, 0, 20 * limits.SOUND_RATE)
    at = 10 * limits.SOUND_RATE
    gap = np.zeros(max(shift, 0), np.int16)
    detector = Detector()
    for part in np.array_split(np.concatenate([whole[:at], gap, whole[at + max(-shift, 0) :]]), 997):
        detector.feed(part)
    report = detector.report(1)
    assert report.expected == pytest.approx(1000, abs=2)
    assert report.expected - report.recovered <= 3


def test_a_quieter_or_louder_path_changes_nothing() -> None:
    for gain in (0.1, 2.0):
        detector = Detector()
        for n in range(300):
            detector.feed((generate(5, n * FRAME, FRAME) * gain).astype(np.int16))
        assert detector.report(5).delivered == 1.0


def test_only_the_last_two_minutes_are_kept() -> None:
    detector = Detector([6])
    for n in range(130):
        detector.feed(generate(6, n * limits.SOUND_RATE, limits.SOUND_RATE))
    report = detector.report(6)
    assert report.recorded == limits.SEQUENCE_SECONDS
    assert report.delivered == 1.0
    assert report.seconds == pytest.approx(limits.SEQUENCE_SECONDS, abs=0.1)


def test_eight_boxes_together_do_not_clip() -> None:
    assert AMPLITUDE * BANDS < 32768
    total = sum(generate(band, 0, 96_000).astype(np.int32) for band in range(BANDS))
    assert np.abs(total).max() < 32768


def test_the_sequence_is_the_same_however_it_is_cut() -> None:
    whole = generate(2, 12_345, 20_000)
    parts = [generate(2, 12_345 + at, 500) for at in range(0, 20_000, 500)]
    assert np.array_equal(whole, np.concatenate(parts))


def test_it_never_clicks() -> None:
    wave = generate(7, 0, 480_000).astype(np.int32)
    steepest = 2 * np.pi * 3_800 / limits.SOUND_RATE * AMPLITUDE
    assert np.abs(np.diff(wave)).max() <= steepest * 1.01


def test_eight_symbols_tell_the_place_and_no_symbol_follows_itself() -> None:
    symbols = sequence._symbol_at(np.arange(2 * sequence._PERIOD))
    assert (np.diff(symbols) != 0).all()
    windows = {tuple(np.diff(symbols[at : at + 8]) % 4) for at in range(sequence._PERIOD)}
    assert len(windows) == sequence._PERIOD
    assert sequence._PERIOD * SYMBOL / limits.SOUND_RATE > 14
