"""From messages to JSON and back, strictly: whatever the bytes, the only exception is RemoteProtocolError."""

from __future__ import annotations

import base64
from typing import Any, TypeVar

import msgspec

from appliance.core import limits
from appliance.core.messages.control import Control, Links
from appliance.core.messages.introductions import Presented
from appliance.core.messages.outer import Outer
from appliance.core.messages.sealed import Addresses, Door, Identity, Sealed
from appliance.errors import RemoteProtocolError

_encoder = msgspec.json.Encoder()
_outer: msgspec.json.Decoder[Outer] = msgspec.json.Decoder(Outer)
_sealed: msgspec.json.Decoder[Sealed] = msgspec.json.Decoder(Sealed)
_control: msgspec.json.Decoder[Control] = msgspec.json.Decoder(Control)

_M = TypeVar("_M")


def _decode(decoder: msgspec.json.Decoder[_M], data: bytes | str, max_bytes: int, family: str) -> _M:
    if len(data) > max_bytes:
        raise RemoteProtocolError(f"{family}.size", "A message is too long.")
    try:
        raw = data.encode() if isinstance(data, str) else data
        if len(raw) > max_bytes:
            raise RemoteProtocolError(f"{family}.size", "A message is too long.")
        message = decoder.decode(raw)
        _check(message, raw)
    except (ValueError, RecursionError):  # UnicodeError, msgspec.DecodeError and our own checks
        raise RemoteProtocolError(f"{family}.malformed", "A message can't be understood.") from None
    return message


def _check(message: Any, raw: bytes) -> None:
    """Raise ValueError where the schema alone is too weak."""
    for name in message.__struct_fields__:
        value = getattr(message, name)
        # The decoder ignores the unused bits of the last base64 digit; nobody else should have to.
        if isinstance(value, bytes) and b'"' + base64.b64encode(value) + b'"' not in raw:
            raise ValueError(name)
    if isinstance(message, Identity | Door | Addresses | Links | Presented):
        message.check()


def encode_outer(message: Outer) -> str:
    """The JSON text of an outer frame."""
    return _encoder.encode(message).decode()


def decode_outer(text: str | bytes) -> Outer:
    """Parse an outer frame. Raises RemoteProtocolError (``outer.size``, ``outer.malformed``)."""
    return _decode(_outer, text, limits.RELAY_MESSAGE_MAX, "outer")


def encode_sealed(message: Sealed) -> bytes:
    """The plaintext of a sealed message."""
    return _encoder.encode(message)


def decode_sealed(data: bytes) -> Sealed:
    """Parse the plaintext of a seal. Raises RemoteProtocolError (``sealed.size``, ``sealed.malformed``)."""
    return _decode(_sealed, data, limits.SEALED_MAX_BYTES, "sealed")


def encode_control(message: Control) -> bytes:
    """The UTF-8 bytes of a message on the data channel."""
    return _encoder.encode(message)


def decode_control(data: bytes | str) -> Control:
    """Parse a data channel message. Raises RemoteProtocolError (``control.size``, ``control.malformed``)."""
    return _decode(_control, data, limits.CONTROL_MAX_BYTES, "control")
