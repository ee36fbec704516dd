"""Tiles fill the screen, show as much of everybody as can be, and never lie on each other."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.grid import (
    NARROWEST,
    PICTURE_ASPECT,
    STRIP_SMALLEST,
    WIDEST,
    Rect,
    arrange,
    arrange_speaker,
    covering,
)

AREA = Rect(27, 52, 1226, 530)  # between header and bar at 1280x720
areas = st.builds(
    Rect, st.integers(0, 200), st.integers(0, 200), st.integers(300, 4000), st.integers(300, 2400)
)
counts = st.integers(1, limits.PEERS_MAX + 1)


@given(counts, areas, st.integers(0, 24))
def test_every_tile_is_inside_and_none_lies_on_another(count: int, area: Rect, gap: int) -> None:
    tiles = arrange(count, area, gap)
    assert len(tiles) == count
    assert all(area.contains(tile) for tile in tiles)
    for a, b in itertools.combinations(tiles, 2):
        assert not a.grown(gap // 2).overlaps(b.grown(gap - gap // 2 - (gap > 0)))


@given(counts, areas, st.integers(0, 24))
def test_no_tile_cuts_more_of_a_picture_than_allowed(count: int, area: Rect, gap: int) -> None:
    for tile in arrange(count, area, gap):
        # Sides are even numbers, so a ratio is off by two pixels at most.
        assert (tile.w + 2) / tile.h >= NARROWEST
        assert tile.w / (tile.h + 2) <= WIDEST


@given(counts, areas)
def test_tiles_of_one_row_are_alike_and_rows_above_are_not_smaller(count: int, area: Rect) -> None:
    tiles = arrange(count, area, 16)
    rows = [list(row) for _, row in itertools.groupby(tiles, key=lambda tile: tile.y)]
    for row in rows:
        assert len({(tile.w, tile.h) for tile in row}) == 1
    assert [row[0].w for row in rows] == sorted((row[0].w for row in rows), reverse=True)


@given(counts, areas)
def test_the_arrangement_is_never_smaller_than_the_plain_square_grid(count: int, area: Rect) -> None:
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    width = min((area.w - 16 * (columns - 1)) / columns, (area.h - 16 * (rows - 1)) / rows * PICTURE_ASPECT)
    plain = width * width / PICTURE_ASPECT
    mean = sum(tile.w * tile.h for tile in arrange(count, area, 16)) / count
    assert mean >= plain * 0.85


def test_five_tiles_stand_two_above_three_across_the_whole_width() -> None:
    tiles = arrange(5, AREA, 16)
    assert [tile.y == tiles[0].y for tile in tiles] == [True, True, False, False, False]
    assert tiles[0].x == AREA.x
    assert tiles[1].right == AREA.right
    assert tiles[2].x == AREA.x
    assert tiles[4].right == AREA.right


@pytest.mark.parametrize(
    ("count", "rows"), [(2, [2]), (4, [2, 2]), (6, [3, 3]), (9, [3, 3, 3]), (12, [4, 4, 4])]
)
def test_even_numbers_make_tidy_grids(count: int, rows: list[int]) -> None:
    tiles = arrange(count, AREA, 16)
    assert [len(list(row)) for _, row in itertools.groupby(tiles, key=lambda tile: tile.y)] == rows


def test_a_portrait_screen_stacks_its_tiles() -> None:
    tiles = arrange(3, Rect(0, 0, 1080, 1900), 16)
    assert len({tile.x for tile in tiles}) == 1


def test_an_area_without_room_gives_empty_tiles_rather_than_an_error() -> None:
    assert all(tile.w == 0 or tile.h == 0 for tile in arrange(16, Rect(0, 0, 20, 20), 16))


def test_a_grid_without_tiles_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        arrange(0, AREA, 16)


def plans(count: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Every tidy arrangement: (tiles of each row, tiles that each row would have room for).

    Rows of one width whose lengths differ by one at most; or equal tiles, of which the last row may lack
    some.
    """
    found = []
    for rows in range(1, count + 1):
        short, longer = divmod(count, rows)
        if short >= 2 or rows == count:
            lengths = (short,) * (rows - longer) + (short + 1,) * longer
            found.append((lengths, lengths))
    for columns in range(1, count + 1):
        full, rest = divmod(count, columns)
        lengths = (columns,) * full + ((rest,) if rest else ())
        found.append((lengths, (columns,) * len(lengths)))
    return found


