"""The colour bars of vivid's test picture, found on a screen."""

from __future__ import annotations

import numpy as np
from image import bars
from image.emulator.screen import Pixels

from appliance.core.grid import Rect

COLORS = (
    (191, 191, 191),
    (191, 191, 0),
    (0, 191, 191),
    (0, 191, 0),
    (191, 0, 191),
    (191, 0, 0),
    (0, 0, 191),
    (0, 0, 0),
)


def screen() -> Pixels:
    return np.full((480, 800, 3), (14, 17, 22), np.uint8)


def draw(pixels: Pixels, rect: Rect, *, mirrored: bool = False, noise: int = 0) -> None:
    """A camera's picture at ``rect``: the bars, with writing over them as vivid does it."""
    colors = np.array(COLORS[::-1] if mirrored else COLORS)
    row = colors[np.arange(rect.w) * 8 // rect.w]
    picture = np.repeat(row[None], rect.h, axis=0)
    picture[4:20, 4 : rect.w // 2 : 3] = 255
    if noise:
        picture = picture + np.random.default_rng(5).integers(-noise, noise + 1, picture.shape)
    pixels[rect.y : rect.bottom, rect.x : rect.right] = np.clip(picture, 0, 255)


def test_bars_are_found_where_they_are() -> None:
    pixels = screen()
    draw(pixels, Rect(40, 100, 320, 180))
    (found,) = bars.pictures(pixels)
    assert (found.x, found.right) == (80, 320)  # without the white and the black one
    assert 100 <= found.y <= 121
    assert found.bottom == 280


def test_two_tiles_are_told_apart_the_left_one_first() -> None:
    pixels = screen()
    draw(pixels, Rect(420, 100, 320, 180))
    draw(pixels, Rect(40, 100, 320, 180))
    assert [found.x for found in bars.pictures(pixels)] == [80, 460]


def test_two_tiles_are_told_apart_the_upper_one_first() -> None:
    """So they stand on a small screen, with a gap of a few pixels and the other's name over its bars."""
    pixels = screen()
    draw(pixels, Rect(186, 255, 428, 214))
    draw(pixels, Rect(186, 32, 428, 214))
    pixels[214:238, 195:262] = (30, 33, 38)
    upper, lower = bars.pictures(pixels)
    assert upper.bottom == 246
    assert lower.y == 255
    assert lower.bottom == 469


def test_colours_that_a_codec_changed() -> None:
    pixels = screen()
    draw(pixels, Rect(40, 100, 320, 180), noise=24)
    (found,) = bars.pictures(pixels)
    assert abs(found.x - 80) <= bars.EDGE_MAX


def test_other_things_are_no_bars() -> None:
    pixels = screen()
    assert bars.pictures(pixels) == []
    draw(pixels, Rect(40, 100, 320, 180), mirrored=True)
    assert bars.pictures(pixels) == []
    pixels = screen()
    draw(pixels, Rect(40, 100, 320, 10))  # too flat
    assert bars.pictures(pixels) == []


def test_the_share_of_one_colour() -> None:
    pixels = screen()
    tile = Rect(40, 100, 320, 180)
    pixels[tile.y : tile.bottom, tile.x : tile.right] = (228, 8, 3)
    assert bars.share(pixels, tile, "red") == 1.0
    draw(pixels, tile)
    assert 0.1 < bars.share(pixels, tile, "red") < 0.15
