"""What is on the screen before the box is there: its name, its rooms, the look and language that were chosen.

A box takes seconds to start on a small computer, most of them to load its libraries. The screen needs few of
these, and people can begin to type meanwhile: what they wish is kept for the box (`Bridge.listen`).
"""

from __future__ import annotations

from pathlib import Path

from appliance import settings_file
from appliance.config import Config, box_name
from appliance.core.view import LookView, NetworkView, Preset, Snapshot


def first_page(config: Config, state_dir: Path) -> Snapshot:
    """Home, with what was changed on the screen before this start; nothing is known of network and devices.

    A file of changes that can't be used is none here: the box says so when it is there.
    """
    changes = settings_file.load(state_dir, config)
    if changes.problem is None:
        config = changes.over(config)
    return Snapshot(
        name=box_name(config), network=NetworkView("unknown", ""), presets=presets(config), look=look(config)
    )


def look(config: Config) -> LookView:
    """How the screen looks, as the config says."""
    display = config.display
    return LookView(display.theme, display.reduced_motion, display.language)


def presets(config: Config) -> tuple[Preset, ...]:
    """The rooms at home, as the config says."""
    return tuple(Preset(preset.label, preset.room) for preset in config.presets)
