"""A box starts whatever is in its settings file: with the last good one, while that one has a mistake."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from appliance import config
from appliance.app.state_writing import save
from appliance.config import Config, Loaded
from appliance.errors import ConfigError
from appliance.settings_file import without_pin

log = logging.getLogger("meetingbox")

LAST_GOOD = "settings-last-good.toml"  # of the state folder


def load(path: Path | None, state_dir: Path) -> tuple[Loaded, ConfigError | None]:
    """Read the configuration as ``config.load``; a ConfigError is returned with what is in force instead.

    In force is then the last good configuration, and the defaults where there is none.
    """
    try:
        loaded = config.load(path)
    except ConfigError as error:
        log.warning("%s %s", error.code, error.sentence)
        return Loaded(_last(state_dir), config.find(path)), error
    _keep(state_dir, loaded.config)
    return loaded, None


def _last(state_dir: Path) -> Config:
    file = state_dir / LAST_GOOD
    try:
        return config.parse(file.read_text(encoding="utf-8"), str(file))
    except FileNotFoundError:
        return Config()
    except (OSError, ValueError, ConfigError) as error:
        log.warning("state.damaged %s %s", LAST_GOOD, type(error).__name__)
        return Config()


def _keep(state_dir: Path, good: Config) -> None:
    """Written only when it is another one: a card that is not written to does not wear out. Without the admin
    PIN, which is kept as a hash.
    """
    text = config.effective_toml(without_pin(good), masked=False).encode()
    try:
        if (state_dir / LAST_GOOD).read_bytes() == text:
            return
        usable = True
    except OSError:
        usable = state_dir.is_dir() and os.access(state_dir, os.W_OK)
    if usable:
        save(state_dir, LAST_GOOD, text)
