"""What answers at an address: each of the things that can, on loopback."""

from __future__ import annotations

import asyncio
import socket

import pytest
from signaling.test_client import HOST, nobody, serving

from appliance.core import limits
from appliance.signaling.look import Answer, look_at


@pytest.mark.parametrize("token", ["meetingbox", "a long one"])
def test_a_server_of_ours_is_known_and_nobody_is_in_a_room_for_it(token: str) -> None:
    async def run() -> None:
        async with serving(token) as server:
            assert await look_at(HOST, server.port, token) is Answer.SERVER
            assert server.counters["signaling.client"] == 0

    asyncio.run(run())


def test_a_server_of_others_says_so() -> None:
    async def run() -> None:
        async with serving("theirs") as server:
            assert await look_at(HOST, server.port, "ours") is Answer.OTHER_TOKEN

    asyncio.run(run())


def test_nobody_listens() -> None:
    assert asyncio.run(look_at(HOST, nobody(), "meetingbox")) is Answer.NOBODY


def test_somebody_who_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DIAL_WITHIN", 0.3)
    with socket.create_server((HOST, 0)) as silent:
        assert asyncio.run(look_at(HOST, silent.getsockname()[1], "meetingbox")) is Answer.SILENCE


@pytest.mark.parametrize(
    "said",
    [
        b"220 mail ready\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 302 x\r\nLocation: http://x/\r\n\r\n",
        b"",
    ],
)
def test_somebody_who_is_no_server_of_ours(said: bytes) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(talk, HOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert await look_at(HOST, port, "meetingbox") is Answer.SOMETHING

    asyncio.run(run())
