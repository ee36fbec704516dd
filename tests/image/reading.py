"""Words on an emulated screen, recognised: they are drawn as the product draws them, and looked for.

The first word of a sentence is looked for everywhere, in every size of type (by normalized cross-correlation,
so colours do not matter); from there the sentence is followed word by word, to the right or to the next line.
Where lines break and where on the screen they are is not asked. ::

    reader = Reader((800, 480))
    reader.place(picture, "Join")                          # where it stands, or None
    reader.says(picture, "No network. Plug in a network cable.")

It is exact: typefaces, their versions and the scale of the screen must be those of the box.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pygame
from image.emulator.screen import Pixels
from numpy.typing import NDArray

from appliance.core.grid import Rect
from appliance.display import theme
from appliance.display.fonts import Fonts
from appliance.display.text import Typesetter, line_height

ALIKE = 0.95  # the correlation from which on it is the same; "table" and "cable" have less
INK_LEAST = 10.0  # standard deviation of a place with writing on it, in steps of 255
INK = 40  # of 255: less is no part of a letter
PLACES_MAX = 200  # of one word on one screen
WHITE = (255, 255, 255)

Field = NDArray[np.float32]
Style = tuple[int, bool]  # pixels of the em, bold


@dataclass(frozen=True, slots=True)
class Drawing:
    """How words look. ``left``, ``top``: where their ink is in the cell of their line."""

    ink: Field
    left: int
    top: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a line begins on the screen: the left upper corner of its cell."""

    x: int
    y: int


class Reader:
    """Reads screens of one size, in all sizes of type that the product has; those that it met first."""

    def __init__(self, size: tuple[int, int]) -> None:
        pygame.font.init()
        look = theme.Theme(size)
        self._typesetter = Typesetter(Fonts())
        least, most = look.font_px(theme.NOTE), look.font_px(theme.DISPLAY)
        self._styles: list[Style] = [(px, bold) for px in range(least, most + 1) for bold in (False, True)]
        self._drawn: dict[tuple[str, Style], Drawing | None] = {}

    def close(self) -> None:
        """Let go of the fonts."""
        self._typesetter.close()

    def place(self, picture: Pixels, words: str) -> Rect | None:
        """Where these words stand, beginning a line, in any size; the largest, when they do in several."""
        page = Page(picture)
        for style in sorted(self._styles, reverse=True):
            drawing = self._drawing(words, style)
            spots = page.places(drawing) if drawing is not None else []
            if spots:
                wide = self._typesetter.width(words, *style)
                return Rect(spots[0].x, spots[0].y, wide, round(style[0] * 1.5))
        return None

    def says(self, picture: Pixels, sentence: str) -> bool:
        """Does the sentence stand on the screen, whole?"""
        return not self.unread(picture, sentence)

    def unread(self, picture: Pixels, sentence: str) -> list[str]:
        """What is left of a sentence after its longest beginning that is on the screen, as words."""
        words = sentence.split()
        page = Page(picture)
        least = words
        for style in list(self._styles):
            first = self._drawing(words[0], style)
            for spot in page.places(first) if first is not None else ():
                left = self._followed(page, words, style, spot)
                if len(left) < len(least):
                    least = left
                if not left:
                    self._styles.remove(style)
                    self._styles.insert(0, style)
                    return []
        return least

    def _followed(self, page: Page, words: list[str], style: Style, spot: Spot) -> list[str]:
        """Read on from where the first word stands; return the words that are not there."""
        line = [words[0]]
        left = words[1:]
        while left:
            if self._goes_on(page, line, left[0], style, spot):
                line.append(left.pop(0))
                continue
            below = self._next_line(page, left[0], style, spot)
            if below is None:
                return left
            spot, line = below, [left.pop(0)]
        return []

    def _goes_on(self, page: Page, line: list[str], word: str, style: Style, spot: Spot) -> bool:
        """Is the line that begins at ``spot`` still right with one word more? Looked at is that word."""
        drawing = self._drawing(" ".join([*line, word]), style)
        if drawing is None:
            return False
        before = self._typesetter.width(" ".join(line), *style) - drawing.left
        part = Drawing(drawing.ink[:, before:], drawing.left + before, drawing.top)
        return page.alike(part, spot) >= ALIKE

    def _next_line(self, page: Page, word: str, style: Style, spot: Spot) -> Spot | None:
        """Where the next line begins with this word: below, at the left edge or centred."""
        drawing = self._drawing(word, style)
        if drawing is None:
            return None
        y = spot.y + line_height(style[0])
        if page.alike(drawing, Spot(spot.x, y)) >= ALIKE:
            return Spot(spot.x, y)
        return next((found for found in page.places(drawing) if found.y == y), None)

    def _drawing(self, words: str, style: Style) -> Drawing | None:
        key = words, style
        if key not in self._drawn:
            self._drawn[key] = _drawing(self._typesetter.line(words, *style, WHITE))
        return self._drawn[key]


