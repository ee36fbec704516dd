"""What an eavesdropper on a signaling server would look for in everything that it relays.

``plaintext`` looks for what must be sealed; ``pin_found`` plays the offline attacker who tries every
4-digit PIN against anything that may have been computed from the password alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator

MARKS = (
    *("v=0", "m=audio", "m=video", "m=application", "a=fingerprint", "a=candidate", "candidate:"),
    *("ice-ufrag", "ice-pwd", "a=setup", "opus/48000", "H264/90000", "rtpmap", "sha-256"),
)
"""What SDP and candidates look like (RFC 8866, RFC 8839)."""


def values(frame: str) -> Iterator[bytes]:
    """The frame itself, every string in it, and whatever these are the base64 or hex of."""
    yield frame.encode()
    try:
        found = json.loads(frame)
    except ValueError:
        return
    yield from _strings(found)


def _strings(found: object) -> Iterator[bytes]:
    if isinstance(found, dict):
        for item in found.values():
            yield from _strings(item)
    elif isinstance(found, list):
        for item in found:
            yield from _strings(item)
    elif isinstance(found, str):
        yield found.encode()
        for decode in (_base64, bytes.fromhex):
            try:
                yield decode(found)
            except (ValueError, binascii.Error):
                continue


def _base64(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    return base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)


def plaintext(frames: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """Return every mark of SDP and every one of ``secrets`` (names, passwords, ...) that is readable."""
    wanted = [(text, text.lower().encode()) for text in (*MARKS, *secrets)]
    found = []
    for frame in frames:
        for value in values(frame):
            lower = value.lower()
            found += [text for text, needle in wanted if needle in lower]
    return sorted(set(found))


def derived_from(password: bytes, contexts: Iterable[bytes]) -> Iterator[bytes]:
    """Everything that a careless protocol computes from a password and public bytes.

    Hashes, HMACs and HKDF of the password, with each of ``contexts`` as salt, key, message or info.
    """
    for name in ("sha256", "sha1", "md5", "sha512"):
        yield hashlib.new(name, password).digest()
    for context in contexts:
        yield hashlib.sha256(password + context).digest()
        yield hashlib.sha256(context + password).digest()
        yield hmac.digest(password, context, "sha256")
        prk = hmac.digest(context, password, "sha256")
        yield prk
        for info in (b"", context):
            yield hmac.digest(prk, info + b"\x01", "sha256")


def pin_found(frames: Iterable[str], pins: Iterable[str], prefixes: Iterable[bytes] = (b"",)) -> str | None:
    """Return the PIN for which something relayed equals something computed from it alone, or None."""
    relayed = {value for frame in frames for value in values(frame) if 8 <= len(value) <= 128}
    contexts = [b"", *sorted(value for value in relayed if not re.fullmatch(rb"[ -~]*", value))[:64]]
    for pin in pins:
        for prefix in prefixes:
            for digest in derived_from(prefix + pin.encode(), contexts):
                if digest in relayed or digest[:16] in relayed or digest.hex().encode() in relayed:
                    return pin
    return None
