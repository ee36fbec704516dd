"""Where a support report comes from, and the secrets of this machine that must not be in it."""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance import config as configuration
from appliance import config_checks
from appliance.config import Config
from appliance.core import limits
from appliance.core.masking import MASK

_SECRET_KEY = re.compile(r"(?i)pass|psk|secret|token|key|pin|cred")
_IN_URL = re.compile(r"(?i)apikey=([^&#\[]+)")
_SUPPLICANT_VALUE = re.compile(r"(?m)^\s*(?:psk|sae_password|password|wep_key\d)=\"?([^\"\n]+)")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where things are. ``root``: of the file system, another one in tests."""

    config: Config
    config_text: str  # in force, masked, with where each value comes from; or the mistake in it
    state_dir: Path
    socket: Path
    root: Path = Path("/")


def secrets(sources: Sources) -> set[str | bytes]:
    """Everything that this machine keeps secret, as far as this process may read it."""
    config, root = sources.config, sources.root
    found: set[str | bytes] = set()
    if config.signaling.token != configuration.Signaling().token:
        found.add(config.signaling.token)
    found |= {key for url in config.servers for key in _IN_URL.findall(url)}
    found.add(config.admin.pin)
    for path in _secret_files(sources):
        with contextlib.suppress(OSError), path.open("rb") as file:
            found |= _of_a_file(path.name, file.read(limits.BUNDLE_SECRET_FILE_MAX))
    for path in (root / "etc/meetingbox/meetingbox.toml", root / "boot/firmware/meetingbox.toml"):
        with contextlib.suppress(OSError, ValueError):
            found |= set(_leaves(tomllib.loads(path.read_text()), _SECRET_KEY))
    return {
        secret
        for secret in found
        if len(secret) >= limits.MASK_LEAST and secret not in (MASK, config_checks.MASK)
    }


def _secret_files(sources: Sources) -> Iterator[Path]:
    root, state = sources.root, sources.state_dir
    yield from (state / name for name in ("identity.key", "pin.json", "met-keys.json"))
    yield from sorted(root.glob("data/provision/*"))
    yield from sorted(root.glob("etc/wpa_supplicant/*.conf"))
    yield from sorted(path for path in root.glob("data/ssh/*") if path.suffix != ".pub")
    yield from sorted(root.glob("run/meetingbox/joined-*.json"))


def _of_a_file(name: str, raw: bytes) -> set[str | bytes]:
    """The secrets in a file that is there for secrets, by its form."""
    text = raw.decode(errors="replace")
    if name.endswith(".json"):
        with contextlib.suppress(ValueError):
            return set(_leaves(json.loads(text), re.compile("")))
    if name.endswith(".conf"):
        said = set(_SUPPLICANT_VALUE.findall(text))
        return said | {bytes.fromhex(value) for value in said if re.fullmatch(r"(?:[0-9a-f]{2})+", value)}
    lines: set[str | bytes] = {line.strip() for line in text.splitlines() if not line.startswith("-----")}
    return lines | {raw} if "\ufffd" not in text else {raw}


def _leaves(value: Any, wanted: re.Pattern[str], key: str = "") -> Iterator[str]:
    """Every text and number in tables and lists whose key, or a key above it, is one that is ``wanted``."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, re.compile("") if wanted.search(str(name)) else wanted, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, wanted, key)
    elif isinstance(value, str | int) and not isinstance(value, bool) and wanted.search(key):
        yield str(value)
