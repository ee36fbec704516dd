"""The look: colours, type, spacing, the focus ring, motion, and the scale of the whole screen.

Layouts are written in *units*: the screen is at least 1280 by 720 of them, whatever its pixels.
Screens speak of colours by their use (``Ink``); the renderer looks them up in the palette in force.
Text has at least 7:1 contrast on what it stands on, in every palette (``READ_ON`` says on what).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from appliance.core.grid import Rect


class Ink(enum.Enum):
    """A colour by what it is for; a palette says which one that is."""

    BACKGROUND = "background"
    STAGE = "stage"  # behind the tiles of a call: pictures look brighter on it
    PANEL = "panel"
    BUTTON = "button"
    BUTTON_PRESSED = "button-pressed"
    LINE = "line"
    TEXT = "text"
    DIM = "dim"
    FAINT = "faint"  # dots and bars that are off; never text
    ACCENT = "accent"
    ACCENT_PRESSED = "accent-pressed"
    ON_ACCENT = "on-accent"
    WARNING = "warning"
    WARNING_TEXT = "warning-text"
    WARNING_BACK = "warning-back"
    BAD = "bad"
    BAD_PRESSED = "bad-pressed"
    ON_BAD = "on-bad"
    BAD_TEXT = "bad-text"
    BAD_BACK = "bad-back"
    FOCUS = "focus"  # the ring around what OK presses
    CHIP = "chip"  # over a picture
    NIGHT = "night"  # an idle screen, in every palette: black spares the panel
    NIGHT_TEXT = "night-text"


RGB = tuple[int, int, int]
RGBA = tuple[int, int, int, int]
Palette = Mapping[Ink, RGB | RGBA]

DARK: Palette = {
    Ink.BACKGROUND: (0x0E, 0x11, 0x16),
    Ink.STAGE: (0x07, 0x09, 0x0D),
    Ink.PANEL: (0x17, 0x1C, 0x24),
    Ink.BUTTON: (0x20, 0x27, 0x33),
    Ink.BUTTON_PRESSED: (0x33, 0x3D, 0x4E),
    Ink.LINE: (0x2C, 0x35, 0x43),
    Ink.TEXT: (0xF2, 0xF5, 0xF9),
    Ink.DIM: (0xA9, 0xB4, 0xC4),
    Ink.FAINT: (0x4A, 0x55, 0x66),
    Ink.ACCENT: (0x39, 0xC2, 0xA7),
    Ink.ACCENT_PRESSED: (0x6B, 0xD9, 0xC4),
    Ink.ON_ACCENT: (0x03, 0x1D, 0x18),
    Ink.WARNING: (0xF5, 0xB1, 0x3D),
    Ink.WARNING_TEXT: (0xFF, 0xD5, 0x8A),
    Ink.WARNING_BACK: (0x33, 0x26, 0x10),
    Ink.BAD: (0xF4, 0x74, 0x80),
    Ink.BAD_PRESSED: (0xFA, 0x8E, 0x97),
    Ink.ON_BAD: (0x1B, 0x02, 0x05),
    Ink.BAD_TEXT: (0xFF, 0xC9, 0xCE),
    Ink.BAD_BACK: (0x3B, 0x1A, 0x20),
    Ink.FOCUS: (0xFF, 0xFF, 0xFF),
    Ink.CHIP: (0x0A, 0x0D, 0x11, 0xD0),
    Ink.NIGHT: (0x00, 0x00, 0x00),
    Ink.NIGHT_TEXT: (0x9A, 0xA2, 0xAE),
}

LIGHT: Palette = {
    Ink.BACKGROUND: (0xF1, 0xF4, 0xF8),
    Ink.STAGE: (0xDE, 0xE3, 0xEA),
    Ink.PANEL: (0xFF, 0xFF, 0xFF),
    Ink.BUTTON: (0xE2, 0xE7, 0xEE),
    Ink.BUTTON_PRESSED: (0xC6, 0xCE, 0xDA),
    Ink.LINE: (0xCF, 0xD6, 0xE0),
    Ink.TEXT: (0x10, 0x15, 0x1C),
    Ink.DIM: (0x3A, 0x44, 0x53),
    Ink.FAINT: (0x98, 0xA3, 0xB3),
    Ink.ACCENT: (0x00, 0x60, 0x4F),
    Ink.ACCENT_PRESSED: (0x00, 0x4A, 0x3D),
    Ink.ON_ACCENT: (0xFF, 0xFF, 0xFF),
    Ink.WARNING: (0xA8, 0x64, 0x00),
    Ink.WARNING_TEXT: (0x5C, 0x36, 0x00),
    Ink.WARNING_BACK: (0xFF, 0xEB, 0xC8),
    Ink.BAD: (0xA5, 0x12, 0x1F),
    Ink.BAD_PRESSED: (0x84, 0x09, 0x14),
    Ink.ON_BAD: (0xFF, 0xFF, 0xFF),
    Ink.BAD_TEXT: (0x8A, 0x0B, 0x18),
    Ink.BAD_BACK: (0xFF, 0xE3, 0xE5),
    Ink.FOCUS: (0x10, 0x15, 0x1C),
    Ink.CHIP: (0xFF, 0xFF, 0xFF, 0xE0),
    Ink.NIGHT: (0x00, 0x00, 0x00),
    Ink.NIGHT_TEXT: (0x9A, 0xA2, 0xAE),
}

PALETTES: Mapping[str, Palette] = {"dark": DARK, "light": LIGHT}

READ_ON: Mapping[Ink, tuple[Ink, ...]] = {
    Ink.TEXT: (Ink.BACKGROUND, Ink.STAGE, Ink.PANEL, Ink.BUTTON, Ink.BUTTON_PRESSED, Ink.LINE, Ink.CHIP),
    Ink.DIM: (Ink.BACKGROUND, Ink.STAGE, Ink.PANEL, Ink.BUTTON),
    Ink.ON_ACCENT: (Ink.ACCENT, Ink.ACCENT_PRESSED),
    Ink.ON_BAD: (Ink.BAD, Ink.BAD_PRESSED),
    Ink.WARNING_TEXT: (Ink.WARNING_BACK, Ink.BACKGROUND, Ink.STAGE, Ink.PANEL, Ink.BUTTON, Ink.CHIP),
    Ink.BAD_TEXT: (Ink.BAD_BACK, Ink.BACKGROUND, Ink.STAGE, Ink.PANEL, Ink.BUTTON),
    Ink.NIGHT_TEXT: (Ink.NIGHT,),
}
"""Which colour of text stands on which grounds. Another pair is a mistake: nobody checked its contrast."""
CONTRAST = 7.0  # at least, of text (WCAG 2.2, AAA)
CONTRAST_OF_SIGNS = 3.0  # at least, of what is no text: dots, borders, the ring


# Type scale, units (the size of the em): the smallest can be read from 3 m on a screen of 43 inches.
NOTE = 18
BODY = 20
LEAD = 22
SUBHEAD = 25
TITLE = 30
HEADLINE = 38
DISPLAY = 42
DIGITS = 46
HUGE = 132

# Spacing, units: the distance of things that belong together, of neighbours, of groups; the screen's edge.
TIGHT = 8.0
SPACE = 16.0
APART = 32.0
EDGE = 48.0

# The ring around what has the focus, units: bright on dark, dark on bright, with a gap to what it is around.
RING_GAP = 4.0
RING_WIDTH = 4.0

MOTION = 0.2  # seconds; nothing moves for longer, and nothing at all where motion is reduced

BASE = (1280, 720)  # units that every screen has at least
SMALLEST_TEXT = 11  # pixels; below this letters run together


class Theme:
    """Units to pixels for a screen of ``size`` pixels; ``width`` and ``height`` are its units.

    ``still``: reduced motion, nothing moves by itself. ``motion``: how long a movement takes, seconds.
    """

    def __init__(self, size: tuple[int, int], palette: Palette = DARK, still: bool = False) -> None:
        self.size = size
        self.palette = palette
        self.still = still
        self.motion = 0.0 if still else MOTION
        self.scale = min(size[0] / BASE[0], size[1] / BASE[1])
        self.width = size[0] / self.scale
        self.height = size[1] / self.scale

    def px(self, units: float) -> int:
        """A length in pixels, at least 1 (0 stays 0)."""
        return max(1, round(units * self.scale)) if units else 0

    def font_px(self, units: float) -> int:
        return max(SMALLEST_TEXT, round(units * self.scale))

    def color(self, ink: Ink) -> RGB:
        """A colour of the palette in force, without its transparency."""
        red, green, blue = self.palette[ink][:3]
        return red, green, blue

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
