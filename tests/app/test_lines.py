"""Direct lines between two boxes that met, over real sockets."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from appliance.app.lines import Lines, answer_line, dial_peer
from appliance.core import limits
from appliance.core.channel import SealedChannel
from appliance.core.identity import BoxIdentity
from appliance.core.line_gate import LineGate
from appliance.core.line_secrets import LineSecrets
from appliance.errors import MeetingBoxError
from appliance.signaling.line_socket import LineRefused, LineSocket, LineUnreachable
from appliance.signaling.server import SignalingServer

ALICE, BOB = BoxIdentity(bytes([1]) * 32), BoxIdentity(bytes([2]) * 32)
RESUME = bytes([7]) * 32


def now() -> float:
    return asyncio.get_running_loop().time()


def met() -> tuple[LineSecrets, LineSecrets]:
    """What Alice (A) and Bob (B) remember of each other."""
    alices, bobs = LineSecrets(), LineSecrets()
    alices.remember("bob", "A", RESUME, BOB.public_key, time.monotonic())
    bobs.remember("alice", "B", RESUME, ALICE.public_key, time.monotonic())
    return alices, bobs


class Answering:
    """Bob's server, and what came of the lines that were dialed there."""

    def __init__(self, secrets: LineSecrets, *, expecting: Callable[[], bool] = lambda: False) -> None:
        self.codes: Counter[str] = Counter()
        self.lines: list[tuple[str, LineSocket, SealedChannel]] = []
        self.opened = asyncio.Event()
        self.gate = LineGate()
        self.meeting: Lines | None = Lines(secrets, BOB, expecting, self._opened)
        self.server = SignalingServer("meetingbox", 0, allow_room=lambda room: True, on_line=self._answer)

    def _opened(self, pair: str, socket: LineSocket, channel: SealedChannel) -> bool:
        self.lines.append((pair, socket, channel))
        self.opened.set()
        return True

    async def _answer(self, line: LineSocket) -> None:
        def count(code: str) -> None:
            self.codes[code] += 1

        await answer_line(line, [self.meeting] if self.meeting else [], self.gate, now, count)

    async def __aenter__(self) -> Answering:
        await self.server.start(["127.0.0.1"])
        return self

    async def __aexit__(self, *args: object) -> None:
        for _, socket, _ in self.lines:
            await socket.close()
        await self.server.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await test()

    asyncio.run(bounded())


async def dial(secrets: LineSecrets, port: int) -> tuple[LineSocket, SealedChannel]:
    return await dial_peer(["127.0.0.1"], port, "bob", secrets, ALICE, now)


def test_two_that_met_open_a_sealed_line() -> None:
    async def test() -> None:
        alices, bobs = met()
        async with Answering(bobs) as bob:
            socket, channel = await dial(alices, bob.server.port)
            await socket.send(channel.seal(b"over the line"))
            await bob.opened.wait()
            pair, theirs, sealed = bob.lines[0]
            assert pair == "alice"
            assert sealed.open(await theirs.receive()) == b"over the line"
            await socket.close()

    run(test)


def test_a_second_line_opens_with_the_new_secret() -> None:
    async def test() -> None:
        alices, bobs = met()
        async with Answering(bobs) as bob:
            for _ in range(3):
                socket, _ = await dial(alices, bob.server.port)
                await socket.close()
            assert not bob.codes
        assert RESUME not in {secret.value for secret in alices.candidates("bob", now())}

    run(test)


def test_a_stranger_gets_no_line_and_is_counted() -> None:
    async def test() -> None:
        _, bobs = met()
        stranger = LineSecrets()
        stranger.remember("bob", "A", os.urandom(32), BOB.public_key, time.monotonic())
        async with Answering(bobs) as bob:
            with pytest.raises(MeetingBoxError) as error:
                await dial(stranger, bob.server.port)
            assert error.value.code == "line.unknown"
            assert bob.codes == {"line.unknown": 1}
            assert not bob.lines

    run(test)


def test_an_address_that_fails_too_often_is_not_listened_to_any_more() -> None:
    async def test() -> None:
        alices, bobs = met()
        stranger = LineSecrets()
        stranger.remember("bob", "A", os.urandom(32), BOB.public_key, time.monotonic())
        async with Answering(bobs) as bob:
            for _ in range(limits.LINE_FAILURES_MAX):
                with pytest.raises(MeetingBoxError):
                    await dial(stranger, bob.server.port)
            with pytest.raises(MeetingBoxError):
                await dial(alices, bob.server.port)
            assert bob.codes["line.too-many"] == 1

    run(test)


def test_a_line_that_comes_before_its_identity_waits_for_it() -> None:
    async def test() -> None:
        alices, bobs = LineSecrets(), LineSecrets()
        alices.remember("bob", "A", RESUME, BOB.public_key, time.monotonic())
        async with Answering(bobs, expecting=lambda: True) as bob:
            dialing = asyncio.ensure_future(dial(alices, bob.server.port))
            await asyncio.sleep(3 * limits.LINE_IDENTITY_WAIT)
            bobs.remember("alice", "B", RESUME, ALICE.public_key, time.monotonic())
            socket, _ = await dialing
            await socket.close()
            assert not bob.codes

    run(test)


def test_a_box_in_no_meeting_answers_no_line() -> None:
    async def test() -> None:
        alices, bobs = met()
        async with Answering(bobs) as bob:
            bob.meeting = None
            with pytest.raises(MeetingBoxError) as error:
                await dial(alices, bob.server.port)
            assert error.value.code == "line.unknown"
            assert bob.codes == {"line.not-wanted": 1}

    run(test)


def test_nobody_listening_is_told_apart_from_nobody_answering() -> None:
    async def test() -> None:
        alices, bobs = met()
        async with Answering(bobs) as bob:
            port = bob.server.port
        with pytest.raises(LineRefused):
            await dial(alices, port)
        with pytest.raises(LineUnreachable):
            await dial(LineSecrets(), port)

    run(test)
