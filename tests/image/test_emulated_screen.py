"""Dumps of an emulated screen, read and written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygame
import pytest
from image.emulator.screen import parse_ppm, save_png, share_of


def test_a_dump_is_rows_of_pixels() -> None:
    data = b"P6\n2 3\n255\n" + bytes(range(18))
    pixels = parse_ppm(data)
    assert pixels.shape == (3, 2, 3)
    assert pixels[0, 1].tolist() == [3, 4, 5]
    assert pixels[2, 0].tolist() == [12, 13, 14]


def test_comments_and_a_first_pixel_that_looks_like_white_space() -> None:
    pixels = parse_ppm(b"P6 # by hand\n1 1\n255\n" + b"\n\n\n")
    assert pixels.tolist() == [[[10, 10, 10]]]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P6",
        b"P6\n2 2\n255\n" + bytes(11),
        b"P5\n2 2\n255\n" + bytes(12),
        b"P6\n0 2\n255\n",
        b"P6\n99999 2\n255\n",
        b"P6\n-1 2\n255\n" + bytes(12),
        b"P6\n2 2\n65535\n" + bytes(24),
        b"P6 # never ends",
    ],
)
def test_what_is_no_whole_dump_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="PPM"):
        parse_ppm(data)


def test_pictures_are_kept_as_they_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    save_png(pixels, tmp_path / "kept.png")
    loaded = pygame.image.load(tmp_path / "kept.png")
    assert pygame.surfarray.array3d(loaded).swapaxes(0, 1).tolist() == pixels.tolist()


def test_the_share_of_a_colour() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0, :, :] = (57, 194, 167)
    assert share_of(pixels, (60, 190, 170)) == 0.25
    assert share_of(pixels, (60, 160, 170)) == 0.0
    assert share_of(pixels[:0], (0, 0, 0)) == 0.0
