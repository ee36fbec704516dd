"""What a box that restarts in the middle of a meeting needs to be in it again: the joining secret.

The rules:

* It is what the handshakes of the pairs left, and never the password: with it this box comes back to the
  members that it met, over its direct lines, and to nobody else.
* It is kept in memory-backed storage only (``app/kept.py``), so that it is gone with the power.
* Ages count by the boot clock, which runs while the machine sleeps; what another boot left is void.
  Secrets live ``LINE_SECRET_LIFETIME``.
* It is written anew whenever a pair's secret ratchets, before the other box can rely on that, and erased
  when the room is left.
* A link's generations go on far above the last one that was kept, so that no offer has an old one.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from appliance.core import limits
from appliance.core import messages as m
from appliance.core.identity import SEED_BYTES
from appliance.core.line_secrets import LineSecrets
from appliance.errors import RemoteProtocolError, StartError

VERSION = 1


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A peer, as the pair's handshake left it. ``role``: ours in the pair. ``bind``: the pair's key.

    ``addresses``, ``port``: where its server is. ``generation``: of the newest connection.
    """

    peer_id: m.PeerId
    role: str
    name: str
    box_key: m.Key
    addresses: tuple[m.Address, ...]
    port: m.Port
    bind: m.Key
    generation: int

    def __repr__(self) -> str:
        return f"Member({self.peer_id})"


class Joined(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A room. ``key``: the seed of our one-time key. ``box_id``: ours, hex. ``door``: the newest message of
    the joining window. ``secrets``: as ``LineSecrets.to_state`` tells them.
    """

    room: m.Room
    active: bool
    key: bytes
    box_id: str
    door: m.Door
    members: tuple[Member, ...]
    secrets: bytes

    def __repr__(self) -> str:
        return f"Joined(room={self.room}, members={len(self.members)})"


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. ``boot``: the kernel's id of this boot. ``at``: seconds of the boot clock."""

    v: int
    boot: str
    at: float
    muted: bool
    camera_on: bool
    rooms: tuple[Joined, ...]

    def to_state(self) -> bytes:
        """For memory-backed storage that only this box's user can read: it holds secrets."""
        return msgspec.json.encode(self)


@dataclass(frozen=True, slots=True)
class Again:
    """A room to come back to. ``secrets``: their ages are right for the clock that was given."""

    joined: Joined
    door: m.Door
    secrets: LineSecrets


def restore(data: bytes, boot: str, boot_now: float, now: float) -> tuple[Kept, tuple[Again, ...]]:
    """What may still be used of ``Kept.to_state``, each room with its secrets and its door as of ``now``.

    ``boot_now``: seconds of the boot clock; ``now``: monotonic seconds. Raises StartError: ``rejoin.state``
    for what is damaged, ``rejoin.boot`` for what another boot left, ``rejoin.old`` for what is too old.
    """
    try:
        kept = msgspec.json.decode(data, type=Kept)
    except (ValueError, RecursionError):
        raise StartError("rejoin.state", "What was kept of the last meeting is damaged.") from None
    if kept.v != VERSION or kept.boot != boot:
        raise StartError("rejoin.boot", "What was kept of a meeting is of another boot.")
    passed = boot_now - kept.at
    if not 0 <= passed < limits.LINE_SECRET_LIFETIME:
        raise StartError("rejoin.old", "What was kept of the last meeting is too old.")
    return kept, tuple(_again(joined, passed, now) for joined in kept.rooms[: limits.ROOMS_MAX])


def _again(joined: Joined, passed: float, now: float) -> Again:
    left = max(0, joined.door.remaining_ms - int(passed * 1000)) if joined.door.open else 0
    door = msgspec.structs.replace(joined.door, remaining_ms=left)
    try:
        door.verify(joined.room)
    except RemoteProtocolError:
        raise StartError("rejoin.state", "What was kept of the last meeting is damaged.") from None
    if len(joined.key) != SEED_BYTES or len(joined.members) > limits.MEMBERS_MAX:
        raise StartError("rejoin.state", "What was kept of the last meeting is damaged.")
    return Again(joined, door, LineSecrets.from_state(joined.secrets, now - passed))
