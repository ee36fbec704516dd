"""The slow hash of an admin PIN: what a box keeps in its place.

As text, for a configuration that shall not have the PIN itself: ``scrypt$N$r$p$salt$digest``, the last two
in base64. The cost is in it, so that it can grow without breaking older ones.

Every configuration is checked by this module, and OpenSSL takes as long to load as the rest of that: it is
imported where a PIN is looked at.
"""

from __future__ import annotations

import base64

import msgspec

from appliance.core import limits

_SCHEME = "scrypt"


class PinHash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``cost``: scrypt's N, r and p when it was made (RFC 7914)."""

    salt: bytes
    digest: bytes
    cost: tuple[int, int, int]

    def fits(self, pin: str) -> bool:
        """Is it this PIN? Takes a tenth of a second, whatever the answer."""
        import hmac

        return hmac.compare_digest(_scrypt(pin, self.salt, self.cost), self.digest)

    @property
    def affordable(self) -> bool:
        """Can this machine pay what it costs? Else it is none of ours."""
        n, r, p = self.cost
        sound = n > 1 and n & (n - 1) == 0 and min(r, p) >= 1
        return sound and 128 * r * (n + p) < limits.PIN_MEMORY and p <= limits.PIN_PARALLEL_MAX


def make(pin: str, salt: bytes) -> PinHash:
    """Hash a PIN with a salt of ``PIN_SALT_BYTES`` random bytes; takes a tenth of a second."""
    return PinHash(salt, _scrypt(pin, salt, limits.PIN_COST), limits.PIN_COST)


def to_text(made: PinHash) -> str:
    """A hash as one word."""
    parts = (*(str(number) for number in made.cost), *(_base64(data) for data in (made.salt, made.digest)))
    return "$".join((_SCHEME, *parts))


def from_text(text: str) -> PinHash:
    """The hash that ``to_text`` was given. Raises ValueError for anything else."""
    if len(text) > limits.PIN_HASH_MAX_CHARS:
        raise ValueError("no hash of a PIN")
    scheme, *parts = text.split("$")
    if scheme != _SCHEME or len(parts) != 5 or not all(p.isascii() and p.isdigit() for p in parts[:3]):
        raise ValueError("no hash of a PIN")
    n, r, p = (int(part) for part in parts[:3])
    salt, digest = (base64.b64decode(part, validate=True) for part in parts[3:])
    made = PinHash(salt, digest, (n, r, p))
    if len(salt) != limits.PIN_SALT_BYTES or len(digest) != limits.PIN_HASH_BYTES or not made.affordable:
        raise ValueError("no hash of a PIN")
    return made


def is_text(text: str) -> bool:
    """Is it a hash as one word?"""
    try:
        from_text(text)
    except ValueError:
        return False
    return True


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _scrypt(pin: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    import hashlib

    n, r, p = cost
    return hashlib.scrypt(
        pin.encode(), salt=salt, n=n, r=r, p=p, maxmem=limits.PIN_MEMORY, dklen=limits.PIN_HASH_BYTES
    )
