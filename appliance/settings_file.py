"""What people changed on the screen: ``settings.toml`` in the state folder. It wins over the configuration.

It has the configuration's keys, those of ``KEYS`` only, and is checked by the same rules. A file that can't
be used is set aside as ``settings.toml.broken`` and the box starts with its configuration alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from appliance import config as configuration
from appliance.config import Config, Loaded
from appliance.errors import ConfigError

log = logging.getLogger("meetingbox")

SETTINGS = "settings.toml"
BROKEN = "settings.toml.broken"
KEYS = frozenset(
    {
        "name",
        "presets",
        "video.source",
        "audio.microphone",
        "audio.speaker",
        "call.joining_minutes",
        "display.theme",
        "display.reduced_motion",
        "display.language",
    }
)
_HEADER = "# What was changed in the settings on the screen. It wins over the configuration.\n\n"


@dataclass(frozen=True, slots=True)
class Changes:
    """Some keys of a configuration, as ``table.key``, and their values; ``problem`` of the file, if any."""

    values: dict[str, Any] = field(default_factory=dict)
    problem: ConfigError | None = None

    def over(self, config: Config, file: str = SETTINGS) -> Config:
        """Return a configuration with these changes made. Raises ConfigError."""
        data = msgspec.to_builtins(config)
        for key, value in _tables(self.values).items():
            data[key] = data[key] | value if isinstance(value, dict) else value
        return configuration.convert(data, file)

    def with_value(self, key: str, value: Any) -> Changes:
        """Return them with one more."""
        return Changes(self.values | {key: value})


def load(state_dir: Path, config: Config) -> Changes:
    """Read what was changed on the screen; ``problem`` is set, and nothing else, when it can't be used."""
    path = state_dir / SETTINGS
    if not path.is_file():
        return Changes()
    try:
        data = configuration.decode(configuration.read(path), str(path))
        for key in sorted(configuration.keys_of(data) - KEYS):
            raise ConfigError("config.unknown", str(path), key, "a key of the settings", "another one")
        changes = Changes(_flat(data))
        changes.over(config, str(path))
    except ConfigError as error:
        return Changes(problem=error)
    return changes


def without_pin(given: Config) -> Config:
    """The configuration as the box keeps it in memory: the PIN is kept as a hash, elsewhere."""
    return msgspec.structs.replace(given, admin=configuration.Admin())


def set_aside(state_dir: Path, problem: ConfigError) -> None:
    """Put a file that can't be used where somebody can look at it, and say so in the log."""
    log.warning("settings.broken %s; the file is %s now", problem.sentence, BROKEN)
    try:
        (state_dir / SETTINGS).replace(state_dir / BROKEN)
    except OSError as error:
        log.warning("settings.not-set-aside %s", error.strerror)


def to_bytes(changes: Changes) -> bytes:
    """The file's contents."""
    return (_HEADER + configuration.to_toml(_tables(changes.values))).encode()


def in_force(loaded: Loaded, state_dir: Path) -> Loaded:
    """The configuration with what was changed on the screen, for commands that only look."""
    changes = load(state_dir, loaded.config)
    return loaded if changes.problem else replace(loaded, config=changes.over(loaded.config))


def _flat(data: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{key}.{inner}" if inner else key: value if inner else data[key]
        for key, table in data.items()
        for inner, value in (table.items() if isinstance(table, dict) else (("", table),))
    }


def _tables(values: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in values.items():
        table, _, inner = key.rpartition(".")
        if table:
            data.setdefault(table, {})[inner] = value
        else:
            data[key] = value
    return data
