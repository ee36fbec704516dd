"""The units as they are installed: a root of their own, and what their files say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SYSTEMD = ROOT / "systemd"
HOST_UNITS = Path("/usr/lib/systemd/system")

# What the units start; the packages that bring them are not on every test machine.
PROGRAMS = (
    "bin/rm",
    "bin/sh",
    "sbin/modprobe",
    "usr/bin/cec-ctl",
    "usr/bin/meetingbox",
    "usr/bin/pipewire",
    "usr/bin/wireplumber",
    "usr/sbin/nft",
    "usr/sbin/wpa_supplicant",
    "usr/bin/seatd",
)
SEATD = "[Service]\nExecStart=/usr/bin/seatd -g video\n[Install]\nWantedBy=multi-user.target\n"


def install(root: Path, *, appliance: bool) -> Path:
    """Run the install script into an empty folder; return the folder of the units."""
    (root / "usr/lib/systemd/system").mkdir(parents=True)
    (root / "usr/lib/systemd/system/seatd.service").write_text(SEATD)
    argv = [str(SYSTEMD / "install.sh"), *(["--appliance"] if appliance else []), str(root)]
    subprocess.run(argv, check=True, capture_output=True)
    return root / "usr/lib/systemd/system"


def with_a_system(root: Path) -> None:
    """Put systemd's own units and stand-ins for programs beside ours, for ``systemd-analyze verify``."""
    for unit in HOST_UNITS.iterdir():
        there = root / HOST_UNITS.relative_to("/") / unit.name
        if unit.is_file() and not there.exists():
            shutil.copy(unit, there)
    for program in PROGRAMS:
        path = root / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)


def settings(unit: Path) -> dict[str, list[str]]:
    """What a unit file sets: by ``Section.Key``, every value in order; drop-ins beside it included."""
    found: dict[str, list[str]] = {}
    section = ""
    dropins = sorted(unit.parent.joinpath(unit.name + ".d").glob("*.conf"))
    for file in (unit, *dropins):
        for raw in file.read_text().replace("\\\n", " ").splitlines():
            line = raw.strip()
            if line.startswith("["):
                section = line.strip("[]")
            elif line and line[0] not in "#;":
                key, _, value = line.partition("=")
                found.setdefault(f"{section}.{key.strip()}", []).append(value.strip())
    return found


def words(unit: Path, key: str) -> set[str]:
    """All words of all values of a key, as of ``Unit.After``."""
    return {word for value in settings(unit).get(key, []) for word in value.split()}