def _drawing(line: pygame.Surface) -> Drawing | None:
    alpha = pygame.surfarray.array_alpha(line).T.astype(np.float32)
    rows, columns = np.flatnonzero(alpha.max(axis=1) > INK), np.flatnonzero(alpha.max(axis=0) > INK)
    if not rows.size:
        return None
    top, left = int(rows[0]), int(columns[0])
    ink = alpha[top : rows[-1] + 1, left : columns[-1] + 1]
    return Drawing(np.pad(ink, 1), left - 1, top - 1)


class Page:
    """One picture, prepared for looking for drawings in it."""

    def __init__(self, picture: Pixels) -> None:
        grey = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
        self._grey: Field = grey - np.float32(grey.mean())
        self._shape = tuple(_fast(side) for side in grey.shape)
        self._spectrum = np.fft.rfft2(self._grey, self._shape)
        self._sums = _integral(self._grey)
        self._squares = _integral(self._grey**2)

    def alike(self, drawing: Drawing, spot: Spot) -> float:
        """How much the drawing is like what is on the screen there, 0 to 1."""
        x, y = spot.x + drawing.left, spot.y + drawing.top
        high, wide = drawing.ink.shape
        if x < 0 or y < 0 or not wide:
            return 0.0
        there = self._grey[y : y + high, x : x + wide]
        if there.shape != drawing.ink.shape or there.std() < INK_LEAST:
            return 0.0
        ink = drawing.ink - drawing.ink.mean()
        there = there - there.mean()
        strength = float(np.sqrt((ink**2).sum() * (there**2).sum()))
        return abs(float((ink * there).sum())) / strength if strength else 0.0

    def places(self, drawing: Drawing) -> list[Spot]:
        """Everywhere it stands, the surest first."""
        high, wide = drawing.ink.shape
        rows, columns = self._grey.shape[0] - high + 1, self._grey.shape[1] - wide + 1
        if rows < 1 or columns < 1:
            return []
        ink = drawing.ink - drawing.ink.mean()
        spectrum = np.fft.rfft2(ink[::-1, ::-1], self._shape)
        product = np.fft.irfft2(self._spectrum * spectrum, self._shape)
        product = np.abs(product[high - 1 : high - 1 + rows, wide - 1 : wide - 1 + columns])
        count = high * wide
        spread = _windows(self._squares, high, wide) - _windows(self._sums, high, wide) ** 2 / count
        spread[spread < count * INK_LEAST**2] = np.inf
        alike = product / np.sqrt(spread * float((ink**2).sum()))
        candidates = np.argwhere(alike >= ALIKE - 0.01)  # sums of single precision are not exact
        surest = sorted(candidates.tolist(), key=lambda at: -alike[at[0], at[1]])
        return list(_apart(surest, drawing))[:PLACES_MAX]


def _apart(candidates: list[list[int]], drawing: Drawing) -> Iterator[Spot]:
    """Those that are not next to a surer one."""
    taken: set[tuple[int, int]] = set()
    for y, x in candidates:
        if (y, x) not in taken:
            taken.update((y + dy, x + dx) for dy in range(-2, 3) for dx in range(-2, 3))
            yield Spot(x - drawing.left, y - drawing.top)


def _integral(field: Field) -> NDArray[np.float64]:
    return np.pad(field.astype(np.float64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)


def _windows(integral: NDArray[np.float64], high: int, wide: int) -> NDArray[np.float64]:
    """The sum of every window of a size."""
    return (
        integral[high:, wide:] - integral[:-high, wide:] - integral[high:, :-wide] + integral[:-high, :-wide]
    )


@lru_cache(maxsize=64)
def _fast(side: int) -> int:
    """The next size that a Fourier transform likes: factors of 2, 3 and 5 alone."""
    while True:
        rest = side
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return side
        side += 1
