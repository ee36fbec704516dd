"""What 50 frames a second, of everybody, cost besides the coding."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest

from appliance.core import limits
from appliance.media.audio.opus import Decoder, Encoder

TONE = (8000 * np.sin(np.arange(limits.SOUND_FRAME) / 10)).astype(np.int16)


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_no_frame_waits_for_the_garbage_collector(no_collection: None) -> None:
    """A picture's memory is torn to pieces by a second of sound that lies about in it."""
    encoder, decoder = Encoder(), Decoder()
    gc.collect()
    for _ in range(50):
        decoder.decode(encoder.encode(TONE))
        decoder.conceal()
    assert gc.collect() == 0


def test_a_frame_belongs_to_who_asked_for_it() -> None:
    encoder, decoder = Encoder(), Decoder()
    for _ in range(5):
        first = decoder.decode(encoder.encode(TONE))
    before = first.copy()
    silence = decoder.decode(b"\x01" * 3)
    assert np.array_equal(first, before)
    assert not np.array_equal(first, silence)


def test_samples_that_are_no_block_of_memory_are_encoded_as_they_are() -> None:
    stereo = np.stack([TONE, -TONE], axis=1)
    one, other = Encoder(), Encoder()
    for _ in range(3):
        assert one.encode(stereo[:, 0]) == other.encode(TONE)
