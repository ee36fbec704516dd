"""Two boxes from one copied card: the same private key, the same name, in one meeting.

Each proves its key inside the seal, by a signature over the pair's transcript, in which there is fresh
randomness of both sides. Only that counts as a copy, never a name or a public key that anybody can show.
Then one of the two, the one with the larger peer id, makes itself a new key and takes another name.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection

from appliance.core.limits import NAME_MAX_BYTES


def takes_new_identity(our_peer_id: str, their_peer_id: str) -> bool:
    """Of two copies: is it this box that becomes another one?"""
    return our_peer_id > their_peer_id


def other_name(name: str, taken: Collection[str]) -> str:
    """``name`` with the first number from 2 on that gives a name not in ``taken``; never too long."""
    for number in itertools.count(2):
        suffix = f" {number}"
        room = NAME_MAX_BYTES - len(suffix)
        candidate = name.encode()[:room].decode(errors="ignore").rstrip() + suffix
        if candidate not in taken:
            return candidate
    raise AssertionError("numbers do not end")
