"""A signaling server that stands between everybody and rewrites everything: ADDRESS PORT TOKEN FILE HOW.

It knows the protocol, has keys of its own, signs rightly with them, and knows no password. HOW:

``handshake``
    every box sees, in the place of each other one, a stand-in whose keys are the attacker's. Nonces, shares
    and confirmations are passed on, in frames that carry the stand-in's ids and right signatures. The
    stand-ins' ids are larger than anybody's, so that every box proves first, and who comes later is told
    of those who were there: both are joiners.

``member``
    the same, but who comes later hears of nobody until it is challenged: who was there first is a member.
``seals``
    the handshake is passed on as it is, and every sealed frame with a bit turned over.

The kinds of the frames that it saw go to FILE, a line each.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from appliance.core import messages as m
from appliance.core.identity import PeerKey, key_id
from appliance.core.keys import transcript_hash


def _larger_than_anybody() -> PeerKey:
    while True:
        key = PeerKey.generate(os.urandom)
        if key.peer_id.startswith("ff"):
            return key


@dataclass
class Victim:
    """A box on this server. ``stand_in``: as whom all others see it."""

    connection: ServerConnection
    stand_in: PeerKey = field(default_factory=_larger_than_anybody)
    peer_id: str = ""
    said: m.Hello | None = None
    hello: bytes = b""  # the statement of its own
    shown: bytes = b""  # the statement of its stand-in's
    challenges: dict[str, bytes] = field(default_factory=dict)  # by whom they were for, as it made them
    shown_challenges: dict[str, bytes] = field(default_factory=dict)  # as the others were shown them


class ManInTheMiddle:
    """Passes on frames between every two victims, none as it was."""

    def __init__(self, how: str, log: Any) -> None:
        self._how = how
        self._log = log
        self._victims: list[Victim] = []

    async def serve(self, connection: ServerConnection) -> None:
        """One box, until it leaves."""
        victim = Victim(connection)
        self._victims.append(victim)
        for other in self._victims[:-1]:
            if other.hello and self._how == "handshake":
                await self._send(victim, self._hello_of(other))
        try:
            async for text in connection:
                frame = m.decode_outer(text)
                print(type(frame).__name__, file=self._log)
                if isinstance(frame, m.Hello):
                    victim.peer_id, victim.said, victim.hello = key_id(frame.epk).hex(), frame, frame.stated
                    key = victim.stand_in.public_key
                    victim.shown = m.Hello.statement(frame.v, frame.room, key, frame.nonce, frame.tags)
                for other in [v for v in self._victims if v is not victim]:
                    changed = self._rewrite(frame, victim, other)
                    if changed is not None:
                        await self._send(other, changed)
        except ConnectionClosed:
            pass
        finally:
            self._victims.remove(victim)

    async def _send(self, victim: Victim, frame: m.Outer) -> None:
        with contextlib.suppress(ConnectionClosed):
            await victim.connection.send(m.encode_outer(frame))

    def _rewrite(self, frame: m.Outer, victim: Victim, other: Victim) -> m.Outer | None:
        if self._how == "seals":
            if isinstance(frame, m.Seal):
                payload = bytearray(frame.payload)
                payload[-1] ^= 1
                return msgspec.structs.replace(frame, payload=bytes(payload))
            return frame
        if isinstance(frame, m.Hello):
            return self._hello_of(victim)
        if frame.to != other.stand_in.peer_id:
            return None
        mine = victim.stand_in
        match frame:
            case m.Challenge():
                victim.challenges[other.peer_id] = frame.stated(other.shown)
                stated = m.Challenge.statement(
                    other.hello, other.peer_id, mine.public_key, frame.nonce, frame.y, frame.tag
                )
                victim.shown_challenges[other.peer_id] = stated
                return msgspec.structs.replace(
                    frame, to=other.peer_id, epk=mine.public_key, sig=mine.sign(stated)
                )
            case m.Proof():
                challenge = other.challenges[victim.peer_id]
                seen = transcript_hash(victim.shown, challenge, frame.x)
                signature = mine.sign(m.Proof.statement(seen, frame.confirm))
                return msgspec.structs.replace(frame, sender=mine.peer_id, to=other.peer_id, sig=signature)
            case m.Reject():
                about = victim.shown_challenges if frame.code == "proof" else other.challenges
                challenge = about[other.peer_id if frame.code == "proof" else victim.peer_id]
                signature = mine.sign(m.Reject.statement(challenge, frame.code))
                return msgspec.structs.replace(frame, sender=mine.peer_id, to=other.peer_id, sig=signature)
        return None  # an accept would have to be of somebody who was fooled

    def _hello_of(self, victim: Victim) -> m.Hello:
        assert victim.said is not None
        frame = victim.said
        return msgspec.structs.replace(
            frame, epk=victim.stand_in.public_key, sig=victim.stand_in.sign(victim.shown)
        )


async def main(address: str, port: str, token: str, file: str, how: str) -> None:
    del token  # whoever comes is a victim
    with open(file, "a", buffering=1) as log:  # noqa: ASYNC230 - lines to a local file
        middle = ManInTheMiddle(how, log)
        async with serve(middle.serve, address, int(port)):
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            print("listening", file=log)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
