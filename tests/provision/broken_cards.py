"""Cards with a mistake each, as people make them, and what a box says of it.

The texts are in ``broken/``; what can't be kept there is made here. The tests of the emulated appliance
boot with the same ones: ``put(name, folder)`` puts one into the place of a ``meetingbox.toml``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "broken"
FILE = "meetingbox.toml"
NOISE_BYTES = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Broken:
    """``says``: how the sentence at home begins, in English; it ends with which settings are in use."""

    code: str
    line: int
    key: str
    says: str


BROKEN = {
    "bad-toml": Broken(
        "config.syntax",
        5,
        "",
        "meetingbox.toml, line 5: a quote, a bracket or an equals sign is missing, or one too many.",
    ),
    "wrong-type": Broken(
        "config.type", 3, "signaling.port", 'meetingbox.toml, line 3: signaling.port can\'t be "8787".'
    ),
    "unknown-key": Broken(
        "config.unknown",
        4,
        "system.langauge",
        "meetingbox.toml, line 4: there is no system.langauge. Is it language?",
    ),
    "no-country": Broken(
        "config.country",
        5,
        "network.wifi.country",
        'meetingbox.toml, line 5: Wi-Fi needs the country, like country = "DE".',
    ),
    "directory": Broken("config.directory", 0, "", "meetingbox.toml is a folder, and must be a file."),
    "noise": Broken("config.too-large", 0, "", "meetingbox.toml is larger than 256 kB."),
    "not-utf8": Broken("config.encoding", 3, "", "meetingbox.toml, line 3: save it as UTF-8."),
    "empty": Broken("config.empty", 0, "", "meetingbox.toml is empty."),
    "contradiction": Broken(
        "config.conflict",
        6,
        "network.ethernet.gateway",
        "meetingbox.toml, line 6: network.ethernet.gateway does not fit what is there besides.",
    ),
    "duplicate-key": Broken(
        "config.twice", 4, "", "meetingbox.toml, line 4: this setting is there a second time."
    ),
    "wrong-value": Broken(
        "config.value",
        3,
        "system.time_zone",
        'meetingbox.toml, line 3: system.time_zone can\'t be "Berlin time".',
    ),
    "no-passphrase": Broken(
        "config.missing-key",
        2,
        "network.wifi.passphrase",
        "meetingbox.toml, line 2: network.wifi.passphrase is missing.",
    ),
    "missing": Broken("config.missing", 0, "", "meetingbox.toml is missing on the card."),
    "hidden-ending": Broken(
        "config.missing", 0, "", "meetingbox.toml is missing: meetingbox.toml.txt needs this name."
    ),
}


def put(name: str, folder: Path) -> None:
    """Put a broken card into the place of whatever ``meetingbox.toml`` is in a folder."""
    path = folder / FILE
    path.unlink(missing_ok=True)
    match name:
        case "directory":
            path.mkdir()
        case "noise":
            path.write_bytes(random.Random(7).randbytes(NOISE_BYTES))
        case "missing":
            pass
        case "hidden-ending":
            (folder / f"{FILE}.txt").write_text('[system]\nname = "Galley"\n')
        case _:
            path.write_bytes((FOLDER / f"{name}.toml").read_bytes())
