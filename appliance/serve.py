"""A signaling server without media: for a subnet into which mDNS does not come, or two of them.

It is a box's own server, with the same limits and the same mDNS service, marked as no box: boxes join
their rooms through it and don't list it. It understands nothing of what it relays, and proves
nothing to anybody. Every room is open: who may join is decided by the members.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections import Counter
from collections.abc import Sequence

import msgspec

from appliance.config import Config
from appliance.core import limits
from appliance.errors import StartError
from appliance.notify import ServiceManager, from_environment
from appliance.signaling.discovery import Discovery
from appliance.signaling.interfaces import Interface, InterfaceWatcher, host_addresses, interface_problems
from appliance.signaling.line_socket import LineSocket
from appliance.signaling.server import SignalingServer

log = logging.getLogger("meetingbox")


class Relay:
    """The server, what it listens on, and its record in mDNS."""

    def __init__(self, config: Config, name: str) -> None:
        self.server = SignalingServer(
            config.signaling.token,
            config.signaling.port,
            allow_room=lambda _: True,
            on_line=self._hang_up,
        )
        self._name = name
        self._discovery: Discovery | None = None
        self._watcher = InterfaceWatcher(config.interfaces, self._moved)
        self._moving: asyncio.Task[None] | None = None
        self._told: Counter[str] = Counter()

    async def start(self) -> None:
        """Listen and announce. Raises StartError for a port that can't be had."""
        interfaces = self._watcher.start()
        try:
            await self.server.start(host_addresses(interfaces))
        except BaseException:
            self._watcher.stop()
            raise
        self._discovery = Discovery(self._name, self.server.port, lambda _: None, relay=True)
        await self._discovery.start(interfaces)
        log.info("serve.started port=%d addresses=%s", self.server.port, ",".join(self.server.addresses))

    async def stop(self) -> None:
        """Say goodbye to mDNS and to every client; bounded."""
        self._watcher.stop()
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.wait({self._moving})
        for ending in (self._discovery.stop() if self._discovery else None, self.server.stop()):
            if ending is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(limits.STOP_WITHIN):
                        await ending
        self.tell()
        log.info("serve.stopped")

    def tell(self) -> None:
        """Log what happened since the last time, by code: one line, none if nothing did."""
        news = self.server.counters - self._told
        self._told = Counter(self.server.counters)
        if news:
            log.info("serve.counted %s", " ".join(f"{code}={n}" for code, n in sorted(news.items())))

    @staticmethod
    async def _hang_up(line: LineSocket) -> None:
        await line.close(unknown=True)  # direct lines are for boxes

    def _moved(self, interfaces: tuple[Interface, ...]) -> None:
        before, self._moving = self._moving, asyncio.get_running_loop().create_task(self._follow(interfaces))
        if before is not None:
            before.cancel()

    async def _follow(self, interfaces: tuple[Interface, ...]) -> None:
        await self.server.update(host_addresses(interfaces))
        if self._discovery is not None:
            await self._discovery.update(interfaces)
        log.info("serve.moved addresses=%s", ",".join(self.server.addresses))


async def _feed(manager: ServiceManager, relay: Relay) -> None:
    """Tell the service manager that the loop turns, as often as it wants to hear it."""
    while True:
        manager.status(f"Serving on {', '.join(relay.server.addresses) or 'no address yet'}")
        if manager.watchdog is not None:
            manager.alive()
        await asyncio.sleep(min(limits.WATCHDOG_EVERY, (manager.watchdog or 60) / limits.HEARTBEAT_MISSED))


async def _serve(config: Config, name: str, manager: ServiceManager) -> None:
    relay = Relay(config, name)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await relay.start()
    manager.ready()
    feeding = loop.create_task(_feed(manager, relay)) if manager else None
    for problem in (*interface_problems(config.interfaces), *relay.server.problems):
        log.warning("serve.problem %s", problem)
    try:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limits.SERVE_TELL_EVERY):
                    await ended.wait()
            relay.tell()
    finally:
        manager.stopping()
        if feeding is not None:
            feeding.cancel()
            await asyncio.wait({feeding})
        await relay.stop()


def run(config: Config, name: str) -> int:
    """Serve until SIGTERM or Ctrl+C; returns the exit code. Raises StartError."""
    manager = from_environment(os.environ)
    try:
        asyncio.run(_serve(config, name, manager))
    except OSError as error:
        raise StartError("serve.network", f"The network can't be used: {error.strerror}.") from None
    finally:
        manager.close()
    return 0


def chosen(config: Config, port: int | None, interfaces: Sequence[str]) -> Config:
    """The configuration with what the command line says instead."""
    if interfaces:
        config = msgspec.structs.replace(config, interfaces=tuple(interfaces))
    if port is not None:
        signaling = msgspec.structs.replace(config.signaling, port=port)
        config = msgspec.structs.replace(config, signaling=signaling)
    return config
