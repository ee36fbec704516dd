"""Sentences for a screen, not yet in a language.

Who knows that something happened says it in English, with named gaps for names and numbers; who draws it
translates it (``translated``). So a language that is changed changes everything on the screen at once,
what was said before it too. As text, ``str(words)``, a sentence is English: for logs and scripts.

    say("{name} joined", name="Bridge")
    say_n("{n} box", "{n} boxes", 3)

The English sentence is the key in the catalogues (gettext's msgid), so it must be a literal where it is
said: the tool that collects them reads the source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Gap = str | int | float
"""What fills a gap. Words in it are translated with the sentence."""


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence. ``plural``, ``count``: its other English form, and the number that chooses; else empty.

    ``gaps``: what stands in ``{name}``, in the order given. Equal sentences are equal and hash alike.
    """

    message: str
    gaps: tuple[tuple[str, Gap | Words], ...] = ()
    plural: str = ""
    count: int = 0

    def __str__(self) -> str:
        return translated(self, lambda message: message, _english_plural)


Text = str | Words
"""Words that are to be translated, or text that is not: a name, an address."""


def say(message: str, **gaps: Gap | Words) -> Words:
    """A sentence in English, ``{name}`` for each gap."""
    return Words(message, tuple(gaps.items()))


def say_n(one: str, many: str, n: int, **gaps: Gap | Words) -> Words:
    """A sentence whose form depends on a number, which ``{n}`` stands for."""
    return Words(one, (("n", n), *gaps.items()), many, n)


def translated(text: Text, message: Callable[[str], str], plural: Callable[[str, str, int], str]) -> str:
    """Return a text in a language. ``message``, ``plural``: that language's gettext and ngettext.

    A translation with a gap that the sentence does not have falls back to English: a catalogue with a
    mistake must not take the screen down.
    """
    if isinstance(text, str):
        return text
    found = plural(text.message, text.plural, text.count) if text.plural else message(text.message)
    if not text.gaps:
        return found
    gaps = {
        name: translated(gap, message, plural) if isinstance(gap, Words) else gap for name, gap in text.gaps
    }
    try:
        return found.format_map(gaps)
    except (KeyError, ValueError, IndexError):
        english = _english_plural(text.message, text.plural, text.count) if text.plural else text.message
        return english.format_map(gaps)


Plain = str | dict[str, object]
"""Text as what JSON can carry."""


def to_plain(text: Text) -> Plain:
    """A text for another process of ours."""
    if isinstance(text, str):
        return text
    gaps = {name: to_plain(gap) if isinstance(gap, Words) else gap for name, gap in text.gaps}
    return {"message": text.message, "gaps": gaps, "plural": text.plural, "count": text.count}


def from_plain(plain: object) -> Text:
    """The text that ``to_plain`` was given. Raises ValueError for anything else."""
    match plain:
        case str():
            return plain
        case {"message": str(message), "gaps": dict(gaps), "plural": str(plural), "count": int(count)}:
            return Words(message, tuple((str(k), _gap(v)) for k, v in gaps.items()), plural, count)
    raise ValueError("no text")


def _gap(plain: object) -> Gap | Words:
    return plain if isinstance(plain, int | float) else from_plain(plain)


def _english_plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many
