"""Pictures of an emulated screen: read from QEMU's dumps, compared, written as PNG.

A picture is an array of rows of pixels, each red, green and blue: shape (height, width, 3), uint8.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]

SIDE_MAX = 8192  # pixels: more is no screen


def parse_ppm(data: bytes) -> Pixels:
    """The picture in a binary PPM file, as QEMU's ``screendump`` writes it (netpbm's ppm(5)).

    Raises ValueError for anything else, or when it is cut short.
    """
    words: list[bytes] = []
    at = 0
    while len(words) < 4:
        while data[at : at + 1].isspace():
            at += 1
        if data[at : at + 1] == b"#":  # a comment, to the end of its line
            at = data.find(b"\n", at)
            if at < 0:
                raise ValueError("a PPM file that ends in a comment")
            continue
        end = at
        while end < len(data) and not data[end : end + 1].isspace():
            end += 1
        if end == at:
            raise ValueError("a PPM file without a whole header")
        words.append(data[at:end])
        at = end
    at += 1  # one white space, then the pixels
    kind, *numbers = words
    if kind != b"P6" or not all(number.isdigit() and len(number) < 6 for number in numbers):
        raise ValueError(f"not a binary PPM file: {data[:16]!r}")
    width, height, depth = map(int, numbers)
    if depth != 255 or not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise ValueError(f"a PPM file of {width}x{height} with {depth} steps")
    body = data[at : at + width * height * 3]
    if len(body) < width * height * 3:
        raise ValueError(f"a PPM file that ends after {len(body)} of {width * height * 3} bytes")
    return np.frombuffer(body, np.uint8).reshape(height, width, 3)


def save_png(pixels: Pixels, path: Path) -> None:
    """Write a picture as a PNG file (RFC 2083): 8 bits, RGB, no filters."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + width * 3), np.uint8)
    rows[:, 1:] = pixels.reshape(height, width * 3)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def share_of(pixels: Pixels, color: tuple[int, int, int], within: int = 12) -> float:
    """Which part of a picture, 0 to 1, has a colour, give or take ``within`` in each of its three values."""
    if not pixels.size:
        return 0.0
    away = np.abs(pixels.astype(np.int16) - np.array(color, np.int16)).max(axis=2)
    return float((away <= within).mean())
