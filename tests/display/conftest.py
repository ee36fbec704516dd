"""Displays for tests, ended after each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from display_helpers import SIZE, Shower, Shown

from appliance import config
from appliance.bridge import Bridge
from appliance.core.view import Snapshot
from appliance.display import Display


@pytest.fixture
def shower(tmp_path: Path) -> Iterator[Shower]:
    """Starts displays, and ends them after the test."""
    running: list[Shown] = []

    def start(snapshot: Snapshot, size: tuple[int, int] = SIZE, **settings: object) -> Shown:
        bridge = Bridge(snapshot)
        values = {"mode": "headless", "width": size[0], "height": size[1]} | settings
        shown = Shown(bridge, Display(bridge, config.Display(**values)), tmp_path)
        bridge.listen(shown.deliver)
        shown.display.open()
        shown.thread = threading.Thread(target=shown.display.run, name="display")
        shown.thread.start()
        running.append(shown)
        shown.settle()
        return shown

    yield start
    for shown in running:
        shown.display.stop()
        assert shown.thread is not None
        shown.thread.join(5)
        shown.display.close()
