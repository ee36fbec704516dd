"""Where the tiles go: rectangles, and the arrangements of 1 to 16 tiles that show most of everybody.

Two families of arrangements compete. *Justified*: every row is as wide as the area; a row with one
tile fewer has larger tiles, and stands above. *Equal*: all tiles have one size, a row may have one tile
fewer, stands below and is centred. A picture covers its whole tile, so a tile narrower or wider than the
picture cuts some of it away: an arrangement is judged by how large each picture appears, less what is cut.

With one *large* tile the others stand in a strip at its right or below it. The strip takes the room
that the large picture can't use, and more only until its own tiles can be made out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple


class Rect(NamedTuple):
    """A rectangle in pixels; ``right`` and ``bottom`` are the first column and row outside."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        return self.x + self.w

    @property
    def bottom(self) -> int:
        return self.y + self.h

    @property
    def center(self) -> tuple[float, float]:
        return self.x + self.w / 2, self.y + self.h / 2

    def holds(self, x: float, y: float) -> bool:
        """Say whether a point is inside."""
        return self.x <= x < self.right and self.y <= y < self.bottom

    def contains(self, other: Rect) -> bool:
        """Say whether ``other`` lies inside as a whole."""
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def overlaps(self, other: Rect) -> bool:
        """Say whether the two share a pixel."""
        return (
            self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom
        )

    def without(self, hole: Rect) -> tuple[Rect, ...]:
        """What is left of it outside of ``hole``: at most four rectangles that share no pixel."""
        if not self.overlaps(hole):
            return (self,)
        top, bottom = max(self.y, hole.y), min(self.bottom, hole.bottom)
        left, right = max(self.x, hole.x), min(self.right, hole.right)
        around = (
            Rect(self.x, self.y, self.w, top - self.y),
            Rect(self.x, top, left - self.x, bottom - top),
            Rect(right, top, self.right - right, bottom - top),
            Rect(self.x, bottom, self.w, self.bottom - bottom),
        )
        return tuple(rect for rect in around if rect.w > 0 and rect.h > 0)

    def grown(self, by: int) -> Rect:
        """The rectangle with ``by`` pixels more on every side (fewer, when negative)."""
        return Rect(self.x - by, self.y - by, max(0, self.w + 2 * by), max(0, self.h + 2 * by))

    def common(self, other: Rect) -> Rect:
        """What the two share; empty (no width or no height) when they don't touch."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Rect(x, y, max(0, right - x), max(0, bottom - y))


PICTURE_ASPECT = 16 / 9  # of every camera layer
NARROWEST = 1.5  # width / height of a tile: 16 % of the picture's sides are cut, people sit in the middle
WIDEST = 2.0  # 11 % is cut, above and below
UNTIDY = 0.08  # times the share of a row that is gaps: a tidy grid wins when sizes are close
ROWS_MAX = 8  # rows of two on a portrait screen, with 16 tiles
STRIP_SMALLEST = 0.14  # side of a strip's picture / side of the area, both as square roots: a face is known


def arrange(count: int, area: Rect, gap: int, *, aspect: float = PICTURE_ASPECT) -> tuple[Rect, ...]:
    """Return one tile per picture inside ``area``, row by row, ``gap`` pixels apart.

    ``aspect`` is width / height of the pictures. Sides are even numbers of pixels, which is what
    the scaler likes. Raises ValueError for a count below 1.
    """
    if count < 1:
        raise ValueError("a grid has at least one tile")
    return _arranged(count, area, gap, aspect)


def arrange_speaker(count: int, area: Rect, gap: int, *, aspect: float = PICTURE_ASPECT) -> tuple[Rect, ...]:
    """Return the large tile, then the strip's row by row, all inside ``area``, ``gap`` pixels apart.

    The strip is at the right or below, whichever makes the large picture larger; on a tie, whichever
    makes the strip's larger. Sides are even numbers of pixels. Raises ValueError for a count below 1.
    """
    if count < 2:
        return arrange(count, area, gap, aspect=aspect)
    return _speaker(count - 1, area, gap, aspect)


def covering(tile: Rect, aspect: float = PICTURE_ASPECT) -> tuple[int, int]:
    """Return the smallest picture of that aspect, in even pixels, that covers the whole tile.

    The picture is asked for at this size and what stands over is cut in drawing, so that nothing is
    ever stretched and a picture is scaled once.
    """
    if tile.w < tile.h * aspect:
        return _even_above(tile.h * aspect), _even_above(tile.h)
    return _even_above(tile.w), _even_above(tile.w / aspect)


@lru_cache(maxsize=64)
def _arranged(count: int, area: Rect, gap: int, aspect: float) -> tuple[Rect, ...]:
    best: tuple[float, tuple[Rect, ...]] | None = None
    for rows in _justified(count):
        tiles = _place(rows, rows, area, gap)
        if best is None or _value(tiles, aspect) > best[0] + 1e-6:
            best = _value(tiles, aspect), tiles
    for lines in range(1, count + 1):
        short, longer = divmod(count, lines)
        rows = (short + 1,) * longer + (short,) * (lines - longer)
        columns = rows[0]
        tiles = _place(rows, (columns,) * lines, area, gap)
        value = _value(tiles, aspect) * (1 - UNTIDY * (columns - short) / columns)
        if best is None or value > best[0] + 1e-6:
            best = value, tiles
    assert best is not None
    return best[1]


@lru_cache(maxsize=64)
def _speaker(count: int, area: Rect, gap: int, aspect: float) -> tuple[Rect, ...]:
    smallest = STRIP_SMALLEST * math.sqrt(area.w * area.h * aspect)  # width of a tile in the strip
    plans = list(_strips(count, area, gap, aspect, smallest)) or list(_strips(count, area, gap, aspect, 0.0))
    plans = [plan for plan in plans if all(tile.w and tile.h for tile in plan)]
    if not plans:  # no room for so many
        return (Rect(area.x, area.y, 0, 0),) * (count + 1)
    # Rounded: a pixel lost to even numbers is no reason to prefer another side.
    return max(plans, key=lambda tiles: (round(_value(tiles[:1], aspect)), round(_value(tiles[1:], aspect))))


def _strips(count: int, area: Rect, gap: int, aspect: float, smallest: float) -> Iterator[tuple[Rect, ...]]:
    """The arrangements in which the ``count`` pictures of the strip are at least ``smallest`` wide."""
    for lines in range(1, count + 1):
        per_line = math.ceil(count / lines)
        thick = _thickness(area.h, area.w, lines, per_line, gap, aspect, smallest)
        if thick is not None:
            strip = Rect(area.right - thick, area.y, thick, area.h)
            rest = Rect(area.x, area.y, area.w - thick - gap, area.h)
            yield _beside(rest, strip, count, lines, area, gap)
        thick = _thickness(area.w, area.h, lines, per_line, gap, 1 / aspect, smallest / aspect)
        if thick is not None:
            strip = Rect(area.x, area.bottom - thick, area.w, thick)
            rest = Rect(area.x, area.y, area.w, area.h - thick - gap)
            yield _beside(rest, strip, count, per_line, area, gap)


def _thickness(
    length: int, depth: int, lines: int, per_line: int, gap: int, ratio: float, smallest: float
) -> int | None:
    """How thick a strip is that runs along a side of ``length`` pixels in an area ``depth`` pixels deep.

    It has ``lines`` lines of ``per_line`` tiles. ``ratio``: a picture's extent across the strip / along
    it; ``smallest``: that extent in pixels at the least. None when so many tiles don't fit in a line.
    """
    largest = (length - gap * (per_line - 1)) / per_line * ratio
    if largest < smallest:
        return None
    between = gap * (lines - 1)
    useless = depth - gap - length * ratio  # too far from the large picture's other side for it to reach
    return int(min(max(useless, lines * smallest + between), lines * largest + between))


def _beside(rest: Rect, strip: Rect, count: int, columns: int, area: Rect, gap: int) -> tuple[Rect, ...]:
    """The large tile in ``rest``, ``count`` others in ``strip``; moved together, then to the middle."""
    full, last = divmod(count, columns)
    rows = (columns,) * full + ((last,) if last else ())
    (large,) = _place((1,), (1,), rest, gap)
    others = _place(rows, (columns,) * len(rows), strip, gap)
    if strip.w < area.w:
        near, far = min(tile.x for tile in others), max(tile.right for tile in others)
        x = area.x + (area.w - large.w - gap - far + near) // 2
        shift = x + large.w + gap - near
        return large._replace(x=x), *(tile._replace(x=tile.x + shift) for tile in others)
    near, far = others[0].y, others[-1].bottom
    y = area.y + (area.h - large.h - gap - far + near) // 2
    shift = y + large.h + gap - near
    return large._replace(y=y), *(tile._replace(y=tile.y + shift) for tile in others)


def _justified(count: int) -> Iterator[tuple[int, ...]]:
    """Rows of 2 or more whose lengths differ by one at most, the shorter ones first."""
    for rows in range(1, ROWS_MAX + 1):
        short, longer = divmod(count, rows)
        if short >= 2:
            yield (short,) * (rows - longer) + (short + 1,) * longer


def _place(rows: tuple[int, ...], columns: tuple[int, ...], area: Rect, gap: int) -> tuple[Rect, ...]:
    """Place rows of ``rows[k]`` tiles, each row's tiles as large as if it had ``columns[k]``."""
    height = area.h - gap * (len(rows) - 1)
    widths = [(area.w - gap * (n - 1)) / n for n in columns]
    if height <= 0 or min(widths) <= 0:
        return tuple(Rect(area.x, area.y, 0, 0) for n in rows for _ in range(n))
    aspect = min(max(sum(widths) / height, NARROWEST), WIDEST)
    shrink = min(1.0, height * aspect / sum(widths))  # rows that are too high together get narrower
    sizes = [(_even(w * shrink), _even(w * shrink / aspect)) for w in widths]
    y = area.y + (area.h - sum(h for _, h in sizes) - gap * (len(rows) - 1)) // 2
    tiles: list[Rect] = []
    for n, full, (w, h) in zip(rows, columns, sizes, strict=True):
        spare = area.w - (n * w + (n - 1) * gap)
        # A full row ends where the area ends: what was lost to even numbers goes between its tiles.
        spread = spare if n == full and shrink == 1.0 else 0
        x = area.x + (0 if spread else spare // 2)
        for i in range(n):
            shift = spread * i // (n - 1) if n > 1 else spread // 2
            tiles.append(Rect(x + i * (w + gap) + shift, y, w, h))
        y += h + gap
    return tuple(tiles)


def _even(value: float) -> int:
    return max(0, int(value) & ~1)


def _even_above(value: float) -> int:
    return max(2, math.ceil(value / 2 - 1e-9) * 2)


def _value(tiles: tuple[Rect, ...], aspect: float) -> float:
    """The pictures' apparent size, times their number: the geometric mean of their lengths (not areas).

    A large tile does not make up for a small one: everybody wants to be seen.
    """
    logs = 0.0
    for tile in tiles:
        if not (tile.w and tile.h):
            return 0.0
        cut = min(tile.w / tile.h, aspect) / max(tile.w / tile.h, aspect)
        logs += math.log(tile.w * tile.h * cut) / 2
    return len(tiles) * math.exp(logs / len(tiles)) if tiles else 0.0
