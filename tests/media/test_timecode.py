"""The time code survives what a picture goes through, and nothing else passes for one."""

from __future__ import annotations

import random
import time
from fractions import Fraction

import av
import pytest
from av.video.reformatter import VideoReformatter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.core import timecode
from appliance.core.layers import Layer
from appliance.media.encoders.software import X264Encoder
from appliance.media.scale import Scaler
from appliance.media.sources.pattern import PatternSource
from appliance.media.sources.source import CapturedFrame

MILLISECONDS = st.integers(0, 2**32 - 1)
SIZES = ((240, 135), (320, 180), (426, 240), (640, 360), (853, 480), (1280, 720), (1920, 1080))
TO_RGB = VideoReformatter()


def rgb_of(frame: av.VideoFrame, width: int, height: int) -> bytes:
    """The picture as a tile of exactly this size."""
    rgb = TO_RGB.reformat(frame, width, height, "rgb24")
    plane = memoryview(rgb.planes[0])
    stride = rgb.planes[0].line_size
    return b"".join(bytes(plane[y * stride : y * stride + width * 3]) for y in range(height))


def drawn(width: int, height: int, ms: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, (90, 128, 128), strict=True):
        plane.update(bytes((value,)) * plane.buffer_size)
    timecode.draw_luma(memoryview(frame.planes[0]), frame.planes[0].line_size, width, height, ms)
    return frame


@given(MILLISECONDS)
def test_cells_carry_start_time_checksum_and_stop(ms: int) -> None:
    cells = timecode.cells(ms)
    assert len(cells) == timecode.CELLS == 44
    assert cells[:2] == (1, 0)
    assert cells[-2:] == (0, 1)
    assert int("".join(map(str, cells[2:34])), 2) == ms


def test_checksum_is_the_published_crc_8_autosar() -> None:
    crc = timecode.CRC_START
    for byte in b"123456789":
        crc = timecode._CRC_TABLE[crc ^ byte]
    assert crc ^ 0xFF == 0xDF


@given(MILLISECONDS, st.sampled_from(SIZES))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_drawn_time_is_read_at_every_size(ms: int, size: tuple[int, int]) -> None:
    assert timecode.read_rgb(rgb_of(drawn(*size, ms), *size), *size) == ms


@given(MILLISECONDS, st.sampled_from(SIZES))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_drawn_time_survives_scaling(ms: int, size: tuple[int, int]) -> None:
    assert timecode.read_rgb(rgb_of(drawn(640, 360, ms), *size), *size) == ms


@pytest.mark.parametrize("layer", [Layer.L, Layer.M])
def test_every_decoded_picture_of_the_test_source_tells_its_capture_time(layer: Layer) -> None:
    source = PatternSource("Room")
    source.want_size(640, 360)
    encoder, scaler = X264Encoder(layer), Scaler(layer.spec.width, layer.spec.height)
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.flags |= av.codec.context.Flags.low_delay
    source.read()
    artwork = source._artwork
    read = expected = 0
    for index in range(30):
        captured_ns = 123_456_789_000_000 + index * 1_000_000_000 // layer.spec.fps
        frame = scaler.scale(artwork.picture(captured_ns))
        for encoded in encoder.encode(frame, captured_ns, keyframe=False):
            for decoded in decoder.decode(av.Packet(encoded.data)):
                for size in ((240, 135), (852, 478), (1920, 1080)):
                    expected += 1
                    ms = timecode.read_rgb(rgb_of(decoded, *size), *size)
                    read += ms == captured_ns // 1_000_000
    assert expected >= 29 * 3
    assert read == expected


@given(MILLISECONDS, st.integers(0, timecode.CELLS - 1))
@settings(max_examples=60, deadline=None)
def test_a_damaged_cell_is_no_time(ms: int, cell: int) -> None:
    frame = drawn(320, 180, ms)
    left, top, right, bottom = timecode.band(320, 180)
    luma, stride = memoryview(frame.planes[0]), frame.planes[0].line_size
    start = left + round(cell * (right - left) / timecode.CELLS)
    stop = left + round((cell + 1) * (right - left) / timecode.CELLS)
    for y in range(top, bottom):
        for x in range(y * stride + start, y * stride + stop):
            luma[x] = 251 - luma[x]
    assert timecode.read_rgb(rgb_of(frame, 320, 180), 320, 180) is None


@given(MILLISECONDS, st.sets(st.integers(0, 39), min_size=2, max_size=3))
def test_up_to_three_wrong_bits_are_always_found(ms: int, wrong: set[int]) -> None:
    word = ms << 8 | timecode.crc8(ms)
    for bit in wrong:
        word ^= 1 << bit
    assert timecode.crc8(word >> 8) != word & 0xFF


@pytest.mark.parametrize("value", [0, 16, 128, 255])
def test_a_plain_picture_has_no_time(value: int) -> None:
    assert timecode.read_rgb(bytes((value,)) * (640 * 360 * 3), 640, 360) is None


@pytest.mark.parametrize("seed", range(20))
def test_noise_has_no_time(seed: int) -> None:
    noise = random.Random(seed).randbytes(320 * 180 * 3)
    assert timecode.read_rgb(noise, 320, 180) is None


def test_a_picture_that_is_too_small_or_cut_short_has_no_time() -> None:
    assert timecode.read_rgb(b"", 640, 360) is None
    assert timecode.read_rgb(bytes(30 * 20 * 3), 30, 20) is None


def test_age_counts_across_the_wrap_and_backwards() -> None:
    assert timecode.age_ms(2**32 - 10, 2**32 + 25) == 35
    assert timecode.age_ms(100, 2**32 * 3 + 140) == 40
    assert timecode.age_ms(140, 100) == -40


def test_reading_takes_under_40_microseconds() -> None:
    rgb = rgb_of(drawn(640, 360, 1234567), 640, 360)
    timecode.read_rgb(rgb, 640, 360)
    best = min(_timed(lambda: timecode.read_rgb(rgb, 640, 360)) for _ in range(200))
    assert best < 40e-6


def _timed(work) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def test_the_test_picture_and_its_time_code_are_of_the_same_instant() -> None:
    source = PatternSource("Room")
    source.want_size(320, 180)
    source.open()
    captured = source.read()
    assert isinstance(captured, CapturedFrame)
    ms = timecode.read_rgb(rgb_of(captured.frame, 320, 180), 320, 180)
    assert ms == captured.captured_ns // 1_000_000 % 2**32
    assert Fraction(captured.frame.width, captured.frame.height) == Fraction(16, 9)
