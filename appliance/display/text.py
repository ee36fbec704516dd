"""Lines of text: measured, cut with an ellipsis, wrapped, and rendered once.

A line is cut into runs by the direction that it is written in (``bidi``) and by the font that has its
characters; each is shaped by itself. Lines are broken at spaces, and between the characters of scripts
that have none (Chinese, Japanese).
"""

from __future__ import annotations

import unicodedata

import pygame

from appliance.core import limits
from appliance.display import bidi
from appliance.display.drawn import Drawn
from appliance.display.fonts import CAP_HEIGHT, Fonts, script_of
from appliance.display.theme import RGB

ELLIPSIS = "…"
LINE_HEIGHT = 1.36  # of the em: Noto Sans with room for accents and descenders
OVERSAMPLED = 2  # small text is drawn twice as large and scaled down: even spacing, no hinted advances
SMALL_PX = 64  # larger text is even enough as it is
THICKENED = 0.03  # of the em: how much wider the strokes of bold letters are where a font has none
JOINERS = "\u200c\u200d"  # shape their neighbours, take no room
KEPT = JOINERS + "\u00a0"  # French has a space that does not break before its marks

# Where lines of a script without spaces are not broken: before what closes, after what opens.
NOT_FIRST = frozenset(
    "、。，．！？：；）］｝」』】〉》〕”’…‥・ー%,.!?:;)]}·"  # noqa: RUF001 - the wide ones
    "ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
)
NOT_LAST = frozenset("（［｛「『【〈《〔“‘([{")  # noqa: RUF001

Run = tuple[str, str | None, str, bool]  # text, font file, script, written to the left


def clean(text: str, marked: bool = False) -> str:
    """Make text from anywhere fit for one line: no controls, no direction marks, bounded.

    ``marked``: the direction marks are ours and stay.
    """
    also = bidi.MARKS.union(KEPT) if marked else KEPT
    kept = "".join(c if c.isprintable() or c in also else " " for c in text[: limits.TEXT_CHARS_MAX])
    return kept.strip()


