"""The catalogues: collect what the screen says, bring every language up to date, say what is missing.

    ./dev words            after a sentence was added or changed, and after a translation was
    ./dev words --check    write nothing; exit 1 unless everything is up to date and translated
    ./dev words --forget   drop the translations of what is no longer said

A sentence that is no longer said keeps its translation at the end of the ``.po`` (``#~``), and has it again
when it comes back, from another branch say.

``appliance/locale/meetingbox.pot`` is what was collected, in English: the template of a new language.
``LANG/LC_MESSAGES/meetingbox.po`` is what people edit, ``.mo`` is what the box reads. All of them are
kept in the repository, and made by nothing but this: the same source gives the same files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import generate_po, read_po

from appliance.core.languages import ENGLISH, NAMES

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "appliance"
LOCALE = SOURCE / "locale"
DOMAIN = "meetingbox"
KEYWORDS = {"say": (1,), "say_n": (1, 2)}
WIDTH = 100

MsgId = str | tuple[str, ...]


class Book(Catalog):
    """A catalogue whose header says nothing of when, by whom and with what it was written."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        headers = [("Project-Id-Version", DOMAIN)]
        if self.locale_identifier:
            headers += [("Language", self.locale_identifier), ("Plural-Forms", self.plural_forms)]
        headers += [("MIME-Version", "1.0"), ("Content-Type", "text/plain; charset=utf-8")]
        return [*headers, ("Content-Transfer-Encoding", "8bit\n")]

    @mime_headers.setter
    def mime_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """What stands in a file is known already."""

    @property
    def header_comment(self) -> str:
        return self.remark

    @header_comment.setter
    def header_comment(self, text: str) -> None:
        self.remark = text


def book(code: str | None, remark: str = "#") -> Book:
    """An empty catalogue of a language; None: the template."""
    made = Book(locale=code, fuzzy=False)
    made.remark = remark
    return made


# --- what the source says -----------------------------------------------------------------------------


def collected(source: Path = SOURCE) -> Book:
    """Everything that the source says to a person, and in which files."""
    template = book(None, "# Everything that the screen says. See tools/words.py.\n#")
    for file in sorted(source.rglob("*.py")):
        where = file.relative_to(source.parent).as_posix()
        with file.open("rb") as stream:
            for _, said, _, _ in extract("python", stream, keywords=KEYWORDS):
                known = template.get(said[0] if isinstance(said, tuple) else said)
                locations = [*(known.locations if known else ()), (where, 0)]
                template.add(said, locations=sorted(set(locations)))
    return template


# --- files ----------------------------------------------------------------------------------------------


def path_of(code: str, ending: str, folder: Path = LOCALE) -> Path:
    return folder / code / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def read(path: Path, code: str) -> Book:
    """The catalogue in a ``.po`` file, with the comment at its top."""
    with path.open("rb") as stream:
        found = read_po(stream, locale=code, charset="utf-8", abort_invalid=True)
    remark = "\n".join(_leading_comment(path.read_text(encoding="utf-8")))
    return _copied(found, code, remark)


def _leading_comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.startswith("#"):
            return
        yield line


def _copied(catalog: Catalog, code: str, remark: str) -> Book:
    made = book(code, remark)
    for message in catalog:
        if message.id:
            made[message.id] = message
    made.obsolete = catalog.obsolete
    return made


def updated(old: Book, template: Book, code: str) -> Book:
    """A catalogue with what the source says now; what is new is not translated, what is old is put aside."""
    new = book(code, old.remark)
    before = {message.id: message for message in (*old.obsolete.values(), *old) if message.id}
    for message in template:
        if not message.id:
            continue
        known = before.pop(message.id, None)
        new.add(
            message.id,
            known.string if known is not None else None,
            locations=message.locations,
            flags=known.flags if known is not None else (),
            user_comments=known.user_comments if known is not None else (),
        )
    for said in sorted(before, key=_key):
        if not missing(before[said]):
            new.obsolete[_key(said)] = Message(said, before[said].string)
    return new


def po(catalog: Book) -> bytes:
    """The text of a ``.po`` file."""
    lines = generate_po(
        catalog,
        ignore_obsolete=False,
        include_lineno=False,
        include_previous=False,
        no_location=False,
        omit_header=False,
        sort_by="location",
        width=WIDTH,
    )
    return ("".join(lines).rstrip("\n") + "\n").encode()


def mo(catalog: Book) -> bytes:
    """What the box reads. A sentence with a form that is missing is left out: it is English then."""
    whole = book(str(catalog.locale_identifier))
    for message in catalog:
        if message.id and not missing(message):
            whole[message.id] = message
    out = BytesIO()
    write_mo(out, whole)
    return out.getvalue()


def missing(message: Message) -> bool:
    """Is a translation not there, or not to be relied on?"""
    forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return message.fuzzy or not all(forms)


def _key(said: MsgId | list[str]) -> str:
    return said if isinstance(said, str) else said[0]


def main(arguments: list[str] | None = None) -> int:
    """Bring the catalogues up to date, and say what is not translated."""
    parser = argparse.ArgumentParser(prog="./dev words", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--forget", action="store_true", help="drop what is no longer said")
    asked = parser.parse_args(arguments)
    check = asked.check
    template = collected()
    stale = _put(LOCALE / f"{DOMAIN}.pot", po(template), check)
    left = 0
    for code in NAMES:
        if code == ENGLISH:
            continue
        path = path_of(code, "po")
        old = read(path, code) if path.exists() else book(code)
        catalog = updated(old, template, code)
        if asked.forget:
            catalog.obsolete.clear()
        stale |= _put(path, po(catalog), check)
        stale |= _put(path_of(code, "mo"), mo(catalog), check)
        without = [message for message in catalog if message.id and missing(message)]
        left += len(without)
        print(f"{code}  {len(catalog) - len(without)} of {len(catalog)} sentences")
        for message in without:
            print(f"    {_key(message.id)!r}")
    if check and stale:
        print("The catalogues are not what the source says: run ./dev words.", file=sys.stderr)
    return 1 if left or (check and stale) else 0


def _put(path: Path, content: bytes, check: bool) -> bool:
    """Write a file if it is another one; return whether it is."""
    if path.exists() and path.read_bytes() == content:
        return False
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return True


if __name__ == "__main__":
    raise SystemExit(main())
