"""The keys of a pair: from the transcript and a shared secret, by HKDF (RFC 5869) with SHA-256."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from appliance.core.encoding import lp

HASH_BYTES = 32


def extract(salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract: the pseudo-random key, 32 bytes."""
    return hmac.digest(salt, secret, "sha256")


def expand(prk: bytes, *purpose: bytes) -> bytes:
    """HKDF-Expand to 32 bytes; the info is LP("mb1", purpose...), so that every key has one use."""
    return hmac.digest(prk, lp(b"mb1", *purpose) + b"\x01", "sha256")


def transcript_hash(*parts: bytes) -> bytes:
    """SHA-256 of LP("mb1/transcript", parts...): TT."""
    return hashlib.sha256(lp(b"mb1/transcript", *parts)).digest()


@dataclass(frozen=True, slots=True)
class PairKeys:
    """What a pair of boxes shares, each 32 bytes.

    ``transcript``: TT, public. ``a_to_b``, ``b_to_a``: the seal's keys by direction. ``resume``:
    opens the pair's direct line. ``bind``: key of the MAC that ties a connection to the pair.
    """

    transcript: bytes
    a_to_b: bytes = field(repr=False)
    b_to_a: bytes = field(repr=False)
    resume: bytes = field(repr=False)
    bind: bytes = field(repr=False)

    @classmethod
    def derive(cls, transcript: bytes, prk: bytes) -> PairKeys:
        """The keys under the labels of docs/protocol.md."""
        return cls(
            transcript=transcript,
            a_to_b=expand(prk, b"A->B"),
            b_to_a=expand(prk, b"B->A"),
            resume=expand(prk, b"resume"),
            bind=expand(prk, b"bind"),
        )


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A pair's keys with the two confirmations that show, without telling it, that K is the same."""

    keys: PairKeys
    confirm_a: bytes = field(repr=False)
    confirm_b: bytes = field(repr=False)

    @classmethod
    def derive(cls, transcript: bytes, shared: bytes) -> Confirmed:
        """From TT and the PAKE's K."""
        prk = extract(transcript, shared)
        confirm_a = hmac.digest(expand(prk, b"confirmA"), transcript, "sha256")
        confirm_b = hmac.digest(expand(prk, b"confirmB"), transcript + confirm_a, "sha256")
        return cls(PairKeys.derive(transcript, prk), confirm_a, confirm_b)
