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

HAN = "一的是在会议"
HAN_BLOCK = -1  # all of Chinese counts as one block: it has 200 of 128 characters
ARABIC = "ابتجمي،؟"

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
        self._open: OrderedDict[tuple[str | None, int, str, bool], pygame.font.Font] = OrderedDict()
        self._blocks: OrderedDict[tuple[int, bool], list[str | None]] = OrderedDict()

    def font(
        self, px: int, bold: bool, file: str | None = None, script: str = "", left: bool = False
    ) -> pygame.font.Font:
        """A font of ``px`` pixels; ``file`` from ``file_for``, else Noto Sans. ``left``: for text that is
        written to the left.
        """
        file = file or self._main(bold)
        key = (file, px, script, left)
        font = self._open.get(key)
        if font is None:
            font = pygame.font.Font(file, px)
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
        key = (HAN_BLOCK if is_han(char) else ord(char) >> 7, bold)
        files = self._blocks.setdefault(key, [])
        if len(self._blocks) > limits.SCRIPTS_KEPT:
            self._blocks.popitem(last=False)
        for file in files:
            if file is not None and not self._lacks(char, file):
                return file
        if len(files) >= limits.FONTS_LOOKED_FOR:
            return None
        found = look_up(char, bold)
        files.append(found if found is None or not self._lacks(char, found) else None)
        return files[-1]

    def thickened(self, bold: bool, file: str | None) -> bool:
        """Whether bold letters of a font (from ``file_for``) have to be made: it has none."""
        return bold and file is not None and "Bold" not in Path(file).name

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
    """Ask fontconfig for a font that has ``char``: a sans-serif Noto of that weight, else any.

    One for Chinese or Arabic has its most frequent characters too: many fonts have a few, for another
    purpose.
    """
    others = HAN if is_han(char) else ARABIC if "\u0600" <= char <= "\u06ff" else ""
    files = _having(others + char) or _having(char)

    def rank(file: str) -> tuple[bool, bool, bool, int, str]:
        name = Path(file).name
        weight = "Bold" in name if bold else "Regular" in name
        return (not name.startswith("NotoSans"), not name.startswith("Noto"), not weight, len(name), name)

    return min(files, key=rank, default=None)


def is_han(char: str) -> bool:
    """Whether a character belongs to Chinese text, its punctuation included."""
    return "\u2e80" <= char <= "\u303f" or "\u3400" <= char <= "\u9fff" or "\uff00" <= char <= "\uff60"


def _having(chars: str) -> list[str]:
    wanted = " ".join(f"{ord(char):x}" for char in chars)
    return _fontconfig("fc-list", "-f", "%{file}\n", f":charset={wanted}")


def _fontconfig(*command: str) -> list[str]:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limits.FONT_LOOKUP_WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in done.stdout.splitlines() if line]
