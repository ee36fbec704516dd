"""SPAKE2 between the two sides of one pair: the only place where a password is used.

Side A is the box that proves first, side B the one that made the challenge. Never the symmetric
variant: there, a message sent back to its sender would look right.
"""

from __future__ import annotations

import unicodedata

from spake2 import SPAKE2_A, SPAKE2_B
from spake2.spake2 import SPAKEError

from appliance.core.encoding import lp, u16
from appliance.core.group import PARAMS, is_share
from appliance.core.identity import RandomBytes
from appliance.errors import RemoteProtocolError


class Password:
    """A room's password in the form that enters the PAKE; it shows itself to nobody."""

    def __init__(self, room: int, password: str) -> None:
        normal = unicodedata.normalize("NFC", password)
        self._secret = lp(b"mb1", u16(room), normal.encode("utf-8", "surrogatepass"))

    def side_a(self, id_a: bytes, id_b: bytes, random_bytes: RandomBytes) -> Pake:
        """Begin as the side that proves first."""
        return Pake(SPAKE2_A(self._secret, id_a, id_b, params=PARAMS, entropy_f=random_bytes), b"B")

    def side_b(self, id_a: bytes, id_b: bytes, random_bytes: RandomBytes) -> Pake:
        """Begin as the side that made the challenge."""
        return Pake(SPAKE2_B(self._secret, id_a, id_b, params=PARAMS, entropy_f=random_bytes), b"A")

    def __repr__(self) -> str:
        return "Password(***)"


class Pake:
    """One side of one exchange; good for one share of the other side."""

    def __init__(self, spake: SPAKE2_A | SPAKE2_B, their_side: bytes) -> None:
        self._spake = spake
        self._their_side = their_side
        self.share: bytes = spake.start()
        """Our share, 33 bytes: X of side A, Y of side B."""

    def finish(self, share: bytes) -> bytes:
        """Take the other side's share; return K, 32 bytes, which only a right password makes equal.

        Raises RemoteProtocolError (``share.point``) for every share that is not a valid one.
        """
        if not is_share(share, self._their_side):
            raise RemoteProtocolError("share.point", "A box sent a share that is no point of the group.")
        try:
            return bytes(self._spake.finish(share))
        except (SPAKEError, ValueError):
            raise RemoteProtocolError("share.point", "A box sent a share that can't be used.") from None

    def __repr__(self) -> str:
        return "Pake(***)"