def best(count: int, area: Rect, gap: int) -> tuple[float, float]:
    """By trying all of it, in every aspect allowed: the most that can be seen of everybody together, and the
    most that can be seen of who is seen least.
    """
    most, least = 0.0, 0.0
    for rows, room in plans(count):
        height = area.h - gap * (len(rows) - 1)
        widths = [(area.w - gap * (n - 1)) / n for n in room]
        if height <= 0 or min(widths) <= 0:
            continue
        for step in range(51):
            ratio = NARROWEST + (WIDEST - NARROWEST) * step / 50
            shrink = min(1.0, height * ratio / sum(widths))
            cut = min(ratio, PICTURE_ASPECT) / max(ratio, PICTURE_ASPECT)
            sides = [width * shrink * math.sqrt(cut / ratio) for width in widths]
            most = max(most, sum(n * side for n, side in zip(rows, sides, strict=True)))
            least = max(least, min(sides))
    return most, least


@pytest.mark.parametrize(
    "screen",
    [(1024, 768), (1280, 720), (1920, 1080), (2560, 1080), (1080, 1920)],
    ids=lambda s: f"{s[0]}x{s[1]}",
)
@pytest.mark.parametrize("count", range(1, limits.PEERS_MAX + 2))
def test_no_tidy_arrangement_shows_more_of_everybody(screen: tuple[int, int], count: int) -> None:
    area = Rect(24, 52, screen[0] - 48, screen[1] - 68)
    sides = [seen(tile) for tile in arrange(count, area, 14)]
    most, least = best(count, area, 14)
    assert sum(sides) >= 0.95 * most  # a last row with gaps costs 8 % at most, even numbers some pixels
    assert min(sides) >= 0.7 * least  # and nobody is small for it


screens = st.sampled_from(
    [AREA, Rect(17, 32, 766, 356), Rect(40, 52, 1840, 806), Rect(40, 78, 2480, 795), Rect(23, 44, 1034, 1600)]
)
many = st.integers(2, limits.PEERS_MAX + 1)


def seen(tile: Rect) -> float:
    """How large a picture appears in a tile: the side of a square of the same area, less what is cut."""
    ratio = tile.w / tile.h
    return math.sqrt(tile.w * tile.h * min(ratio, PICTURE_ASPECT) / max(ratio, PICTURE_ASPECT))


