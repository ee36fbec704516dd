"""A box reduced to its signaling server and discovery, as a process of its own.

``python box_process.py NAME PORT PROBE_EVERY [INTERFACE ...]`` writes one JSON object a line to stdout:
``{"event": "ready", "at": ..., "port": ..., "instance": ...}``, then
``{"event": "boxes", "at": ..., "boxes": [[name, present, [address, ...], port], ...]}`` at every change.
``at`` is CLOCK_MONOTONIC, which all processes of a machine share. SIGTERM ends it properly.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.core import limits
from appliance.signaling.discovery import Discovery, FoundBox
from appliance.signaling.interfaces import InterfaceWatcher, host_addresses
from appliance.signaling.line_socket import LineSocket
from appliance.signaling.server import SignalingServer


def _write(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, "at": time.monotonic(), **fields}), flush=True)


async def _run(name: str, port: int, chosen: list[str]) -> None:
    async def hang_up(line: LineSocket) -> None:
        await line.close()

    def changed(boxes: tuple[FoundBox, ...]) -> None:
        _write("boxes", boxes=[[b.name, b.present, list(b.addresses), b.port] for b in boxes])

    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    moved = asyncio.Event()
    watcher = InterfaceWatcher(chosen, lambda _: moved.set())
    interfaces = watcher.start()
    server = SignalingServer("meetingbox", port, allow_room=lambda _: True, on_line=hang_up)
    await server.start(host_addresses(interfaces))
    discovery = Discovery(name, server.port, changed)
    await discovery.start(interfaces)
    _write("ready", port=server.port, instance=discovery.instance)

    async def follow() -> None:
        while True:
            await moved.wait()
            moved.clear()
            await server.update(host_addresses(watcher.interfaces))
            await discovery.update(watcher.interfaces)
            _write("moved", addresses=host_addresses(watcher.interfaces))

    following = asyncio.create_task(follow())
    await ended.wait()
    following.cancel()
    watcher.stop()
    await discovery.stop()
    await server.stop()


class BoxProcess:
    """The same, seen from the test that started it."""

    def __init__(
        self,
        popen: Callable[..., subprocess.Popen[Any]],
        name: str,
        port: int,
        *chosen: str,
        probe_every: float = limits.BOX_PROBE_EVERY,
    ) -> None:
        argv = [sys.executable, __file__, name, str(port), str(probe_every), *chosen]
        folder = str(Path(__file__).parents[2])
        self.process = popen(argv, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": folder})
        assert self.process.stdout is not None
        self._out = self.process.stdout.fileno()
        os.set_blocking(self._out, False)
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def wait_for(self, what: Callable[[dict[str, Any]], bool], within: float) -> dict[str, Any]:
        """Return the first event since the last call for which ``what`` holds."""
        deadline = time.monotonic() + within
        while True:
            while self.events:
                event = self.events.pop(0)
                if what(event):
                    return event
            assert time.monotonic() < deadline, "the box did not say so in time"
            self._read()

    def boxes(self, names: set[str], within: float) -> dict[str, Any]:
        """Wait until exactly these are the present boxes that it sees."""
        return self.wait_for(
            lambda event: event["event"] == "boxes" and {b[0] for b in event["boxes"] if b[1]} == names,
            within,
        )

    def ready(self) -> dict[str, Any]:
        return self.wait_for(lambda event: event["event"] == "ready", 10.0)

    def kill(self) -> float:
        """SIGKILL: no goodbye. Returns when."""
        self.process.kill()
        at = time.monotonic()
        self.process.wait()
        return at

    def end(self) -> float:
        """SIGTERM. Returns when."""
        at = time.monotonic()
        self.process.terminate()
        assert self.process.wait(5.0) == 0
        return at

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        if not select.select([self._out], [], [], 0.05)[0]:
            return
        data = os.read(self._out, 65536)
        assert data, "the box ended"
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.events += [json.loads(line) for line in lines]


if __name__ == "__main__":
    limits.BOX_PROBE_EVERY = float(sys.argv[3])
    asyncio.run(_run(sys.argv[1], int(sys.argv[2]), sys.argv[4:]))
