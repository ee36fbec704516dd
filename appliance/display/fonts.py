"""Fonts from the system: Noto Sans, and for other scripts whatever fontconfig knows.

Nothing is bundled. Where Noto is missing pygame's own font is used and a warning is logged.
"""

from __future__ import annotations

import logging
import subprocess
import unicodedata
from collections import OrderedDict
from pathlib import Path

import pygame

from appliance.core import limits

log = logging.getLogger(__name__)

NOTO_FOLDERS = (
    Path("/usr/share/fonts/truetype/noto"),  # Debian, Raspberry Pi OS
    Path("/usr/share/fonts/noto"),  # Arch, Alpine
    Path("/usr/share/fonts/google-noto"),  # Fedora
)
CAP_HEIGHT = 0.714  # of Noto Sans, in ems: text is centred by its capitals
MISSING = "\U000fffff"  # a code point that no font has: its box tells what a missing glyph looks like
PROBE_PX = 61  # the size at which glyphs are compared: large and odd, so that two rarely measure alike

# Scripts that need shaping, by the first word of their characters' Unicode names: ISO 15924.
SHAPED = {
    "ARABIC": "Arab",
    "HEBREW": "Hebr",
    "DEVANAGARI": "Deva",
    "BENGALI": "Beng",
    "GURMUKHI": "Guru",
    "GUJARATI": "Gujr",
    "TAMIL": "Taml",
    "TELUGU": "Telu",
    "KANNADA": "Knda",
    "MALAYALAM": "Mlym",
    "SINHALA": "Sinh",
    "THAI": "Thai",
    "LAO": "Laoo",
    "MYANMAR": "Mymr",
    "KHMER": "Khmr",
    "TIBETAN": "Tibt",
    "SYRIAC": "Syrc",
    "THAANA": "Thaa",
    "NKO": "Nkoo",
}


class Fonts:
    """Opens fonts and says which one has a character. Belongs to the display thread."""

    def __init__(self) -> None:
        self._regular = find_noto("Regular")
        self._bold = find_noto("Bold") or self._regular
        if self._regular is None:
            log.warning("fonts.noto.missing: install fonts-noto-core; pygame's own font is used")
        self._open: OrderedDict[tuple[str | None, int, str, bool, bool], pygame.font.Font] = OrderedDict()
        self._blocks: OrderedDict[tuple[int, bool], str | None] = OrderedDict()

    def font(
        self, px: int, bold: bool, file: str | None = None, script: str = "", left: bool = False
    ) -> pygame.font.Font:
        """A font of ``px`` pixels; ``file`` from ``file_for``, else Noto Sans. ``left``: for text that is
        written to the left.
        """
        made_bold = bold and file is not None and "Bold" not in Path(file).name
        file = file or self._main(bold)
        key = (file, px, script, left, made_bold)
        font = self._open.get(key)
        if font is None:
            font = pygame.font.Font(file, px)
            font.bold = made_bold  # a font that has no bold letters: wider strokes
            if script:
                font.set_script(script)
            if left:
                font.set_direction(pygame.DIRECTION_RTL)
            self._open[key] = font
            if len(self._open) > limits.FONTS_KEPT:
                self._open.popitem(last=False)
        else:
            self._open.move_to_end(key)
        return font

    def file_for(self, char: str, bold: bool) -> str | None:
        """The file of a font that has ``char``; None for Noto Sans itself, or when no font has it."""
        if char < "ɐ" or not self._lacks(char, self._main(bold)):  # Latin, its extensions: always there
            return None
        key = (ord(char) >> 7, bold)
        if key in self._blocks:
            return self._blocks[key]
        file = look_up(char, bold)
        if file is not None and self._lacks(char, file):
            file = None
        self._blocks[key] = file
        if len(self._blocks) > limits.SCRIPTS_KEPT:
            self._blocks.popitem(last=False)
        return file

    def close(self) -> None:
        """Close the files of all fonts; who asks for one opens it again."""
        self._open.clear()

    def _main(self, bold: bool) -> str | None:
        return self._bold if bold else self._regular

    def _lacks(self, char: str, file: str | None) -> bool:
        font = self.font(PROBE_PX, False, file)
        metrics = font.metrics(char + MISSING)
        return len(metrics) < 2 or metrics[0] is None or metrics[0] == metrics[1]


def script_of(char: str) -> str:
    """The ISO 15924 code of a character whose script needs shaping, else an empty string."""
    if char < "\u0590":
        return ""
    return SHAPED.get(unicodedata.name(char, "").partition(" ")[0], "")


def find_noto(style: str) -> str | None:
    """The path of Noto Sans in a style ("Regular", "Bold"), or None."""
    for folder in NOTO_FOLDERS:
        file = folder / f"NotoSans-{style}.ttf"
        if file.is_file():
            return str(file)
    found = _fontconfig("fc-match", "-f", "%{file}\n", f"Noto Sans:style={style}")
    return next((f for f in found if Path(f).name.startswith("NotoSans")), None)


def look_up(char: str, bold: bool) -> str | None:
    """Ask fontconfig for a font that has ``char``: a sans-serif Noto of that weight, else any."""
    files = _fontconfig("fc-list", "-f", "%{file}\n", f":charset={ord(char):x}")

    def rank(file: str) -> tuple[bool, bool, bool, int, str]:
        name = Path(file).name
        weight = "Bold" in name if bold else "Regular" in name
        return (not name.startswith("NotoSans"), not name.startswith("Noto"), not weight, len(name), name)

    return min(files, key=rank, default=None)


def _fontconfig(*command: str) -> list[str]:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limits.FONT_LOOKUP_WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in done.stdout.splitlines() if line]
