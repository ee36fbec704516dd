"""Every message between boxes, and its codec.

Three families, each JSON text (RFC 8259) with a ``type``:

* **outer** frames, which a relay passes on and everybody in the channel can read;
* **sealed** messages, the plaintext inside a seal, over the relay or the direct line;
* **control** messages, on a connection's data channel.

Decoding is strict: the size is looked at before anything is parsed, an unknown type, an unknown or
missing field, a wrong type, length or range is refused, bytes are base64 (RFC 4648 section 4) in
their canonical form. Whatever the bytes, the only exception is RemoteProtocolError. What is signed
is never the JSON but the ``statement`` of a message, made of its parsed values.
"""

from __future__ import annotations

from appliance.core.messages.codec import (
    decode_control,
    decode_outer,
    decode_sealed,
    encode_control,
    encode_outer,
    encode_sealed,
)
from appliance.core.messages.control import (
    Bind,
    Constraints,
    Control,
    Heartbeat,
    Link,
    Links,
    MediaState,
    SameRoom,
)
from appliance.core.messages.fields import VERSION, Address, Key, PeerId, Port, Room
from appliance.core.messages.introductions import Introduce, IntroduceConfirm, IntroduceReply, Introduction
from appliance.core.messages.outer import Accept, Challenge, Hello, Outer, Proof, Reject, RejectCode, Seal
from appliance.core.messages.sealed import (
    Addresses,
    Answer,
    Candidate,
    Door,
    Guesses,
    Identity,
    Leaving,
    Offer,
    Roster,
    Sealed,
)

__all__ = [
    "VERSION",
    "Accept",
    "Address",
    "Addresses",
    "Answer",
    "Bind",
    "Candidate",
    "Challenge",
    "Constraints",
    "Control",
    "Door",
    "Guesses",
    "Heartbeat",
    "Hello",
    "Identity",
    "Introduce",
    "IntroduceConfirm",
    "IntroduceReply",
    "Introduction",
    "Key",
    "Leaving",
    "Link",
    "Links",
    "MediaState",
    "Offer",
    "Outer",
    "PeerId",
    "Port",
    "Proof",
    "Reject",
    "RejectCode",
    "Room",
    "Roster",
    "SameRoom",
    "Seal",
    "Sealed",
    "decode_control",
    "decode_outer",
    "decode_sealed",
    "encode_control",
    "encode_outer",
    "encode_sealed",
]
