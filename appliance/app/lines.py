"""Direct lines: dialing a peer's, and answering one that somebody dialed here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.core import limits
from appliance.core.channel import SealedChannel
from appliance.core.identity import BoxIdentity
from appliance.core.line import LineAnswerer, LineDialer, LineState
from appliance.core.line_gate import LineGate
from appliance.core.line_secrets import LineSecrets
from appliance.errors import RemoteProtocolError
from appliance.signaling.line_socket import LineClosed, LineSocket, LineUnreachable, dial_line


async def dial_peer(
    addresses: Sequence[str],
    port: int,
    pair: str,
    secrets: LineSecrets,
    identity: BoxIdentity,
    now: Callable[[], float],
) -> tuple[LineSocket, SealedChannel]:
    """Open the direct line to a peer and prove ourselves there.

    The newest secret is tried first, then those it came from: the last line may have broken before
    both sides had taken the new one. Raises LineRefused (nobody listens), LineUnreachable, LineClosed
    (``line.unknown``: the other box has forgotten us) or RemoteProtocolError.
    """
    failure: LineClosed | RemoteProtocolError | None = None
    for secret in secrets.candidates(pair, now()):
        socket = await dial_line(addresses, port, limits.LINE_WITHIN)
        if not secrets.candidates(pair, now()):  # the pair ended meanwhile
            await socket.close()
            break
        dialer = LineDialer(secrets, pair, secret, identity, os.urandom)
        try:
            async with asyncio.timeout(limits.LINE_WITHIN):
                await socket.send(dialer.start())
                while dialer.state is not LineState.UP:
                    for frame in dialer.receive(await socket.receive(), now()):
                        await socket.send(frame)
        except (LineClosed, RemoteProtocolError) as error:
            failure = error
            await socket.close()
        except TimeoutError:
            await socket.close()
            raise LineUnreachable("no answer in time") from None
        except BaseException:
            await socket.close()
            raise
        else:
            return socket, dialer.channel
    raise failure or LineUnreachable("the two never met, or too long ago")


@dataclass(frozen=True, slots=True)
class Lines:
    """What answering needs of a room that the box is in.

    ``expecting``: is there a proven peer whose identity is still on its way? It may dial already.
    """

    secrets: LineSecrets
    identity: BoxIdentity
    expecting: Callable[[], bool]
    opened: Callable[[str, LineSocket, SealedChannel], bool]


async def answer_line(
    line: LineSocket,
    rooms: Sequence[Lines],
    gate: LineGate,
    now: Callable[[], float],
    count: Callable[[str], None],
) -> None:
    """Run the handshake of a line that somebody dialed; close it when it is nobody's in any room."""
    try:
        if not gate.allows(line.remote, now()):
            raise RemoteProtocolError("line.too-many", "Too many lines that were nobody's.")
        if not rooms:
            raise RemoteProtocolError("line.not-wanted", "A line, but no meeting.")
        async with asyncio.timeout(limits.LINE_WITHIN):
            handshake, lines = await _answer(line, rooms, now)
        if not lines.opened(handshake.pair, line, handshake.channel):
            await line.close()
    except RemoteProtocolError as error:
        gate.failed(line.remote, now())
        count(error.code)
        await line.close(unknown=error.code in ("line.unknown", "line.not-wanted"))
    except (LineClosed, TimeoutError):
        count("line.unproven")
        await line.close()


async def _answer(
    line: LineSocket, rooms: Sequence[Lines], now: Callable[[], float]
) -> tuple[LineAnswerer, Lines]:
    first = await line.receive()
    while (begun := _begin(first, rooms, now())) is None:
        if not any(lines.expecting() for lines in rooms):
            raise RemoteProtocolError("line.unknown", "A direct line was refused.")
        # Its identity came by another way than this line and may be a little slower.
        await asyncio.sleep(limits.LINE_IDENTITY_WAIT)
    handshake, lines, replies = begun
    while True:
        for frame in replies:
            await line.send(frame)
        if handshake.state is LineState.UP:
            return handshake, lines
        replies = handshake.receive(await line.receive(), now())


def _begin(
    first: bytes, rooms: Sequence[Lines], now: float
) -> tuple[LineAnswerer, Lines, list[bytes]] | None:
    """Take the first message in the room whose pair it names; None when no room knows it."""
    for lines in rooms:
        handshake = LineAnswerer(lines.secrets, lines.identity, os.urandom)
        try:
            return handshake, lines, handshake.receive(first, now)
        except RemoteProtocolError as error:
            if error.code != "line.unknown":
                raise
    return None
