"""The box as a program: two threads, started in order and ended in reverse.

The main thread draws (``display``), because SDL wants it so; the network thread runs everything
else on one event loop (``app.box``). They share the ``bridge`` and nothing more.

The first page is drawn before the box is even imported: what pictures and sound need takes most of the time
of a start, and nobody who stands before the screen waits for that.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance import kiosk
from appliance.app import memory
from appliance.app.first_page import first_page
from appliance.app.heartbeat import Heartbeat
from appliance.app.state_dir import check_state_dir
from appliance.bridge import Bridge
from appliance.config import Config, runtime_dir
from appliance.core import limits
from appliance.display.loop import Display
from appliance.errors import ConfigError, MeetingBoxError
from appliance.notify import ServiceManager, from_environment

if TYPE_CHECKING:
    import asyncio

    from appliance.app.box import Box

log = logging.getLogger("meetingbox")


class NetworkThread:
    """Runs a box's event loop on a thread of its own; owns that thread."""

    def __init__(self, make_box: Callable[[], Box], display: Display, manager: ServiceManager) -> None:
        self._make_box = make_box
        self._display = display
        self._manager = manager
        self._thread = threading.Thread(target=self._run, name="network")
        self._started = False
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.failure: BaseException | None = None
        """What ended the box, or kept it from starting."""
        self.comes_back = True
        """Whether the next start goes on with the meeting: always, unless a person ends the box."""

    def start(self) -> None:
        """Start the box, as soon as a first page is drawn; where it can't, the display is stopped."""
        self._thread.start()

    def stop(self) -> None:
        """End the box and its thread; bounded by the sum of its own steps."""
        self._stopping = True
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def died(self) -> bool:
        """Did the loop of a box that ran end by an error?"""
        return self._started and self.failure is not None

    def _run(self) -> None:
        try:
            self._display.wait_drawn(limits.FIRST_PAGE_WITHIN)
            kiosk.let_the_rest_start(os.environ)
            if not self._stopping:
                import asyncio

                asyncio.run(self._main())
        except BaseException as error:
            self.failure = error
            if self._started:
                log.exception("network.died")
        finally:
            self._display.stop()

    async def _main(self) -> None:
        import asyncio

        from appliance.app.status import in_a_line

        loop = asyncio.get_running_loop()
        self._stop = stop = asyncio.Event()
        self._loop = loop
        box = self._make_box()
        memory.settle()
        await box.start()
        heartbeat = Heartbeat(loop, self._manager, self._display, lambda: in_a_line(box))
        heartbeat.start()
        self._started = True
        if self._stopping:  # since before there was a loop to tell
            stop.set()
        try:
            await stop.wait()
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
    bridge = Bridge(first_page(config, state_dir))
    display = Display(bridge, config.display, wall=datetime.now)

    def make_box() -> Box:
        from appliance.app.box import Box

        return Box(
            config,
            bridge,
            display,
            config_path=config_path,
            state_dir=state_dir,
            socket_path=socket_path,
            runtime_dir=runtime_dir(),
            mistake=mistake,
        )

    network = NetworkThread(make_box, display, manager)
    told: list[int] = []

    def end(number: int, _frame: object) -> None:
        told.append(number)
        display.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    network.start()
    try:
        _draw(display)
        # Ctrl+C or a closed window is a person who has enough of it; a service is told by SIGTERM.
        network.comes_back = network.died or display.server_ended or signal.SIGTERM in told
    finally:
        manager.stopping()
        network.stop()
        manager.close()
    if network.failure is not None and not network.died:
        raise network.failure
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
