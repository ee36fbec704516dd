"""The self-view goes through shared memory whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from appliance.core.limits import SELF_VIEW_MAX_PIXELS
from appliance.media.selfview import SelfViewReader, SelfViewWriter, create_memory, fit_self_view
from appliance.media.wire import SelfView


@pytest.fixture
def ends() -> Iterator[tuple[SelfViewWriter, SelfViewReader]]:
    fd = create_memory()
    reader = SelfViewReader(fd)
    writer = SelfViewWriter(fd)
    yield writer, reader
    writer.close()
    reader.close()


def write(writer: SelfViewWriter, value: int, width: int = 4, height: int = 3) -> SelfView:
    return writer.write(memoryview(bytes((value,)) * (width * height * 3)), width * 3, width, height, 7)


def test_a_picture_arrives_whole(ends) -> None:
    writer, reader = ends
    rgb = os.urandom(320 * 180 * 3)
    announced = writer.write(memoryview(rgb), 320 * 3, 320, 180, 123)
    assert reader.read(announced) == rgb
    assert (announced.width, announced.height, announced.captured_ns) == (320, 180, 123)


def test_padding_between_rows_is_left_out(ends) -> None:
    writer, reader = ends
    padded = b"".join(bytes((row,)) * 9 + b"pad" for row in range(3))
    assert reader.read(writer.write(memoryview(padded), 12, 3, 3, 0)) == b"".join(
        bytes((row,)) * 9 for row in range(3)
    )


def test_the_picture_before_is_still_there(ends) -> None:
    writer, reader = ends
    first = write(writer, 1)
    second = write(writer, 2)
    assert reader.read(first) == bytes((1,)) * 36
    assert reader.read(second) == bytes((2,)) * 36


def test_a_picture_that_was_written_over_is_not_given_out(ends) -> None:
    writer, reader = ends
    first = write(writer, 1)
    write(writer, 2)
    write(writer, 3)
    assert reader.read(first) is None


def test_a_slot_that_is_being_written_is_not_given_out(ends) -> None:
    writer, reader = ends
    announced = write(writer, 1)
    at = announced.slot * (len(writer._map) // 2)
    writer._map[at : at + 4] = (announced.sequence - 1).to_bytes(4, "little")
    assert reader.read(announced) is None


@pytest.mark.parametrize(
    "forged", [SelfView(2, 2, 4, 3, 0), SelfView(0, 0, 0, 0, 0), SelfView(0, 0, 65535, 65535, 0)]
)
def test_an_announcement_out_of_bounds_is_not_followed(ends, forged: SelfView) -> None:
    assert ends[1].read(forged) is None


def test_the_largest_picture_fits_and_a_larger_one_is_reduced(ends) -> None:
    writer, reader = ends
    width, height = 1920, 1080
    assert width * height == SELF_VIEW_MAX_PIXELS
    rgb = bytes(width * height * 3)
    for _ in range(2):
        assert reader.read(writer.write(memoryview(rgb), width * 3, width, height, 0)) == rgb
    reduced = fit_self_view(3840, 2160)
    assert reduced == (1920, 1080)
    assert fit_self_view(400, 225) == (400, 225)
    assert fit_self_view(0, 0) is None
