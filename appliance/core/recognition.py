"""How two boxes that met in a room recognise each other before either has proven the password again.

When a pair's identities held, both keep an *acquaintance key* for that room and that box. It comes from the
pair's keys, so from the PAKE: nobody else has it, and it tells nothing about the password. A later hello
carries tags, one for every key that the joiner keeps in this room, filled up with random bytes to always the
same number; a challenge carries one. A tag is a MAC over what is fresh in its frame: without the key it can't
be told from random bytes or from the tags of another hello, and it is good for no other frame.

Who shows a right tag has met this box before, and is counted apart from strangers: these can't shut it out.
It still has to prove the password.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from appliance.core import limits
from appliance.core.encoding import lp
from appliance.core.identity import RandomBytes
from appliance.core.keys import expand
from appliance.errors import StartError

TAG_BYTES = 8
TAGS_BYTES = TAG_BYTES * limits.MET_KEYS_PER_ROOM


@dataclass(frozen=True, slots=True)
class MetBox:
    """A box met before in a room. ``box_id``: 32 hex digits. ``key``: what both kept, 32 bytes."""

    box_id: str
    key: bytes = field(repr=False)


def acquaintance_key(resume: bytes) -> bytes:
    """The key that a pair keeps, from the ``resume`` of its handshake's keys."""
    return expand(resume, b"acquaintance")


def hello_tags(known: tuple[MetBox, ...], epk: bytes, nonce: bytes, random_bytes: RandomBytes) -> bytes:
    """The tags of a hello: always ``TAGS_BYTES`` long, so that it does not show how many boxes were met."""
    tags = b"".join(_hello_tag(box, epk, nonce) for box in known[: limits.MET_KEYS_PER_ROOM])
    return tags + random_bytes(TAGS_BYTES)[len(tags) :]


def who_greets(known: tuple[MetBox, ...], tags: bytes, epk: bytes, nonce: bytes) -> MetBox | None:
    """The known box whose tag is among those of a hello, or None."""
    # A set: its hash is keyed per process, so the time of a miss says nothing about the tag looked for.
    shown = {tags[at : at + TAG_BYTES] for at in range(0, len(tags), TAG_BYTES)}
    return next((box for box in known if _hello_tag(box, epk, nonce) in shown), None)


def challenge_tag(box: MetBox, hello: bytes, epk: bytes, nonce: bytes) -> bytes:
    """The tag of a challenge. ``hello``: the statement of what it answers; the rest is the member's."""
    return hmac.digest(box.key, lp(b"mb1/known challenge", hello, epk, nonce), "sha256")[:TAG_BYTES]


def who_challenges(
    known: tuple[MetBox, ...], tag: bytes, hello: bytes, epk: bytes, nonce: bytes
) -> MetBox | None:
    """The known box that made a challenge, or None."""
    return next(
        (box for box in known if hmac.compare_digest(challenge_tag(box, hello, epk, nonce), tag)), None
    )


def _hello_tag(box: MetBox, epk: bytes, nonce: bytes) -> bytes:
    return hmac.digest(box.key, lp(b"mb1/known hello", epk, nonce), "sha256")[:TAG_BYTES]


_BoxId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
_Key = Annotated[bytes, Meta(min_length=32, max_length=32)]


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    keys: list[tuple[int, _BoxId, _Key]]  # room, box, key; the newest last


class MetBoxes:
    """The acquaintance keys of one box, by room. A secret: kept on disk for this user alone."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[int, str, bytes], None] = OrderedDict()  # the newest last

    def __repr__(self) -> str:
        return f"MetBoxes({len(self._keys)} keys)"

    def remember(self, room: int, box_id: str, key: bytes) -> None:
        """These two met, and have a new key; what is oldest is forgotten where there is too much."""
        self._keys[room, box_id, key] = None
        self._keep([k for k in self._keys if k[:2] == (room, box_id)], limits.MET_KEYS_PER_BOX)
        self._keep([k for k in self._keys if k[0] == room], limits.MET_KEYS_PER_ROOM)
        self._keep(list(self._keys), limits.MET_KEYS_MAX)

    def in_room(self, room: int) -> tuple[MetBox, ...]:
        """The boxes met in a room, with every key that is kept; the newest first."""
        return tuple(MetBox(box_id, key) for of, box_id, key in reversed(self._keys) if of == room)

    def _keep(self, keys: list[tuple[int, str, bytes]], most: int) -> None:
        for key in keys[: max(0, len(keys) - most)]:
            del self._keys[key]

    def to_state(self) -> bytes:
        """Everything, as JSON."""
        return msgspec.json.encode(_State(1, list(self._keys)))

    @classmethod
    def from_state(cls, data: bytes) -> MetBoxes:
        """Restore what ``to_state`` gave. Raises StartError (``met-boxes.state``) when it is damaged."""
        try:
            state = msgspec.json.decode(data, type=_State)
        except (ValueError, RecursionError):
            raise StartError("met-boxes.state", "The list of boxes met in rooms is damaged.") from None
        known = cls()
        for room, box_id, key in state.keys[-limits.MET_KEYS_MAX :]:
            known.remember(room, box_id, key)
        return known
