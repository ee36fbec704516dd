"""The resume secrets of a box's pairs, by which their direct lines are opened (``line.py``).

A secret ratchets with every line. The one before it is kept until the first frame under the new one was
opened, so that a line that breaks in the middle of this can be dialed again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from appliance.core import limits
from appliance.core.keys import expand
from appliance.errors import StartError

ID_BYTES = 16


def other_role(role: str) -> str:
    """Of the other box of a pair: "A" or "B"."""
    return "B" if role == "A" else "A"


@dataclass(frozen=True, slots=True)
class Secret:
    """One resume secret. ``parent``: the one that it ratcheted from. ``made_at``: monotonic seconds."""

    value: bytes = field(repr=False)
    parent: bytes = field(repr=False)
    made_at: float

    def line_id(self, dialer: str) -> bytes:
        """The id in R1; ``dialer``: "A" or "B", the dialing box's role in the pair."""
        return expand(self.value, b"line id", dialer.encode("ascii"))[:ID_BYTES]


class _Known(msgspec.Struct):
    """One pair. ``role``: ours in it. ``box_key``: the other box's long-term public key."""

    role: str
    box_key: bytes
    secrets: list[Secret]  # in the order to dial with


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pair: str
    role: str
    box_key: bytes
    secrets: list[tuple[bytes, bytes, float]]  # value, parent, age


class LineSecrets:
    """The resume secrets of every pair of this box.

    A pair is named by any string of the caller's, such as the other's peer id. Secrets live
    ``LINE_SECRET_LIFETIME`` and are forgotten when the box leaves the room.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self.on_ratchet: Callable[[], None] = lambda: None
        """Called when a pair's secrets changed, before anything under the new ones is sent."""

    def __repr__(self) -> str:
        return f"LineSecrets(pairs={len(self._known)})"

    def remember(self, pair: str, role: str, resume: bytes, box_key: bytes, now: float) -> None:
        """A pair was proven and showed its identity. ``role``: ours. ``resume``: of its keys."""
        self._known[pair] = _Known(role, box_key, [Secret(resume, b"", now)])
        self._known.move_to_end(pair)
        if len(self._known) > limits.LINE_SECRETS_MAX:
            self._known.popitem(last=False)

    def forget(self, pair: str) -> None:
        """The pair is over."""
        self._known.pop(pair, None)

    def clear(self) -> None:
        """This box left: nothing may be opened again."""
        self._known.clear()

    def role(self, pair: str) -> str:
        """Ours in the pair. Raises KeyError for an unknown pair, as the next one does."""
        return self._known[pair].role

    def box_key(self, pair: str) -> bytes:
        """The other box's long-term public key."""
        return self._known[pair].box_key

    def candidates(self, pair: str, now: float) -> tuple[Secret, ...]:
        """The secrets to dial with, in this order; empty for a pair that can't be dialed."""
        known = self._known.get(pair)
        if known is None:
            return ()
        known.secrets = [s for s in known.secrets if now - s.made_at < limits.LINE_SECRET_LIFETIME]
        return tuple(known.secrets)

    def find(self, line_id: bytes, now: float) -> tuple[str, Secret] | None:
        """The pair and the secret that a dialer's id belongs to."""
        ids = {
            secret.line_id(other_role(known.role)): (pair, secret)
            for pair, known in self._known.items()
            for secret in self.candidates(pair, now)
        }
        return ids.get(line_id)

    def ratchet(self, pair: str, used: Secret, new: bytes, now: float) -> None:
        """A line's keys were agreed on: its new secret is the one to dial with from now on.

        The one that was used comes next, and is never the one to make room: the other box has just
        shown that it holds it.
        """
        known = self._known.get(pair)
        if known is not None:
            others = [secret for secret in known.secrets if secret.value != used.value]
            kept = [Secret(new, used.value, now), used, *others]
            known.secrets = kept[: limits.LINE_SECRETS_PER_PAIR]
            self.on_ratchet()

    def confirm(self, pair: str, new: bytes, now: float) -> None:
        """A first frame under a new secret was opened: both have it, the ones before it can go.

        Of two lines that were dialed at the same time each makes a secret, and the two boxes may
        see them in different orders: such a twin stays.
        """
        known = self._known.get(pair)
        if known is None:
            return
        parents = {secret.value: secret.parent for secret in known.secrets}
        ancestors, old = set(), parents.get(new, b"")
        while old:
            ancestors.add(old)
            old = parents.get(old, b"")
        oldest = now - limits.LINE_CROSSED_WITHIN
        known.secrets = [
            secret
            for secret in known.secrets
            if secret.value == new or (secret.made_at >= oldest and secret.value not in ancestors)
        ]
        self.on_ratchet()

    def to_state(self, now: float) -> bytes:
        """For memory-backed storage that only this box's user can read: it holds the secrets."""
        saved = [
            _Saved(
                pair, known.role, known.box_key, [(s.value, s.parent, now - s.made_at) for s in known.secrets]
            )
            for pair, known in self._known.items()
        ]
        return msgspec.json.encode(saved)

    @classmethod
    def from_state(cls, data: bytes, now: float) -> LineSecrets:
        """Restore what ``to_state`` gave. Raises StartError (``line.state``) when it is damaged."""
        try:
            saved = msgspec.json.decode(data, type=list[_Saved])
        except (ValueError, RecursionError):
            raise StartError("line.state", "The saved line secrets are damaged.") from None
        secrets = cls()
        for entry in saved[-limits.LINE_SECRETS_MAX :]:
            kept = [Secret(value, parent, now - age) for value, parent, age in entry.secrets]
            secrets._known[entry.pair] = _Known(entry.role, entry.box_key, kept)
        return secrets
