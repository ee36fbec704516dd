"""Lines of text: measured, cut with an ellipsis, wrapped, and rendered once.

A line is cut into runs by the font that has its characters; runs that are written from right to
left are shaped as such.
"""

from __future__ import annotations

from collections import OrderedDict

import pygame

from appliance.core import limits
from appliance.display.fonts import CAP_HEIGHT, RIGHT_TO_LEFT, Fonts, script_of
from appliance.display.theme import RGB

ELLIPSIS = "…"
LINE_HEIGHT = 1.36  # of the em: Noto Sans with room for accents and descenders
OVERSAMPLED = 2  # small text is drawn twice as large and scaled down: even spacing, no hinted advances
SMALL_PX = 64  # larger text is even enough as it is
JOINERS = "\u200c\u200d"  # shape their neighbours, take no room

Run = tuple[str, str | None, str]  # text, font file, script


def clean(text: str) -> str:
    """Make text from anywhere fit for one line: no controls, no direction marks, bounded."""
    kept = "".join(c if c.isprintable() or c in JOINERS else " " for c in text[: limits.TEXT_CHARS_MAX])
    return kept.strip()


class Typesetter:
    """Measures and renders text in pixels. Belongs to the display thread."""

    def __init__(self, fonts: Fonts) -> None:
        self._fonts = fonts
        self._widths: OrderedDict[tuple[str, int, bool, int], int] = OrderedDict()
        self._lines: OrderedDict[tuple[str, int, bool, RGB, int], pygame.Surface] = OrderedDict()

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
            known += tracking * max(0, len(parts) - 1)
            self._widths[key] = known
            if len(self._widths) > limits.DRAWN_TEXTS_KEPT:
                self._widths.popitem(last=False)
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
        """Break text at spaces into at most ``lines`` lines; the last one is cut if it must be."""
        done: list[str] = []
        words = text.split(" ")
        while words and len(done) < lines - 1:
            take = 1
            while take < len(words) and self.width(" ".join(words[: take + 1]), px, bold) <= width:
                take += 1
            done.append(self.fit(" ".join(words[:take]), px, bold, width))
            words = words[take:]
        if words:
            done.append(self.fit(" ".join(words), px, bold, width))
        return done

    def line(self, text: str, px: int, bold: bool, color: RGB, tracking: int = 0) -> pygame.Surface:
        """A rendered line. Its baseline is ``baseline(px)`` below its top."""
        key = (text, px, bold, color, tracking)
        known = self._lines.get(key)
        if known is None:
            known = self._lines[key] = self._render(text, px, bold, color, tracking)
            if len(self._lines) > limits.DRAWN_TEXTS_KEPT:
                self._lines.popitem(last=False)
        else:
            self._lines.move_to_end(key)
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
            line.blit(drawn, (x, self.baseline(px) * k - font.get_ascent()))
            x += font.size(run[0])[0] + tracking * k
        return line if k == 1 else pygame.transform.smoothscale(line, size)

    def _font(self, run: Run, px: int, bold: bool) -> pygame.font.Font:
        return self._fonts.font(px, bold, run[1], run[2])

    def _parts(self, text: str, bold: bool, tracking: int) -> list[Run]:
        if tracking:  # only for digits and dots: one run a character
            return [(char, self._fonts.file_for(char, bold), "") for char in text]
        return self._runs(text, bold)

    def _runs(self, text: str, bold: bool) -> list[Run]:
        if text.isascii():
            return [(text, None, "")] if text else []
        runs: list[Run] = []
        for char in text:
            neutral = char.isspace() or char in JOINERS
            file = None if neutral else self._fonts.file_for(char, bold)
            script = "" if neutral else script_of(char)
            if runs and (neutral or runs[-1][1:] == (file, script)):
                runs[-1] = (runs[-1][0] + char, *runs[-1][1:])
            else:
                runs.append((char, file, script))
        # What begins from right to left goes on so: the runs after it stand to its left.
        if next((run[2] for run in runs if any(c.isalpha() for c in run[0])), "") in RIGHT_TO_LEFT:
            runs.reverse()
        return runs


def oversampling(px: int) -> int:
    return OVERSAMPLED if px < SMALL_PX else 1


def line_height(px: int) -> int:
    return round(px * LINE_HEIGHT)


def cap_height(px: int) -> int:
    return round(px * CAP_HEIGHT)
