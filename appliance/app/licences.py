"""What this product is made of, and under which licences that stands."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import metadata

from appliance.core.settings_view import Licence

OURS = Licence("meetingbox", "MIT")
INSIDE = (  # parts of the above that are compiled into them, in the builds that PyPI has
    Licence("FFmpeg, x264", "GPL-2.0-or-later"),
    Licence("libvpx", "BSD-3-Clause"),
    Licence("libopus", "BSD-3-Clause"),
    Licence("SDL", "Zlib"),
    Licence("PortAudio", "MIT"),
    Licence("Noto Sans", "OFL-1.1"),
)
PARTS = (  # those that pyproject.toml names
    "aioice",
    "aiortc",
    "av",
    "cryptography",
    "livekit",
    "msgspec",
    "numpy",
    "opuslib-next",
    "psutil",
    "pygame-ce",
    "PyNaCl",
    "sounddevice",
    "spake2",
    "websockets",
    "zeroconf",
)
_LONG = 40  # characters: longer is the licence's text and not its name


@lru_cache(maxsize=1)
def licences() -> tuple[Licence, ...]:
    """Return ours, those of the parts that are installed, and what is inside them; reads some files."""
    found = []
    for part in PARTS:
        try:
            about = metadata.metadata(part)
        except metadata.PackageNotFoundError:
            continue
        found.append(Licence(f"{about['Name']} {about['Version']}", _name_of(about)))
    return (OURS, *found, *INSIDE)


def _name_of(about: metadata.PackageMetadata) -> str:
    said = [str(about[key]) for key in ("License-Expression", "License") if key in about]
    named = next((name for name in said if name and len(name) <= _LONG and "\n" not in name), "")
    if named:
        return named
    kinds = [kind.rpartition(" :: ")[2] for kind in about.get_all("Classifier") or [] if "License ::" in kind]
    return re.sub(r" \(.*\)$", "", kinds[0]) if kinds else "see its own files"