class TestSpeaker:
    @given(counts, areas, st.integers(0, 24))
    def test_every_tile_is_inside_and_none_lies_on_another(self, count: int, area: Rect, gap: int) -> None:
        tiles = arrange_speaker(count, area, gap)
        assert len(tiles) == count
        assert all(area.contains(tile) for tile in tiles)
        for a, b in itertools.combinations(tiles, 2):
            assert not a.grown(gap // 2).overlaps(b.grown(gap - gap // 2 - (gap > 0)))

    @given(counts, areas, st.integers(0, 24))
    def test_sides_are_even_and_no_picture_is_cut_more_than_allowed(
        self, count: int, area: Rect, gap: int
    ) -> None:
        for tile in arrange_speaker(count, area, gap):
            assert tile.w % 2 == tile.h % 2 == 0
            assert (tile.w + 2) / tile.h >= NARROWEST
            assert tile.w / (tile.h + 2) <= WIDEST

    @given(many, areas)
    def test_the_strip_is_at_the_right_or_below_and_alike(self, count: int, area: Rect) -> None:
        large, *strip = arrange_speaker(count, area, 16)
        assert all(tile.x >= large.right for tile in strip) or all(tile.y >= large.bottom for tile in strip)
        assert len({(tile.w, tile.h) for tile in strip}) == 1
        assert min(tile.x - large.right for tile in strip) == 16 or (
            min(tile.y - large.bottom for tile in strip) == 16
        )

    @given(many, areas)
    def test_nobody_is_larger_than_the_large_one(self, count: int, area: Rect) -> None:
        large, *strip = arrange_speaker(count, area, 16)
        # Two of a height may be a pair of pixels apart: sides are even numbers.
        assert seen(large) >= max(seen(tile) for tile in strip) - 2 * math.sqrt(PICTURE_ASPECT)

    @given(many, screens)
    def test_it_is_larger_than_any_tile_of_the_grid(self, count: int, area: Rect) -> None:
        large = seen(arrange_speaker(count, area, 16)[0])
        grid = max(seen(tile) for tile in arrange(count, area, 16))
        assert large >= grid * (1.3 if area.w > area.h and count > 2 else 0.99)

    @given(many, screens)
    def test_a_face_in_the_strip_can_be_made_out(self, count: int, area: Rect) -> None:
        smallest = STRIP_SMALLEST * math.sqrt(area.w * area.h)
        assert min(seen(tile) for tile in arrange_speaker(count, area, 16)[1:]) >= smallest * 0.97

    @given(st.integers(2, 5))
    def test_a_few_others_cost_the_large_picture_nothing(self, count: int) -> None:
        tiles = arrange_speaker(count, AREA, 16)
        assert tiles[0].h == AREA.h
        assert tiles[0].w / tiles[0].h >= PICTURE_ASPECT - 0.01
        assert len({tile.x for tile in tiles[1:]}) == 1

    def test_a_portrait_screen_has_the_strip_below(self) -> None:
        large, *strip = arrange_speaker(5, Rect(0, 0, 1080, 1760), 16)
        assert large.w == 1080
        assert all(tile.y > large.bottom for tile in strip)

    def test_alone_the_large_tile_is_the_grid(self) -> None:
        assert arrange_speaker(1, AREA, 16) == arrange(1, AREA, 16)

    def test_an_area_without_room_gives_empty_tiles_rather_than_an_error(self) -> None:
        tiles = arrange_speaker(16, Rect(0, 0, 20, 20), 16)
        assert tiles == (Rect(0, 0, 0, 0),) * 16

    def test_nobody_at_all_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            arrange_speaker(0, AREA, 16)


@given(st.integers(2, 4000), st.integers(2, 4000))
def test_the_covering_picture_covers_and_is_the_smallest_that_does(w: int, h: int) -> None:
    width, height = covering(Rect(0, 0, w, h))
    assert width >= w
    assert height >= h
    assert width % 2 == height % 2 == 0
    assert width <= w + 1 or height <= h + 1
    assert abs(width - height * PICTURE_ASPECT) <= 2 * PICTURE_ASPECT + 2


def test_what_two_rectangles_share() -> None:
    a, b = Rect(0, 0, 10, 10), Rect(6, 8, 10, 10)
    assert a.common(b) == Rect(6, 8, 4, 2)
    assert a.overlaps(b)
    assert a.common(Rect(20, 0, 5, 5)).w == 0
    assert not a.overlaps(Rect(10, 0, 5, 5))
    assert a.holds(9, 9)
    assert not a.holds(10, 9)


small = st.builds(Rect, *[st.integers(-8, 8)] * 2, *[st.integers(0, 9)] * 2)


@given(whole=small, hole=small)
def test_without_a_hole_every_other_pixel_is_left_once(whole: Rect, hole: Rect) -> None:
    parts = whole.without(hole)
    points = [(x, y) for x in range(-9, 18) for y in range(-9, 18)]
    for point in points:
        count = sum(part.holds(*point) for part in parts)
        assert count == (whole.holds(*point) and not hole.holds(*point))
    assert len(parts) <= 4


@pytest.mark.parametrize("area", [AREA, Rect(15, 32, 770, 432), Rect(40, 80, 1840, 940)])
def test_nobody_is_small_for_the_sake_of_a_few_large_ones(area: Rect) -> None:
    """Seven were once arranged so that three of them were half as large as each of nine."""
    smallest = [min(t.w * t.h for t in arrange(count, area, 12)) for count in range(1, limits.PEERS_MAX + 2)]
    for count, more in itertools.pairwise(smallest[::2]):
        assert count >= 0.75 * more
    for count, more in itertools.pairwise(smallest[1::2]):
        assert count >= 0.75 * more
