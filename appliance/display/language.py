"""The language of the screen: gettext's catalogues, and what is said when there is none.

The English sentence is the key. What a catalogue does not have is English; so is everything in a language
whose catalogue is missing or broken, with a line in the log.
"""

from __future__ import annotations

import gettext
import logging
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from appliance.core.languages import ENGLISH, NAMES, RIGHT_TO_LEFT
from appliance.core.words import Text, translated

log = logging.getLogger(__name__)

DOMAIN = "meetingbox"
FOLDER = Path(__file__).resolve().parent.parent / "locale"


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """``code``: as in the configuration. ``name``: what it calls itself. Called, it translates a text."""

    code: str
    name: str
    right_to_left: bool
    catalogue: gettext.NullTranslations

    def __call__(self, text: Text) -> str:
        """A text in this language; what is no sentence of ours, a name say, stays as it is."""
        return translated(text, self.catalogue.gettext, self.catalogue.ngettext)


LANGUAGES = tuple(NAMES)
"""The codes of all languages, in the order in which they are offered."""


@cache
def find(code: str, folder: Path = FOLDER) -> Language:
    """The language of a code, its catalogue read the first time; English for a code that is none of ours."""
    if code not in NAMES:
        log.warning("language.unknown %s", code)
        code = ENGLISH
    return Language(code, NAMES[code], code in RIGHT_TO_LEFT, _catalogue(code, folder))


def _catalogue(code: str, folder: Path) -> gettext.NullTranslations:
    if code == ENGLISH:
        return gettext.NullTranslations()
    path = folder / code / "LC_MESSAGES" / f"{DOMAIN}.mo"
    try:
        with path.open("rb") as file:
            return gettext.GNUTranslations(file)
    except (OSError, ValueError, struct.error, LookupError) as error:
        log.warning("language.catalogue %s: %s; the screen speaks English", path, error)
        return gettext.NullTranslations()
