"""The languages of the screen.

A language is a line here and a catalogue under ``appliance/locale``: see ``./dev words``.
"""

from __future__ import annotations

ENGLISH = "en"

NAMES = {
    ENGLISH: "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "zh": "简体中文",
    "ar": "العربية",
}
"""By code, what each calls itself, in the order in which they are offered."""

RIGHT_TO_LEFT = frozenset({"ar"})
