"""The channels of one room, at real servers on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from appliance.app.channels import Channels
from appliance.signaling.client import ServerAddress
from appliance.signaling.line_socket import LineSocket
from appliance.signaling.server import SignalingServer

HOST, ROOM, TOKEN = "127.0.0.1", 42, "meetingbox"


class Box:
    """One box's channels, and what it heard."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.knocks = True
        self.heard: list[str] = []
        self.lost: list[str] = []
        self.refused = self.settled = 0
        self.channels = Channels(
            ROOM,
            TOKEN,
            knocks=lambda: self.knocks,
            hello=lambda: f"hello of {name}",
            heard=lambda relay, text: self.heard.append(f"{relay}: {text}"),
            lost=self.lost.append,
            refused=self._refused,
            settled=self._settled,
        )

    def _refused(self) -> None:
        self.refused += 1

    def _settled(self) -> None:
        self.settled += 1


async def no_line(line: LineSocket) -> None:
    await line.close()


@asynccontextmanager
async def room(*boxes: Box, open_: bool = True) -> AsyncIterator[SignalingServer]:
    """A server that every box knows as "one"."""
    server = SignalingServer(TOKEN, 0, allow_room=lambda _: open_, on_line=no_line)
    await server.start([HOST])
    try:
        for box in boxes:
            box.channels.set_servers([ServerAddress.discovered("one", [HOST], server.port)])
        yield server
    finally:
        for box in boxes:
            await box.channels.close()
        await server.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_a_box_says_hello_as_a_channel_opens_and_when_it_greets() -> None:
    async def both() -> None:
        a, b = Box("a"), Box("b")
        async with room(a) as server:
            await until(lambda: a.channels.asked == 1)
            b.channels.set_servers([ServerAddress.discovered("one", [HOST], server.port)])
            await until(lambda: a.heard == ["one: hello of b"])
            a.channels.greet()
            await until(lambda: b.heard == ["one: hello of a"])
            assert b.channels.send("one", "more")
            await until(lambda: a.heard[1:] == ["one: more"])
            assert a.channels.servers_dialed == (frozenset({"one"}), frozenset({"one"}))
            assert a.settled
            await b.channels.close()

    run(both())


def test_who_does_not_knock_is_in_no_channel_until_it_does() -> None:
    async def closed_then_open() -> None:
        box = Box("a")
        box.knocks = False
        async with room(box):
            await asyncio.sleep(0.05)
            assert box.channels.servers_dialed[0] == frozenset()
            box.knocks = True
            box.channels.follow()
            await until(lambda: box.channels.asked == 1)
            box.knocks = False
            box.channels.follow()
            await until(lambda: box.channels.asked == 0)

    run(closed_then_open())


def test_a_room_that_its_server_closed_is_told_from_a_server_that_went() -> None:
    async def refused() -> None:
        box = Box("a")
        async with room(box, open_=False):
            await until(lambda: box.refused > 0)
            assert box.lost == []

    async def lost() -> None:
        box = Box("a")
        async with room(box) as server:
            await until(lambda: box.channels.asked == 1)
            await server.stop()
            await until(lambda: box.lost == ["one"])
            assert box.refused == 0

    run(refused())
    run(lost())


def test_who_left_hears_nothing() -> None:
    async def ended() -> None:
        a, b = Box("a"), Box("b")
        async with room(a, b):
            await until(lambda: a.channels.asked == b.channels.asked == 1)
            await until(lambda: bool(a.heard or b.heard))
            a.channels.ended = True
            before = list(a.heard)
            b.channels.greet()
            await asyncio.sleep(0.05)
            assert a.heard == before

    run(ended())
