"""What the handshakes of one box (``core/handshake.py``) tell their shell, in order."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from appliance.core.keys import PairKeys
from appliance.errors import RemoteProtocolError


@dataclass(frozen=True, slots=True)
class SendFrame:
    """Send a text frame on a relay."""

    relay: Hashable
    text: str


@dataclass(frozen=True, slots=True)
class Proven:
    """Both know the password. ``role``: ours, "A" or "B". A second one replaces the first."""

    peer_id: str
    role: str
    keys: PairKeys
    relay: Hashable


@dataclass(frozen=True, slots=True)
class ProofFailed:
    """A guess was spent.

    ``as_joiner``: we proved and were not accepted (``reason``: "rejected", "unanswered" or
    "wrong-acceptance"); otherwise the other side proved and was wrong ("wrong-proof").
    """

    peer_id: str
    as_joiner: bool
    reason: str
    event: bytes | None = field(default=None, compare=False)
    """The id of a stranger's wrong proof, which every member is to hear of."""


@dataclass(frozen=True, slots=True)
class SealFrame:
    """A sealed frame of a proven peer, for the pair's SealedChannel."""

    peer_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame was dropped; count it under ``code``."""

    code: str


Effect = SendFrame | Proven | ProofFailed | SealFrame | Refused


def refusal(code: str) -> RemoteProtocolError:
    """The error that drops a frame, and becomes a ``Refused``."""
    return RemoteProtocolError(code, "A frame was dropped.")
