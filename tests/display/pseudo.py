"""Languages that nobody speaks, to find what real ones will break: one long, one from right to left."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.core.words import Text, Words, translated

LONGER = 0.4  # German and French need so much more room than English
_ACCENTED = str.maketrans("aeiouyncAEIOUYNC", "àéîõüÿñçÀÉÎÕÜŸÑÇ")
_ARABIC = dict(zip("abcdefghijklmnopqrstuvwxyz", "ابتثجحخدذرزسشصضطظعغفقكلمنهي", strict=False))


def longer(message: str) -> str:
    """Every word accented and 40 % longer: ``Sound check`` is ``Sõüñdñd çhéçkçk``."""

    def stretched(word: re.Match[str]) -> str:
        whole = word.group()
        return whole + whole[-round(len(whole) * LONGER) :] if len(whole) > 1 else whole

    return _but_for_gaps(message, lambda part: re.sub(r"[^\W\d_]+", stretched, part).translate(_ACCENTED))


def leftward(message: str) -> str:
    """Every letter an Arabic one."""
    return _but_for_gaps(message, lambda part: "".join(_ARABIC.get(c, c) for c in part.lower()))


def _but_for_gaps(message: str, change: Callable[[str], str]) -> str:
    parts = re.split(r"(\{[^}]*\})", message)
    return "".join(part if part.startswith("{") else change(part) for part in parts)


@dataclass(slots=True)
class Pseudo:
    """A language. ``said``: the sentences that it was asked for, as they came out."""

    change: Callable[[str], str]
    right_to_left: bool = False
    said: dict[str, Words] = field(default_factory=dict)

    def __call__(self, text: Text) -> str:
        found = translated(text, self.change, lambda one, many, n: self.change(one if n == 1 else many))
        if isinstance(text, Words):
            self.said[found] = text
        return found


LANGUAGES = {
    "english": lambda: Pseudo(lambda message: message),
    "longer": lambda: Pseudo(longer),
    "leftward": lambda: Pseudo(leftward, right_to_left=True),
}
