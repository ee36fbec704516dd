"""What a start has written, kept for the next one: it is put back as it is when nothing has changed.

A card changes once in a box's life, and to load what reads it takes longer than anything else before the
keypad. So a start that went well leaves its files in a folder of the data partition, with the checksums of
all that they were made from: the card, what is kept of it, the machine and the system.
``systemd/lib/provision`` compares these, and copies the files or runs the program.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path

from appliance.provision import disk, first_boot, keeping, plan, system

log = logging.getLogger("meetingbox")

FOLDER = f"{keeping.FOLDER}/again"
FILES = "files"
SUMS = "sums"
SYSTEM = "usr/lib/meetingbox/image.json"
MADE_FROM = (
    SYSTEM,
    f"{keeping.FOLDER}/{keeping.FILE}",
    first_boot.MACHINE_ID,
    "etc/machine-id",
    first_boot.SERIAL,
    system.HOST_KEY.lstrip("/"),
    f"{system.HOST_KEY.lstrip('/')}.pub",
)
"""Below the root, beside the card itself. What a machine does not have, it has nowhere. Nothing is in the
box's own folder, where its account could put what takes for ever to read. Its identity is only looked for.
"""


def keep(root: Path, card: Path, made: plan.Plan) -> None:
    """Keep the files of a start that went well. What can't be kept is logged, and made again next time."""
    folder = root / FOLDER
    try:
        sums = _sums(root, card)
        if sums is None:
            forget(root)
            return
        files = {name.lstrip("/"): file for name, file in made.files.items()}
        for name, file in files.items():
            sums.append(_sum(f"{FOLDER}/{FILES}/{name}", file.text.encode()))
        text = "".join(sums).encode()
        if _is_kept(folder / SUMS, text):
            return
        forget(root)
        for name, file in files.items():
            _like(root, name)
            disk.write(folder / FILES / name, file.text.encode(), file.mode, file.group)
        for name, target in made.links.items():
            _like(root, name.lstrip("/"))
            disk.link(folder / FILES / name.lstrip("/"), target)
        disk.write(folder / SUMS, text, mode=0o600)  # the last: without it nothing is put back
    except OSError as error:
        log.warning("provision.not-kept-for-again %s", error.strerror)


def forget(root: Path) -> None:
    """The next start makes everything anew. Raises OSError."""
    folder = root / FOLDER
    (folder / SUMS).unlink(missing_ok=True)
    if folder.exists():
        disk.sync_folder(folder)
        shutil.rmtree(folder)


def _sums(root: Path, card: Path) -> list[str] | None:
    """Checksums of what the files were made from, as sha256sum(1) reads them; None where it can't be said."""
    try:
        facts = json.loads((root / SYSTEM).read_bytes())
    except (FileNotFoundError, ValueError):
        return None  # no image: its programs change by themselves
    if facts.get("changed"):
        return None  # made from what was not committed: another image of the same name may differ
    found = [path for name in MADE_FROM if (path := root / name).is_file()]
    return [_sum(str(path.relative_to(root)), path.read_bytes()) for path in [card, *found]]


def _sum(name: str, data: bytes) -> str:
    return f"{hashlib.sha256(data).hexdigest()}  {name}\n"


def _is_kept(path: Path, text: bytes) -> bool:
    try:
        return path.read_bytes() == text
    except FileNotFoundError:
        return False


def _like(root: Path, name: str) -> None:
    """Folders on the way to a file, with the modes that they have in the system: they are copied, too."""
    kept = root / FOLDER / FILES
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = root
    for part in Path(name).parts[:-1]:
        kept, there = kept / part, there / part
        kept.mkdir(exist_ok=True)
        kept.chmod(there.stat().st_mode & 0o7777)
