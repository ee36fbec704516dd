"""What ``_plain`` and ``_ours`` share: a media engine as a program that is told what to do, line by line.

A request is one JSON object on a line of stdin, its answer one on stdout, in turn::

    {"do": "offer", "n": 0}                 {"sdp": "v=0..."}
    {"do": "answer", "n": 0, "sdp": "..."}  {"sdp": "v=0..."}
    {"do": "accept", "n": 0, "sdp": "..."}  {}
    {"do": "connected"}                     {}              when every connection is, within 15 s
    {"do": "take"}                          what was seen since the last ``take``, see ``Engine.take``
    {"do": "close", "n": 0}                 {}

``n`` names a connection. An answer ``{"error": "..."}`` says what went wrong. The end of stdin ends the
program. ``_engine_process`` is the other end.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from typing import Any

import psutil

from appliance.core import timecode

WIDTH, HEIGHT, FPS = 640, 360, 30
LINE_MAX = 1 << 20  # bytes of a request: a description has some 6 kB
CONNECTED_WITHIN = 15.0


class Watch:
    """Notes when each picture of one stream was there as RGB, and how old it was; any thread.

    ``counting``: only counts pictures; reading a time code costs as much as receiving its packets.
    """

    def __init__(self, *, counting: bool = False) -> None:
        self._counting = counting
        self._lock = threading.Lock()
        self._newest: int | None = None
        self._seen: list[tuple[float, float]] = []
        self._pictures = 0
        self._unreadable = 0
        self._repeated = 0

    def saw(self, rgb: timecode.Rgb, width: int = WIDTH, height: int = HEIGHT, pitch: int = 0) -> None:
        """A picture is there. One that is not younger than the one before it is no new picture."""
        if self._counting:
            self._pictures += 1
            return
        now = time.monotonic() * 1000
        drawn = timecode.read_rgb(rgb, width, height, pitch)
        with self._lock:
            self._pictures += 1
            if drawn is None:
                self._unreadable += 1
            elif self._newest is not None and timecode.age_ms(drawn, self._newest) >= 0:
                self._repeated += 1
            else:
                self._newest = drawn
                whole = int(now)
                self._seen.append((round(now, 2), round(timecode.age_ms(drawn, whole) + now - whole, 2)))

    def take(self) -> dict[str, Any]:
        """Return and forget what was seen."""
        with self._lock:
            taken = {
                "seen": self._seen,
                "pictures": self._pictures,
                "unreadable": self._unreadable,
                "repeated": self._repeated,
            }
            self._seen = []
            self._pictures = self._unreadable = self._repeated = 0
            return taken


class Engine:
    """A media engine with any number of connections; ``_plain`` and ``_ours`` fill it in."""

    def __init__(self) -> None:
        self.watches: dict[int, Watch] = {}

    async def start(self) -> None:
        """Start what all connections share."""

    async def offer(self, n: int) -> str:
        raise NotImplementedError

    async def answer(self, n: int, sdp: str) -> str:
        raise NotImplementedError

    async def accept(self, n: int, sdp: str) -> None:
        raise NotImplementedError

    def connected(self) -> bool:
        """Is every connection up?"""
        raise NotImplementedError

    async def close(self, n: int) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        """End every connection and what they share."""

    def counters(self, n: int) -> dict[str, Any]:
        """Figures of one connection that explain the others."""
        return {}

    def take(self) -> dict[str, Any]:
        """What was seen since the last time.

        ``now_ms``: monotonic. ``cpu_s``: seconds of CPU so far, of this process and its children.
        ``streams``: one for each connection: ``n``; ``seen``, [when a new picture was there as RGB, its age]
        in milliseconds, of the monotonic clock and since it was drawn (the time code has whole
        milliseconds, rounded down: ages are up to 1 ms too large); ``pictures``, all that came;
        ``unreadable``, those without a time code; ``repeated``, those that were no news; ``counters``.
        """
        streams = [
            {"n": n, **watch.take(), "counters": self.counters(n)} for n, watch in self.watches.items()
        ]
        return {"now_ms": round(time.monotonic() * 1000, 2), "cpu_s": round(_cpu_s(), 3), "streams": streams}


def _cpu_s() -> float:
    mine = os.times()
    total = mine.user + mine.system + mine.children_user + mine.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


async def _do(engine: Engine, request: dict[str, Any]) -> dict[str, Any]:
    match request:
        case {"do": "offer", "n": n}:
            return {"sdp": await engine.offer(n)}
        case {"do": "answer", "n": n, "sdp": sdp}:
            return {"sdp": await engine.answer(n, sdp)}
        case {"do": "accept", "n": n, "sdp": sdp}:
            await engine.accept(n, sdp)
        case {"do": "connected"}:
            async with asyncio.timeout(CONNECTED_WITHIN):
                while not engine.connected():  # noqa: ASYNC110 - several connections, each with its own events
                    await asyncio.sleep(0.005)
        case {"do": "take"}:
            return engine.take()
        case {"do": "close", "n": n}:
            await engine.close(n)
        case _:
            return {"error": f"unknown request {request.get('do')!r}"}
    return {}


async def _serve(engine: Engine) -> None:
    reader = asyncio.StreamReader(limit=LINE_MAX)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await engine.start()
    try:
        while line := await reader.readline():
            try:
                answer = await _do(engine, json.loads(line))
            except Exception as error:  # the one who asked decides what it means
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)
    finally:
        transport.close()
        await engine.stop()


def serve(engine: Engine) -> None:
    """Do what stdin says until its end."""
    asyncio.run(_serve(engine))
