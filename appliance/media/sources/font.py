"""A small bitmap font, so that the test picture can show a name without a font library.

Each glyph is seven rows of five pixels, a row being a hexadecimal pair whose lowest five bits are
the pixels, the leftmost highest. Small letters are drawn as capitals, accents are dropped.
"""

from __future__ import annotations

import unicodedata

WIDTH, HEIGHT, ADVANCE = 5, 7, 6

_GLYPHS = {
    "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0e11101010110e", "D": "1c12111111121c",
    "E": "1f10101e10101f", "F": "1f10101e101010", "G": "0e11101711110f", "H": "1111111f111111",
    "I": "0e04040404040e", "J": "0702020202120c", "K": "11121418141211", "L": "1010101010101f",
    "M": "111b1515111111", "N": "11111915131111", "O": "0e11111111110e", "P": "1e11111e101010",
    "Q": "0e11111115120d", "R": "1e11111e141211", "S": "0f10100e01011e", "T": "1f040404040404",
    "U": "1111111111110e", "V": "11111111110a04", "W": "11111115151b11", "X": "11110a040a1111",
    "Y": "1111110a040404", "Z": "1f01020408101f", "0": "0e11131519110e", "1": "040c040404040e",
    "2": "0e11010204081f", "3": "1f02040201110e", "4": "02060a121f0202", "5": "1f101e0101110e",
    "6": "0608101e11110e", "7": "1f010204080808", "8": "0e11110e11110e", "9": "0e11110f01020c",
    " ": "00000000000000", "-": "0000001f000000", ".": "00000000000c0c", ":": "000c0c000c0c00",
    "_": "0000000000001f", "/": "00010204081000", "(": "02040808080402", ")": "08040202020408",
    "'": "0c040800000000", ",": "000000000c0408", "+": "0004041f040400", "#": "0a0a1f0a1f0a0a",
    "&": "0c12140815120d", "?": "0e110102040004",
}  # fmt: skip


def rows(text: str, scale: int) -> list[list[tuple[int, int]]]:
    """Return ``text`` as spans of ink: for each of the seven rows a list of (start, length) in pixels.

    ``scale``: pixels a side of one dot; every row is to be drawn ``scale`` times.
    """
    plain = unicodedata.normalize("NFKD", text).upper()
    glyphs = [
        bytes.fromhex(_GLYPHS.get(letter, _GLYPHS["?"]))
        for letter in plain
        if not unicodedata.combining(letter)
    ]
    result: list[list[tuple[int, int]]] = []
    for line in range(HEIGHT):
        spans: list[tuple[int, int]] = []
        for place, glyph in enumerate(glyphs):
            spans += [
                ((place * ADVANCE + column) * scale, scale)
                for column in range(WIDTH)
                if glyph[line] >> (WIDTH - 1 - column) & 1
            ]
        result.append(spans)
    return result


def text_width(text: str, scale: int) -> int:
    """Return how many pixels wide ``text`` is drawn."""
    letters = sum(1 for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return max(letters * ADVANCE - 1, 0) * scale
