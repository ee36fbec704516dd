"""Starting and stopping a box whose surroundings are not as it wants them."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from appliance import config
from appliance.app.box import Box
from appliance.bridge import Bridge
from appliance.core.limits import BOX_SEEN_FOR
from appliance.core.view import Phase, Snapshot
from appliance.errors import StartError
from appliance.signaling.discovery import FoundBox

SETTINGS = """
name = "Solo"
interfaces = ["lo"]
[signaling]
port = {port}
[video]
source = "none"
[audio]
microphone = "none"
speaker = "none"
"""


class NoScreen:
    def press(self, key: str) -> None: ...

    def screenshot(self, path: Path) -> None: ...


def make(tmp_path: Path, bridge: Bridge, port: int = 0) -> Box:
    return Box(
        config.parse(SETTINGS.format(port=port), "test"),
        bridge,
        NoScreen(),
        config_path=None,
        state_dir=tmp_path / "state",
        socket_path=tmp_path / "control.sock",
    )


def test_a_box_starts_shows_itself_and_ends_without_a_trace(tmp_path: Path) -> None:
    bridge = Bridge(Snapshot(name="Solo"))

    async def life() -> None:
        box = make(tmp_path, bridge)
        await box.start()
        await asyncio.sleep(0)
        assert bridge.snapshot.name == "Solo"
        assert bridge.snapshot.phase is Phase.IDLE
        assert bridge.snapshot.network.address == "127.0.0.1"
        await box.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(life())
    assert not (tmp_path / "control.sock").exists()


def test_a_box_that_went_is_listed_for_an_hour(tmp_path: Path) -> None:
    bridge = Bridge(Snapshot(name="Solo"))

    async def life() -> None:
        box = make(tmp_path, bridge)
        await box.start()
        now = box.now()
        box.book.found = tuple(
            FoundBox(name, name, ("127.0.0.1",), 8787, now - age, present)
            for name, age, present in (
                ("there", 2 * BOX_SEEN_FOR, True),
                ("went", BOX_SEEN_FOR - 60, False),
                ("gone", BOX_SEEN_FOR + 1, False),
            )
        )
        box.changed(at_once=True)
        await asyncio.sleep(0)
        assert [seen.name for seen in bridge.snapshot.boxes] == ["there", "went"]
        await box.stop()

    asyncio.run(life())


def test_a_port_in_use_is_a_clear_sentence_and_leaves_nothing_running(tmp_path: Path) -> None:
    async def life(port: int) -> None:
        box = make(tmp_path, Bridge(Snapshot(name="Solo")), port)
        threads = threading.active_count()
        with pytest.raises(StartError) as error:
            await box.start()
        assert error.value.code == "signaling.port-in-use"
        assert str(port) in error.value.sentence
        assert threading.active_count() == threads
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with socket.create_server(("127.0.0.1", 0)) as taken:
        asyncio.run(life(taken.getsockname()[1]))
    assert not (tmp_path / "control.sock").exists()
