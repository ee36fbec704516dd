"""The time code: milliseconds of a clock as black and white cells in a picture.

A box that measures draws the capture time into its test picture; whoever sees the picture, after
encoding, a network, decoding and scaling, reads it back and knows how old the picture is.

The band is one row of cells at the top centre, from 10 % to 90 % of the width and from 4 % to 10 %
of the height, in neutral grey (no chroma). From left to right::

    white black | 32 bits of milliseconds, highest first | 8 bits of CRC | black white

White is a one. The outer four cells also tell the reader what black and white look like here. The
reader looks at a few pixels around each cell's centre only, so it costs the same at every size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import itemgetter

MS_BITS = 32  # wraps after 49.7 days; ``age_ms`` counts across the wrap
CRC_BITS = 8
CRC_POLYNOMIAL = 0x2F  # Hamming distance 4 up to 119 bits (CRC-8-AUTOSAR)
CRC_START = 0xFF
START = (1, 0)
STOP = (0, 1)
CELLS = len(START) + MS_BITS + CRC_BITS + len(STOP)

LEFT, RIGHT = 0.10, 0.90  # of the width
TOP, BOTTOM = 0.04, 0.10  # of the height

WHITE, BLACK = 235, 16  # luma, limited range
CONTRAST_MIN = 60.0  # between the outer cells' white and black; less is no band
MARGIN = 0.12  # of the contrast around the threshold: a cell in there is neither black nor white

Rgb = bytes | bytearray | memoryview


def crc8(value: int) -> int:
    """Return the CRC-8 of the 32 bits of ``value``, highest bit first."""
    crc = CRC_START
    for shift in (24, 16, 8, 0):
        crc = _CRC_TABLE[crc ^ (value >> shift & 0xFF)]
    return crc


def _crc_table() -> Iterator[int]:
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc << 1 ^ CRC_POLYNOMIAL) & 0xFF if crc & 0x80 else crc << 1
        yield crc


_CRC_TABLE = tuple(_crc_table())


def cells(ms: int) -> tuple[int, ...]:
    """Return the band's cells for a time in milliseconds (taken modulo 2**32): 1 white, 0 black."""
    ms &= (1 << MS_BITS) - 1
    word = ms << CRC_BITS | crc8(ms)
    top = MS_BITS + CRC_BITS - 1
    return START + tuple(word >> top - index & 1 for index in range(top + 1)) + STOP


def band(width: int, height: int) -> tuple[int, int, int, int]:
    """Return the band's (left, top, right, bottom) in pixels, even numbers so that chroma fits."""
    return (
        int(width * LEFT) & ~1,
        int(height * TOP) & ~1,
        round(width * RIGHT) + 1 & ~1,
        round(height * BOTTOM) + 1 & ~1,
    )


def row(width: int, ms: int) -> bytes:
    """Return one row of the band's luma: the pixels from the band's left to its right edge."""
    left, _, right, _ = band(width, width)
    span = right - left
    edges = [round(index * span / CELLS) for index in range(CELLS + 1)]
    return b"".join(
        bytes((WHITE if bit else BLACK,)) * (edges[index + 1] - edges[index])
        for index, bit in enumerate(cells(ms))
    )


def draw_luma(plane: memoryview, stride: int, width: int, height: int, ms: int) -> None:
    """Draw the band into a luma plane of ``height`` rows of ``stride`` bytes, ``width`` of them visible.

    The chroma under the band should be neutral (128) for the reader's sake.
    """
    left, top, _, bottom = band(width, height)
    pixels = row(width, ms)
    for start in range(top * stride + left, bottom * stride + left, stride):
        plane[start : start + len(pixels)] = pixels


SAMPLES = 6  # pixels looked at in a cell: two columns around its centre, in three rows


@lru_cache(maxsize=64)
def _sampler(width: int, height: int, row: int) -> Callable[[Rgb], tuple[int, ...]]:
    """Return what picks the green bytes of every cell's samples, cell by cell."""
    left, right = width * LEFT, width * RIGHT
    top, bottom = height * TOP, height * BOTTOM
    rows = [int(top + (bottom - top) * part) for part in (0.35, 0.5, 0.65)]
    pitch = (right - left) / CELLS
    offsets = []
    for cell in range(CELLS):
        centre = left + (cell + 0.5) * pitch
        for x in (int(centre - 0.5), int(centre)):
            offsets += [y * row + x * 3 + 1 for y in rows]
    return itemgetter(*offsets)


def read_rgb(rgb: Rgb, width: int, height: int, pitch: int = 0) -> int | None:
    """Return the milliseconds (modulo 2**32) drawn in an RGB picture, or None if there are none.

    ``rgb``: rows of ``pitch`` bytes, of ``width * 3`` for 0. A band that is missing, washed out or
    damaged is None.
    """
    row = pitch or width * 3
    if width < CELLS or height < 40 or row < width * 3 or len(rgb) < row * height:
        return None
    samples = _sampler(width, height, row)(rgb)
    levels = [sum(samples[at : at + SAMPLES]) for at in range(0, CELLS * SAMPLES, SAMPLES)]
    white = (levels[0] + levels[-1]) / 2
    black = (levels[1] + levels[-2]) / 2
    contrast = white - black
    if contrast < CONTRAST_MIN * SAMPLES:
        return None
    threshold, margin = (white + black) / 2, contrast * MARGIN
    high, low = threshold + margin, threshold - margin
    if min(levels[0], levels[-1]) < high or max(levels[1], levels[-2]) > low:
        return None
    word = 0
    for level in levels[len(START) : -len(STOP)]:
        if level > high:
            word = word << 1 | 1
        elif level < low:
            word <<= 1
        else:
            return None
    ms, crc = word >> CRC_BITS, word & (1 << CRC_BITS) - 1
    return ms if crc8(ms) == crc else None


def age_ms(ms: int, now_ms: int) -> int:
    """Return how many milliseconds before ``now_ms`` the time code ``ms`` is, across the 32-bit wrap."""
    difference = now_ms - ms & (1 << MS_BITS) - 1
    return difference - (1 << MS_BITS) if difference >> (MS_BITS - 1) else difference
