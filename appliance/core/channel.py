"""The seal: frames between the two boxes of a pair that nobody else reads, changes or replays.

The rules:

* ChaCha20-Poly1305 (RFC 8439), one key per direction. A frame is its 8-byte counter, then the
  ciphertext with its 16-byte tag.
* The receiver takes exactly the next counter. A frame that was refused changes nothing: the genuine
  next one is still taken.
* After 2^20 frames in a direction, or 24 h, the keys are used up and a new handshake is needed.
"""

from __future__ import annotations

import hmac
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.core.encoding import lp, u8, u32, u64
from appliance.core.keys import PairKeys
from appliance.core.limits import SEAL_FRAMES_MAX, SEAL_LIFETIME, SEALED_MAX_BYTES
from appliance.errors import LocalProtocolError, RemoteProtocolError

VERSION = 1
COUNTER_BYTES = 8
TAG_BYTES = 16
OVERHEAD_BYTES = COUNTER_BYTES + TAG_BYTES

_DIRECTIONS = {"A": (b"A->B", b"B->A"), "B": (b"B->A", b"A->B")}
_FINGERPRINT = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){31}")


class SealedChannel:
    """Both directions of one pair over one path (a relay, or the direct line).

    ``send_key``, ``receive_key``: 32 bytes each. ``transcript``: TT. ``send_label``,
    ``receive_label``: ``A->B`` and ``B->A``, or the reverse. ``made_at``: monotonic seconds.
    """

    def __init__(
        self,
        send_key: bytes,
        receive_key: bytes,
        transcript: bytes,
        send_label: bytes,
        receive_label: bytes,
        made_at: float,
    ) -> None:
        self._sender = ChaCha20Poly1305(send_key)
        self._receiver = ChaCha20Poly1305(receive_key)
        self._transcript = transcript
        self._send_label = send_label
        self._receive_label = receive_label
        self._made_at = made_at
        self.sent = 0
        """Frames sealed: the next counter to send."""
        self.received = 0
        """Frames opened: the next counter to accept."""

    @classmethod
    def of_pair(cls, keys: PairKeys, role: str, made_at: float) -> SealedChannel:
        """The channel of a proven pair; ``role`` is ours in its handshake, "A" or "B"."""
        send, receive = (keys.a_to_b, keys.b_to_a) if role == "A" else (keys.b_to_a, keys.a_to_b)
        return cls(send, receive, keys.transcript, *_DIRECTIONS[role], made_at)

    def __repr__(self) -> str:
        return f"SealedChannel(sent={self.sent}, received={self.received})"

    def used_up(self, now: float) -> bool:
        """Say whether the pair needs new keys: too many frames, or too old."""
        return max(self.sent, self.received) >= SEAL_FRAMES_MAX or now - self._made_at >= SEAL_LIFETIME

    def seal(self, plaintext: bytes) -> bytes:
        """Seal one message. Raises LocalProtocolError when it is too long or the key is used up."""
        if len(plaintext) > SEALED_MAX_BYTES:
            raise LocalProtocolError("seal.size", f"a sealed message has at most {SEALED_MAX_BYTES} bytes")
        if self.sent >= SEAL_FRAMES_MAX:
            raise LocalProtocolError("seal.used-up", "this pair needs new keys")
        counter = u64(self.sent)
        sealed = self._sender.encrypt(_nonce(counter), plaintext, self._aad(self._send_label, counter))
        self.sent += 1
        return counter + sealed

    def open(self, frame: bytes) -> bytes:
        """Open one frame.

        Raises RemoteProtocolError, with the channel unchanged: ``seal.size``, ``seal.replay`` (a
        counter that was taken before), ``seal.order`` (a counter still to come), ``seal.tampered``
        (not sealed by the other side of this pair), ``seal.used-up``.
        """
        if not OVERHEAD_BYTES <= len(frame) <= OVERHEAD_BYTES + SEALED_MAX_BYTES:
            raise RemoteProtocolError("seal.size", "A sealed frame of an impossible size.")
        counter = frame[:COUNTER_BYTES]
        number = int.from_bytes(counter, "big")
        if number < self.received:
            raise RemoteProtocolError("seal.replay", "A sealed frame came a second time.")
        if number > self.received:
            raise RemoteProtocolError("seal.order", "A sealed frame came before its turn.")
        if number >= SEAL_FRAMES_MAX:
            raise RemoteProtocolError("seal.used-up", "A pair's keys were used for too long.")
        aad = self._aad(self._receive_label, counter)
        try:
            plaintext = self._receiver.decrypt(_nonce(counter), frame[COUNTER_BYTES:], aad)
        except InvalidTag:
            raise RemoteProtocolError("seal.tampered", "A sealed frame was changed on its way.") from None
        self.received += 1
        return plaintext

    def _aad(self, label: bytes, counter: bytes) -> bytes:
        return lp(b"mb1/seal", u8(VERSION), self._transcript, label, counter)


def _nonce(counter: bytes) -> bytes:
    return bytes(4) + counter


def bind_mac(
    bind_key: bytes, role: str, generation: int, fingerprints: tuple[str, str], ufrags: tuple[str, str]
) -> bytes:
    """The MAC that ties a WebRTC connection to its pair, 32 bytes.

    ``role``: "A" or "B", of the side that sends it. ``fingerprints``: SHA-256 of the sender's and the
    receiver's certificate, as in SDP (RFC 8122), with or without ``sha-256`` in front. ``ufrags``:
    the sender's and the receiver's ICE username fragment.
    Raises RemoteProtocolError (``bind.fingerprint``) for a fingerprint of another form.
    """
    sender, receiver = (fingerprint_bytes(text) for text in fingerprints)
    parts = (role.encode("ascii"), u32(generation), sender, receiver, *(u.encode() for u in ufrags))
    return hmac.digest(bind_key, lp(b"mb1/bind", *parts), "sha256")


def fingerprint_bytes(text: str) -> bytes:
    """The 32 bytes of ``sha-256 AB:CD:...``; hex digits of either case."""
    digits = text.strip().upper().removeprefix("SHA-256 ")
    if not _FINGERPRINT.fullmatch(digits):
        raise RemoteProtocolError("bind.fingerprint", "A certificate's fingerprint is not SHA-256.")
    return bytes.fromhex(digits.replace(":", ""))


def equal_macs(one: bytes, other: bytes) -> bool:
    """Compare two MACs in constant time."""
    return hmac.compare_digest(one, other)
