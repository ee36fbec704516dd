"""What the fields of messages may be: lengths, ranges and patterns, from which the decoders are made."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from appliance.core import limits
from appliance.core.recognition import TAG_BYTES, TAGS_BYTES

VERSION = 1

PeerId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
Nonce = Annotated[bytes, Meta(min_length=32, max_length=32)]
Mac = Annotated[bytes, Meta(min_length=32, max_length=32)]
Tag = Annotated[bytes, Meta(min_length=TAG_BYTES, max_length=TAG_BYTES)]
Tags = Annotated[bytes, Meta(min_length=TAGS_BYTES, max_length=TAGS_BYTES)]
Share = Annotated[bytes, Meta(min_length=33, max_length=33)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
Id16 = Annotated[bytes, Meta(min_length=16, max_length=16)]
U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Room = Annotated[int, Meta(ge=limits.ROOM_MIN, le=limits.ROOM_MAX)]
Generation = Annotated[int, Meta(ge=1, le=2**32 - 1)]
Sdp = Annotated[str, Meta(min_length=1, max_length=limits.SDP_MAX_BYTES)]
Address = Annotated[str, Meta(min_length=2, max_length=45)]  # the longest text of an IPv6 address


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A frozen message; its JSON names are in camel case."""


def check_name(name: str) -> None:
    """Raise ValueError for a name that no box has."""
    if len(name.encode()) > limits.NAME_MAX_BYTES or not name.isprintable():
        raise ValueError("name")
