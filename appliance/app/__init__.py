"""The box as a program: two threads, started in order and ended in reverse.

The main thread draws (``display``), because SDL wants it so; the network thread runs everything
else on one event loop (``app.box``). They share the ``bridge`` and nothing more.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from appliance.app import memory
from appliance.app.box import Box
from appliance.app.heartbeat import Heartbeat
from appliance.app.snapshot import look
from appliance.app.state_files import check_state_dir
from appliance.app.status import in_a_line
from appliance.bridge import Bridge
from appliance.config import Config, box_name, runtime_dir
from appliance.core import limits
from appliance.core.view import Snapshot
from appliance.display.loop import Display
from appliance.errors import ConfigError, MeetingBoxError
from appliance.notify import ServiceManager, from_environment

log = logging.getLogger("meetingbox")


class NetworkThread:
    """Runs a box's event loop on a thread of its own; owns that thread."""

    def __init__(self, make_box: Callable[[], Box], display: Display, manager: ServiceManager) -> None:
        self._make_box = make_box
        self._display = display
        self._manager = manager
        self._thread = threading.Thread(target=self._run, name="network")
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.comes_back = True
        """Whether the next start goes on with the meeting: always, unless a person ends the box."""

    def start(self) -> None:
        """Start the box; returns when it runs. Raises what kept it from starting."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """End the box and its thread; bounded by the sum of its own steps."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def died(self) -> bool:
        """Did the loop end by an error?"""
        return self._failure is not None

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._failure = error
            if self._started.is_set():
                log.exception("network.died")
        finally:
            self._started.set()
            self._display.stop()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        box = self._make_box()
        await box.start()
        heartbeat = Heartbeat(self._loop, self._manager, self._display, lambda: in_a_line(box))
        heartbeat.start()
        self._started.set()
        try:
            await self._stop.wait()
        finally:
            heartbeat.stop()
            await box.stop(comes_back=self.comes_back)


def run(
    config: Config,
    *,
    config_path: Path | None,
    socket_path: Path,
    state_dir: Path,
    mistake: ConfigError | None = None,
) -> int:
    """Be a box until it is told to stop; returns the exit code. Call it on the main thread.

    ``mistake``: of the configuration file, in whose place ``config`` is the last good one; home tells it.
    """
    check_state_dir(state_dir)
    manager = from_environment(os.environ)
    memory.prepare()
    # Every candidate pair of every link, at INFO: noise, and other people's addresses.
    logging.getLogger("aioice").setLevel(logging.WARNING)
    # Nine decoders and one drawing thread share the interpreter: sound must not wait 5 ms for it.
    sys.setswitchinterval(limits.SWITCH_INTERVAL)
    log.info("box.config %s", config_path or "defaults")
    bridge = Bridge(Snapshot(name=box_name(config), look=look(config)))
    display = Display(bridge, config.display, wall=datetime.now)
    network = NetworkThread(
        lambda: Box(
            config,
            bridge,
            display,
            config_path=config_path,
            state_dir=state_dir,
            socket_path=socket_path,
            runtime_dir=runtime_dir(),
            mistake=mistake,
        ),
        display,
        manager,
    )
    try:
        network.start()
    except BaseException:
        manager.close()
        raise
    told: list[int] = []

    def end(number: int, _frame: object) -> None:
        told.append(number)
        display.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        _draw(display)
        # Ctrl+C or a closed window is a person who has enough of it; a service is told by SIGTERM.
        network.comes_back = network.died or display.server_ended or signal.SIGTERM in told
    finally:
        manager.stopping()
        network.stop()
        manager.close()
    return 1 if network.died or display.server_ended else 0


def _draw(display: Display) -> None:
    """Draw until the end; without a screen draw headless, and take the screen when it appears."""
    try:
        display.open()
    except MeetingBoxError as error:
        log.warning("%s %s", error.code, error.sentence)
        display.open_headless()
    try:
        display.run()
    finally:
        display.close()
