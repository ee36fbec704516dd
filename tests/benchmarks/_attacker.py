"""The attacker of ``abuse.py``: one attack, from a computer of its own, then one JSON line of what it did.

It runs at nice 19 and paces itself: what is measured is what the box spends on it, and both share a machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from appliance.core import messages as m
from appliance.core.handshake import Handshakes
from appliance.core.handshake_effects import SendFrame
from appliance.errors import RemoteProtocolError

CONNECTIONS = 10_000
CONNECTIONS_PER_S = 800.0
GARBAGE = 100_000
GARBAGE_PER_CONNECTION = 2_500
GARBAGE_PER_S = 8_000.0
SLOW_READERS = 20
SLOW_S = 12.0
OVERSIZED = 600
OVERSIZED_PER_S = 50.0
GUESSES = 1_000
GUESSES_PER_S = 80.0
FAKE_IDS = 1_000
WRONG = "000000"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class Pace:
    """Lets so many pass in a second."""

    def __init__(self, per_s: float) -> None:
        self._every = 1 / per_s
        self._at = time.monotonic()

    async def turn(self, count: int = 1) -> None:
        self._at = max(self._at, time.monotonic() - 0.1) + count * self._every
        await asyncio.sleep(max(0.0, self._at - time.monotonic()))


def opening(room: int) -> bytes:
    return (
        f"GET /{room}?apiKey=meetingbox HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def text_frame(text: bytes, length: int | None = None) -> bytes:
    """A masked text frame (RFC 6455 section 5.2); ``length``: what its header claims."""
    size = len(text) if length is None else length
    if size < 126:
        head = struct.pack("!BB", 0x81, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x81, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x81, 0x80 | 127, size)
    return head + bytes(4) + text


class Attack:
    """One attack on the box at ``address``, in ``room``. ``did``: what happened, counted."""

    def __init__(self, addresses: list[str], port: int, room: int) -> None:
        self.addresses = addresses
        self.address, self.port, self.room = addresses[0], port, room
        self.did: Counter[str] = Counter()
        self._rng = random.Random(5)

    async def _raw(self, receive: int | None = None) -> socket.socket | None:
        """A TCP connection, or None when there is none to be had."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if receive is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        try:
            async with asyncio.timeout(1.0):
                await asyncio.get_running_loop().sock_connect(sock, (self.address, self.port))
        except (OSError, TimeoutError):
            self.did["no connection"] += 1
            sock.close()
            return None
        self.did["connections"] += 1
        return sock

    async def _websocket(self, receive: int | None = None) -> socket.socket | None:
        sock = await self._raw(receive)
        if sock is None:
            return None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(2.0):
                await loop.sock_sendall(sock, opening(self.room))
                if b" 101 " in await loop.sock_recv(sock, 512):
                    return sock
        except (OSError, TimeoutError):
            pass
        self.did["refused"] += 1
        sock.close()
        return None

    async def _write(self, sock: socket.socket, data: bytes, within: float) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(within):
                await asyncio.get_running_loop().sock_sendall(sock, data)

    # --- the attacks --------------------------------------------------------------------------

    async def connections(self) -> None:
        """Connect and go, connect and stay, connect and say half of something."""
        pace, held = Pace(CONNECTIONS_PER_S), []
        for number in range(CONNECTIONS):
            await pace.turn()
            sock = await (self._websocket() if number % 10 == 0 else self._raw())
            if sock is None:
                continue
            if number % 3 == 0:
                held.append(sock)
                if len(held) > 200:
                    held.pop(0).close()
                continue
            if number % 3 == 1:
                await self._write(sock, b"GET /42?apiKey=meetingbox HTTP/1.1\r\nHost", 0.1)
            sock.close()
        for sock in held:
            sock.close()

    async def garbage(self) -> None:
        """Frames of every kind that mean nothing, as many as the box's socket takes, from many clients."""
        pace = Pace(GARBAGE_PER_S)
        while self.did["frames"] < GARBAGE:
            await pace.turn(GARBAGE_PER_CONNECTION)
            sock = await self._websocket()
            if sock is None:
                continue
            await self._write(sock, b"".join(self._nonsense() for _ in range(GARBAGE_PER_CONNECTION)), 0.5)
            self.did["frames"] += GARBAGE_PER_CONNECTION
            sock.close()

    def _nonsense(self) -> bytes:
        rng = self._rng
        match rng.randrange(4):
            case 0:
                return text_frame(bytes(rng.choices(range(32, 127), k=rng.randrange(200))))
            case 1:
                return text_frame(b"[" * rng.randrange(120))
            case 2:
                return text_frame(json.dumps({"type": "hello", "v": 1, "room": self.room}).encode())
            case _:
                text = {"type": "proof", "from": rng.randbytes(16).hex(), "to": rng.randbytes(16).hex()}
                return text_frame(json.dumps(text).encode())

    async def slow(self) -> None:
        """Join and never read, while somebody else has a lot to say."""
        ends = time.monotonic() + SLOW_S
        readers: list[socket.socket] = []
        speaker = await self._websocket()
        while time.monotonic() < ends:
            if len(readers) < SLOW_READERS - 1 and (sock := await self._websocket(4096)) is not None:
                readers.append(sock)
            if speaker is not None:
                await self._write(speaker, text_frame(b"x" * 32_000), 0.3)
                self.did["frames"] += 1
            await asyncio.sleep(0.05)
        for sock in [*readers, *filter(None, [speaker])]:
            sock.close()

    async def oversized(self) -> None:
        """Frames and requests longer than anything that is allowed, or that say that they are."""
        pace = Pace(OVERSIZED_PER_S)
        for number in range(OVERSIZED):
            await pace.turn()
            sock = await (self._raw() if number % 4 == 3 else self._websocket())
            if sock is None:
                continue
            data = (
                text_frame(b"x" * 200_000),
                text_frame(b"x" * 1000, 1 << 62),
                text_frame(b"x" * 65_000) * 8,
                b"GET /42" + b"?" * 200_000,
            )[number % 4]
            await self._write(sock, data, 0.3)
            self.did["frames"] += 1
            sock.close()

    async def guesses(self) -> None:
        """Join with a wrong password, each time as somebody else; patiently while that leads to anything."""
        pace, tries = Pace(GUESSES_PER_S), iter(range(GUESSES))
        fruitless = 0
        for _ in range(GUESSES // 20):
            try:
                websocket = await connect(self._url(), proxy=None, compression=None)
            except (OSError, WebSocketException):
                self.did["no connection"] += 1
                await asyncio.sleep(0.2)
                continue
            async with websocket:
                for _, _ in zip(range(20), tries, strict=False):
                    await pace.turn()
                    proofs = self.did["proof"]
                    await self._guess(websocket, 0.7 if fruitless < 8 else 0.03)
                    fruitless = 0 if self.did["proof"] > proofs else fruitless + 1

    def _url(self, address: str | None = None) -> str:
        return f"ws://{address or self.address}:{self.port}/{self.room}?apiKey=meetingbox"

    async def _guess(self, websocket: ClientConnection, within: float) -> None:
        joiner = Handshakes(self.room, WRONG, time.monotonic(), os.urandom)
        self.did["tries"] += 1
        with contextlib.suppress(WebSocketException, TimeoutError):
            await websocket.send(joiner.hello())
            async with asyncio.timeout(within):
                while True:
                    await self._answer(websocket, joiner, await websocket.recv())

    async def _answer(self, websocket: ClientConnection, box: Handshakes, text: str | bytes) -> None:
        for effect in box.receive(websocket, "there", str(text), time.monotonic()):
            if isinstance(effect, SendFrame):
                self.did[json.loads(effect.text)["type"]] += 1
                await websocket.send(effect.text)

    async def inject(self) -> None:
        """To every frame of a handshake that passes, answer with forged ones of both sides, until killed."""

        async def over(address: str) -> None:
            async with connect(self._url(address), proxy=None, compression=None) as websocket:
                await websocket.send("{}")
                self.did["relays"] += 1
                async for text in websocket:
                    with contextlib.suppress(RemoteProtocolError):
                        for forged in self._forged(m.decode_outer(str(text))):
                            self.did["frames"] += 1
                            await websocket.send(m.encode_outer(forged))

        print(json.dumps({"ready": True}), flush=True)
        await asyncio.gather(*(again(over, address) for address in self.addresses))

    def _forged(self, frame: m.Outer) -> list[m.Outer]:
        junk = os.urandom
        if isinstance(frame, m.Hello):
            return [m.Hello(v=1, room=self.room, epk=frame.epk, nonce=junk(32), tags=junk(256), sig=junk(64))]
        if isinstance(frame, m.Challenge):
            return [
                m.Challenge(to=frame.to, epk=frame.epk, nonce=junk(32), y=frame.y, tag=junk(8), sig=junk(64))
            ]
        if isinstance(frame, m.Proof):
            there = {"sender": frame.to, "to": frame.sender}
            return [
                m.Proof(sender=frame.sender, to=frame.to, x=frame.x, confirm=junk(32), sig=junk(64)),
                m.Accept(**there, confirm=junk(32), sig=junk(64)),
                *(m.Reject(**there, code=code, sig=junk(64)) for code in ("proof", "turn", "proven")),
            ]
        return []

    async def fake(self) -> None:
        """Answer a joiner's hello as a thousand members, over every relay that it uses; until killed."""
        sent: set[str] = set()  # hellos that were answered: the joiner says the same one on every relay
        fakes = [Handshakes(self.room, WRONG, time.monotonic(), os.urandom) for _ in range(FAKE_IDS)]
        share = -(-len(fakes) // len(self.addresses))

        async def over(address: str, mine: list[Handshakes]) -> None:
            async with connect(self._url(address), proxy=None, compression=None) as websocket:
                await websocket.send("{}")
                self.did["relays"] += 1
                async for text in websocket:
                    kind = json.loads(text).get("type")
                    self.did[f"heard {kind}"] += 1
                    if kind == "proof":
                        sent.add(json.loads(text)["to"])
                        self.did["proofs"] = len(sent)
                    elif kind == "hello":
                        for fake in mine:
                            await self._answer(websocket, fake, text)
                            await asyncio.sleep(0.01)  # paced, and pings want their answers

        work = [
            again(over, address, fakes[number * share : (number + 1) * share])
            for number, address in enumerate(self.addresses)
        ]
        print(json.dumps({"ready": True}), flush=True)
        await asyncio.gather(*work)


async def again(attack: Callable[..., Awaitable[None]], *arguments: Any) -> None:
    """Whatever the box does to a connection, there is another one."""
    while True:
        with contextlib.suppress(OSError, WebSocketException):
            await attack(*arguments)
        await asyncio.sleep(0.5)


async def run(attack: Attack, what: str, seconds: float | None) -> None:
    work: Callable[[], Awaitable[None]] = getattr(attack, what)
    begun = time.monotonic()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work()
    did = {**attack.did, "seconds": round(time.monotonic() - begun, 1)}
    print(json.dumps(did), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="_attacker", description=__doc__)
    parser.add_argument(
        "what", choices=("connections", "garbage", "slow", "oversized", "guesses", "inject", "fake")
    )
    parser.add_argument("addresses", help="of the boxes, comma-separated; the first is the target")
    parser.add_argument("room", type=int)
    parser.add_argument("--port", type=int, default=8787)
    parser.add_argument("--seconds", type=float, help="end it after so long")
    arguments = parser.parse_args()
    os.nice(19)
    attack = Attack(arguments.addresses.split(","), arguments.port, arguments.room)
    asyncio.run(run(attack, arguments.what, arguments.seconds))


if __name__ == "__main__":
    main()
