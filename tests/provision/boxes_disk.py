"""The disk of an appliance below a folder, for tests that need no root."""

from __future__ import annotations

from pathlib import Path

import msgspec

from appliance.core.words import from_plain
from appliance.provision import apply, first_boot
from appliance.provision.mistake import ProblemFile

SERIAL = "10000000a1b2c3d4"


class Disk:
    """``root`` and what is below it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("boot/firmware", "data", "etc", "run", "proc/device-tree"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / first_boot.SERIAL).write_text(SERIAL + "\0")
        self.card = root / apply.CARD

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    def write(self, text: str) -> None:
        self.card.write_bytes(text.encode())

    def start(self, text: str | None = None) -> str:
        """Switch it on, with another card perhaps; return what home shows."""
        if text is not None:
            self.write(text)
        first_boot.run(self.root)
        apply.run(self.root)
        return self.problem

    @property
    def problem(self) -> str:
        path = self / "run/meetingbox-provision/problem.json"
        if not path.exists():
            return ""
        return str(from_plain(msgspec.json.decode(path.read_bytes(), type=ProblemFile).sentence))

    @property
    def box(self) -> str:
        """The configuration of the box."""
        return (self / "etc/meetingbox/meetingbox.toml").read_text()

    def all_bytes(self, name: str) -> bytes:
        """Everything that is in the files below a folder."""
        return b"".join(path.read_bytes() for path in sorted((self / name).rglob("*")) if path.is_file())
