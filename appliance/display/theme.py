"""The look: colours, the type scale, and the scale of the whole screen.

Layouts are written in *units*: the screen is at least 1280 by 720 of them, whatever its pixels.
Text has at least 7:1 contrast on what it stands on, except white digits that are 128 units high.
"""

from __future__ import annotations

from appliance.core.grid import Rect

RGB = tuple[int, int, int]
RGBA = tuple[int, int, int, int]
Color = RGB | RGBA

BACKGROUND: RGB = (0x0E, 0x11, 0x16)
STAGE: RGB = (0x07, 0x09, 0x0D)  # behind the tiles of a call: pictures look brighter on it
PANEL: RGB = (0x17, 0x1C, 0x24)
BUTTON: RGB = (0x20, 0x27, 0x33)
BUTTON_PRESSED: RGB = (0x33, 0x3D, 0x4E)
LINE: RGB = (0x2C, 0x35, 0x43)
TEXT: RGB = (0xF2, 0xF5, 0xF9)
DIM: RGB = (0xA9, 0xB4, 0xC4)
FAINT: RGB = (0x4A, 0x55, 0x66)  # dots and bars that are off; never text
ACCENT: RGB = (0x39, 0xC2, 0xA7)
ACCENT_PRESSED: RGB = (0x6B, 0xD9, 0xC4)
ON_ACCENT: RGB = (0x03, 0x1D, 0x18)
WARNING: RGB = (0xF5, 0xB1, 0x3D)
WARNING_TEXT: RGB = (0xFF, 0xD5, 0x8A)
WARNING_BACK: RGB = (0x33, 0x26, 0x10)
BAD: RGB = (0xF0, 0x61, 0x6D)
BAD_PRESSED: RGB = (0xFA, 0x8E, 0x97)
ON_BAD: RGB = (0x1B, 0x02, 0x05)
BAD_TEXT: RGB = (0xFF, 0xC9, 0xCE)
BAD_BACK: RGB = (0x3B, 0x1A, 0x20)
WHITE: RGB = (0xFF, 0xFF, 0xFF)
CHIP: RGBA = (0x0A, 0x0D, 0x11, 0xC8)  # over a picture

# Type scale, units (the size of the em).
NOTE = 18
BODY = 20
LEAD = 22
SUBHEAD = 25
TITLE = 30
HEADLINE = 38
DISPLAY = 42
DIGITS = 46
HUGE = 132

BASE = (1280, 720)  # units that every screen has at least
SMALLEST_TEXT = 11  # pixels; below this letters run together


class Theme:
    """Units to pixels for a screen of ``size`` pixels; ``width`` and ``height`` are its units."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.scale = min(size[0] / BASE[0], size[1] / BASE[1])
        self.width = size[0] / self.scale
        self.height = size[1] / self.scale

    def px(self, units: float) -> int:
        """A length in pixels, at least 1 (0 stays 0)."""
        return max(1, round(units * self.scale)) if units else 0

    def font_px(self, units: float) -> int:
        return max(SMALLEST_TEXT, round(units * self.scale))

    def rect(self, x: float, y: float, w: float, h: float) -> Rect:
        """A rectangle in pixels. Edges are rounded, not sizes: neighbours meet exactly."""
        left, top = round(x * self.scale), round(y * self.scale)
        return Rect(left, top, round((x + w) * self.scale) - left, round((y + h) * self.scale) - top)

    @property
    def screen(self) -> Rect:
        return Rect(0, 0, *self.size)


def contrast(a: RGB, b: RGB) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""

    def luminance(color: RGB) -> float:
        parts = [c / 255 for c in color]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