class Typesetter:
    """Measures and renders text in pixels. Belongs to the display thread."""

    def __init__(self, fonts: Fonts) -> None:
        self._fonts = fonts
        turn, most = limits.DRAWN_TEXTS_TURN, limits.DRAWN_TEXTS_KEPT
        self._widths = Drawn[tuple[str, int, bool, int], int](turn, most)
        self._wrapped = Drawn[tuple[str, int, bool, int, int], list[str]](turn, most)
        self._lines = Drawn[tuple[str, int, bool, RGB, int], pygame.Surface](turn, most)

    def close(self) -> None:
        """Let go of the fonts and of what was drawn with them."""
        self._fonts.close()
        self._lines.clear()

    def width(self, text: str, px: int, bold: bool = False, tracking: int = 0) -> int:
        """Pixels that a line takes; ``tracking`` is extra space between characters."""
        key = (text, px, bold, tracking)
        known = self._widths.get(key)
        if known is None:
            parts = self._parts(text, bold, tracking)
            k = oversampling(px)
            known = -(-sum(self._font(run, px * k, bold).size(run[0])[0] for run in parts) // k)
            known = self._widths.put(key, known + tracking * max(0, len(parts) - 1))
        return known

    def fit(self, text: str, px: int, bold: bool, width: int, tracking: int = 0) -> str:
        """The text, or as much of it as fits in ``width`` pixels with an ellipsis."""
        if self.width(text, px, bold, tracking) <= width:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[:middle].rstrip() + ELLIPSIS, px, bold, tracking) <= width:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + ELLIPSIS if low else ""

    def wrap(self, text: str, px: int, bold: bool, width: int, lines: int) -> list[str]:
        """Break text into at most ``lines`` lines; the last one is cut if it must be."""
        key = (text, px, bold, width, lines)
        known = self._wrapped.get(key)
        if known is None:
            known = self._wrapped.put(key, self._wrap(text, px, bold, width, lines))
        return list(known)

    def _wrap(self, text: str, px: int, bold: bool, width: int, lines: int) -> list[str]:
        mark = text[:1] if text[:1] in (bidi.RIGHT_TO_LEFT, bidi.LEFT_TO_RIGHT) else ""
        done: list[str] = []
        left = pieces(text[len(mark) :])
        while left and len(done) < lines - 1:
            take = 1
            while take < len(left) and self.width(_joined(mark, left[: take + 1]), px, bold) <= width:
                take += 1
            done.append(self.fit(_joined(mark, left[:take]), px, bold, width))
            left = left[take:]
        if left:
            done.append(self.fit(_joined(mark, left), px, bold, width))
        return done

    def line(self, text: str, px: int, bold: bool, color: RGB, tracking: int = 0) -> pygame.Surface:
        """A rendered line. Its baseline is ``baseline(px)`` below its top."""
        key = (text, px, bold, color, tracking)
        known = self._lines.get(key)
        if known is None:
            known = self._lines.put(key, self._render(text, px, bold, color, tracking))
        return known

    def baseline(self, px: int) -> int:
        """From the top of a rendered line to its baseline, pixels."""
        return round(px * 1.07)

    def _render(self, text: str, px: int, bold: bool, color: RGB, tracking: int) -> pygame.Surface:
        parts = self._parts(text, bold, tracking)
        k = oversampling(px)
        size = max(1, self.width(text, px, bold, tracking)), round(px * 1.5)
        line = pygame.Surface((size[0] * k, size[1] * k), pygame.SRCALPHA)
        line.fill((*color, 0))
        x = 0
        for run in parts:
            font = self._font(run, px * k, bold)
            drawn = font.render(run[0], True, color)
            top = self.baseline(px) * k - font.get_ascent()
            line.blit(drawn, (x, top))
            if self._fonts.thickened(bold, run[1]):
                line.blit(drawn, (x + max(1, round(px * k * THICKENED)), top))
            x += font.size(run[0])[0] + tracking * k
        return line if k == 1 else pygame.transform.smoothscale(line, size)

    def _font(self, run: Run, px: int, bold: bool) -> pygame.font.Font:
        return self._fonts.font(px, bold, *run[1:])

    def _parts(self, text: str, bold: bool, tracking: int) -> list[Run]:
        if tracking:  # only for digits and dots: one run a character
            return [(char, self._fonts.file_for(char, bold), "", False) for char in text]
        return self._runs(text, bold)

    def _runs(self, text: str, bold: bool) -> list[Run]:
        if text.isascii():
            return [(text, None, "", False)] if text else []
        if bidi.is_plain(text):
            return self._fonts_of(text, bold, left=False)
        runs: list[Run] = []
        for part, left in bidi.runs(text):
            found = self._fonts_of(part, bold, left=left)
            runs += reversed(found) if left else found
        return runs

    def _fonts_of(self, text: str, bold: bool, *, left: bool) -> list[Run]:
        runs: list[Run] = []
        for char in text:
            neutral = char.isspace() or char in JOINERS
            file = None if neutral else self._fonts.file_for(char, bold)
            script = "" if neutral else script_of(char)
            if runs and (neutral or runs[-1][1:3] == (file, script)):
                runs[-1] = (runs[-1][0] + char, *runs[-1][1:])
            else:
                runs.append((char, file, script, left))
        return runs


def pieces(text: str) -> list[str]:
    """The parts of a text between which a line may be broken, each with the spaces after it."""
    done: list[str] = []
    for char in text:
        if done and not _may_break(done[-1][-1], char):
            done[-1] += char
        else:
            done.append(char)
    return done


def _may_break(before: str, after: str) -> bool:
    if after == " ":
        return False
    if before == " ":
        return True
    if after in NOT_FIRST or before in NOT_LAST:
        return False
    return _wide(before) or _wide(after)


def _wide(char: str) -> bool:
    return char > "\u2e7f" and unicodedata.east_asian_width(char) in ("W", "F")


def _joined(mark: str, parts: list[str]) -> str:
    return mark + "".join(parts).rstrip(" ")


def oversampling(px: int) -> int:
    return OVERSAMPLED if px < SMALL_PX else 1


def line_height(px: int) -> int:
    return round(px * LINE_HEIGHT)


def cap_height(px: int) -> int:
    return round(px * CAP_HEIGHT)
