"""What somebody who recorded a relay can do with a list of PINs, and a handshake that falls to it.

``find_pin`` tries, for every PIN, the ways in which a protocol could have let it leak: the PIN or a
hash of it in a frame, a MAC under a key made of it alone, a confirmation or a seal under keys that
the protocol would derive if the shared secret were made of it alone. Against SPAKE2 every PIN looks
alike; ``WeakenedPassword`` is the same protocol with a hash of the PIN in the place of SPAKE2's
result, and shows that the search finds what it looks for.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from appliance.core import messages as m
from appliance.core.channel import SealedChannel
from appliance.core.encoding import lp, u16
from appliance.core.identity import RandomBytes
from appliance.core.keys import Confirmed, extract, transcript_hash
from appliance.core.pake import Pake, Password
from appliance.errors import RemoteProtocolError

PINS = tuple(f"{number:04d}" for number in range(10_000))


@dataclass(frozen=True)
class Recorded:
    """What one recorded handshake shows to everybody."""

    room: int
    transcript: bytes  # TT
    confirm_a: bytes
    public: tuple[bytes, ...]  # nonces, keys, shares, statements: what a key could be salted with
    fields: frozenset[bytes]  # every binary value of every frame
    seals: tuple[bytes, ...]


def handshakes_in(frames: Iterable[str]) -> Iterator[Recorded]:
    """Every handshake of which hello, challenge and proof are in a relay's recorded text frames."""
    parsed = []
    for text in frames:
        try:
            parsed.append(m.decode_outer(text))
        except RemoteProtocolError:
            continue
    fields = frozenset(
        value
        for frame in parsed
        for name in frame.__struct_fields__
        if isinstance(value := getattr(frame, name), bytes)
    )
    seals = tuple(frame.payload for frame in parsed if isinstance(frame, m.Seal))
    hellos = [frame for frame in parsed if isinstance(frame, m.Hello)]
    challenges = [frame for frame in parsed if isinstance(frame, m.Challenge)]
    for proof in (frame for frame in parsed if isinstance(frame, m.Proof)):
        for hello in hellos:
            for challenge in challenges:
                h, c = hello.stated, challenge.stated(hello.stated)
                public = (hello.epk, hello.nonce, challenge.epk, challenge.nonce, challenge.y, proof.x, h, c)
                transcript = transcript_hash(h, c, proof.x)
                if _belongs(hello, challenge, proof, transcript):
                    yield Recorded(hello.room, transcript, proof.confirm, public, fields, seals)


def _belongs(hello: m.Hello, challenge: m.Challenge, proof: m.Proof, transcript: bytes) -> bool:
    from appliance.core.identity import verify

    return verify(hello.epk, proof.sig, m.Proof.statement(transcript, proof.confirm)) and verify(
        challenge.epk, challenge.sig, challenge.stated(hello.stated)
    )


def find_pin(recorded: Recorded, pins: Iterable[str] = PINS) -> list[str]:
    """The PINs that the recording confirms: none, if the handshake is any good."""
    return [pin for pin in pins if _fits(recorded, pin)]


def _fits(recorded: Recorded, pin: str) -> bool:
    salts = (b"", recorded.transcript, *recorded.public)
    for secret in secrets_of(recorded.room, pin):
        if secret in recorded.fields:
            return True
        for key in (secret, *(extract(salt, secret) for salt in salts)):
            if key in recorded.fields or key[:16] in recorded.fields:
                return True
            if hmac.digest(key, recorded.transcript, "sha256") == recorded.confirm_a:
                return True
        confirmed = Confirmed.derive(recorded.transcript, secret)
        if confirmed.confirm_a == recorded.confirm_a or _opens(confirmed, recorded.seals):
            return True
    return False


def secrets_of(room: int, pin: str) -> Iterator[bytes]:
    """What a careless protocol would take for a shared secret."""
    for material in (pin.encode(), lp(b"mb1", u16(room), pin.encode())):
        yield material
        yield hashlib.sha256(material).digest()
        yield extract(b"", material)


def _opens(confirmed: Confirmed, seals: tuple[bytes, ...]) -> bool:
    for role in "AB":
        for frame in seals[:2]:
            try:
                SealedChannel.of_pair(confirmed.keys, role, 0.0).open(frame)
            except RemoteProtocolError:
                continue
            return True
    return False


class WeakenedPassword(Password):
    """In the place of ``appliance.core.handshake_frames.Password``: the secret is a hash of the PIN alone."""

    def side_a(self, id_a: bytes, id_b: bytes, random_bytes: RandomBytes) -> Pake:
        return _WeakenedPake(super().side_a(id_a, id_b, random_bytes), self._secret)

    def side_b(self, id_a: bytes, id_b: bytes, random_bytes: RandomBytes) -> Pake:
        return _WeakenedPake(super().side_b(id_a, id_b, random_bytes), self._secret)


class _WeakenedPake(Pake):
    def __init__(self, real: Pake, secret: bytes) -> None:
        self.share = real.share
        self._secret = secret

    def finish(self, share: bytes) -> bytes:
        return extract(b"", self._secret)
