"""Who a box is: its long-term identity, and the one-time key of one join.

Both are Ed25519 keys (RFC 8032). libsodium checks the signatures: it refuses public keys of small
order and encodings that are not canonical, so nobody can hold a key that signs everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from appliance.core.encoding import lp
from appliance.errors import RemoteProtocolError

RandomBytes = Callable[[int], bytes]

SEED_BYTES = 32
KEY_BYTES = 32
ID_BYTES = 16


def key_id(public_key: bytes) -> bytes:
    """The 16-byte id of a public key: the first half of its SHA-256."""
    return hashlib.sha256(public_key).digest()[:ID_BYTES]


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether an Ed25519 signature holds. False for every malformed key or signature."""
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


class _Key:
    """An Ed25519 key pair made from a 32-byte seed."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"an Ed25519 seed has {SEED_BYTES} bytes, not {len(seed)}")
        self._key = SigningKey(seed)
        self.public_key: bytes = bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of ``message``."""
        return self._key.sign(message).signature

    def to_bytes(self) -> bytes:
        """The secret seed, 32 bytes, to be kept where nobody else reads."""
        return bytes(self._key)


class BoxIdentity(_Key):
    """The long-term key of a box, made on its first boot and shown to others only inside a seal."""

    @classmethod
    def generate(cls, random_bytes: RandomBytes) -> BoxIdentity:
        """Make a new identity."""
        return cls(random_bytes(SEED_BYTES))

    @classmethod
    def from_bytes(cls, data: bytes) -> BoxIdentity:
        """Restore what ``to_bytes`` gave. Raises ValueError for another length."""
        return cls(data)

    @property
    def box_id(self) -> bytes:
        """The box id, 16 bytes."""
        return key_id(self.public_key)

    @property
    def box_id_hex(self) -> str:
        """The box id as 32 lower-case hex digits."""
        return self.box_id.hex()

    def __repr__(self) -> str:
        return f"BoxIdentity({self.box_id_hex})"


class PeerKey(_Key):
    """The one-time key of one join; the peer id is derived from it."""

    def __init__(self, seed: bytes) -> None:
        super().__init__(seed)
        self.peer_id: str = key_id(self.public_key).hex()
        """The peer id as 32 lower-case hex digits."""

    @classmethod
    def generate(cls, random_bytes: RandomBytes) -> PeerKey:
        """Make the key of one join."""
        return cls(random_bytes(SEED_BYTES))

    def __repr__(self) -> str:
        return f"PeerKey({self.peer_id})"


class SignedIdentity(Protocol):
    """What ``verify_identity`` needs of an identity message."""

    @property
    def key(self) -> bytes: ...
    @property
    def signature(self) -> bytes: ...


def identity_statement(role: str, transcript: bytes) -> bytes:
    """What a box signs with its long-term key inside the seal.

    ``role``: "A" or "B", of the side that signs. ``transcript``: TT of the pair, or of its line.
    """
    return lp(b"mb1/identity", role.encode("ascii"), transcript)


def verify_identity(message: SignedIdentity, role: str, transcript: bytes) -> None:
    """Raise RemoteProtocolError unless the identity was signed for this pair by the side ``role``."""
    if not verify(message.key, message.signature, identity_statement(role, transcript)):
        raise RemoteProtocolError("identity.signature", "A box could not prove its identity.")
