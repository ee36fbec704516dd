"""What this box says in a handshake: each frame computed and signed with its one-time key.

When, and to whom, ``handshake.py`` decides. The password enters here, and only its PAKE.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import recognition as rec
from appliance.core.handshake_effects import SendFrame
from appliance.core.identity import PeerKey, RandomBytes
from appliance.core.keys import Confirmed, transcript_hash
from appliance.core.pair import Heard, Ours, Theirs
from appliance.core.pake import Password


class HandshakeFrames:
    """The frames of one box in one room. ``key``: of this join. ``random_bytes``: the system's."""

    def __init__(self, room: int, password: str, key: PeerKey, random_bytes: RandomBytes) -> None:
        self.room = room
        self.key = key
        self._password = Password(room, password)
        self._random = random_bytes

    def hello(self, known: tuple[rec.MetBox, ...]) -> tuple[bytes, str]:
        """A hello with a fresh nonce, for everybody: its statement, and the text."""
        nonce = self._random(32)
        epk = self.key.public_key
        tags = rec.hello_tags(known, epk, nonce, self._random)
        stated = m.Hello.statement(m.VERSION, self.room, epk, nonce, tags)
        sig = self.key.sign(stated)
        hello = m.Hello(v=m.VERSION, room=self.room, epk=epk, nonce=nonce, tags=tags, sig=sig)
        return stated, m.encode_outer(hello)

    def challenge(self, peer_id: str, heard: Heard, now: float) -> tuple[Ours, SendFrame]:
        """Answer a hello: what is to be remembered of the challenge, and its frame."""
        nonce = self._random(32)
        epk = self.key.public_key
        id_a, id_b = hashlib.sha256(heard.stated).digest(), m.Challenge.member_id(epk, nonce)
        pake = self._password.side_b(id_a, id_b, self._random)
        tag = self._random(rec.TAG_BYTES)
        if heard.known is not None:
            tag = rec.challenge_tag(heard.known, heard.stated, epk, nonce)
        stated = m.Challenge.statement(heard.stated, peer_id, epk, nonce, pake.share, tag)
        ours = Ours(
            heard.stated,
            heard.nonce,
            stated,
            pake,
            heard.relay,
            heard.origin,
            expires=now + limits.CHALLENGE_WITHIN,
            known=heard.known,
        )
        challenge = m.Challenge(
            to=peer_id, epk=epk, nonce=nonce, y=pake.share, tag=tag, sig=self.key.sign(stated)
        )
        return ours, SendFrame(heard.relay, m.encode_outer(challenge))

    def proof(self, peer_id: str, theirs: Theirs) -> tuple[Confirmed, SendFrame]:
        """Prove the password on a challenge. Raises RemoteProtocolError (``share.point``)."""
        id_a, id_b = (
            hashlib.sha256(theirs.hello).digest(),
            theirs.challenge.member_id(theirs.challenge.epk, theirs.challenge.nonce),
        )
        pake = self._password.side_a(id_a, id_b, self._random)
        shared = pake.finish(theirs.challenge.y)
        transcript = transcript_hash(theirs.hello, theirs.stated, pake.share)
        confirmed = Confirmed.derive(transcript, shared)
        proof = m.Proof(
            sender=self.key.peer_id,
            to=peer_id,
            x=pake.share,
            confirm=confirmed.confirm_a,
            sig=self.key.sign(m.Proof.statement(transcript, confirmed.confirm_a)),
        )
        return confirmed, SendFrame(theirs.relay, m.encode_outer(proof))

    def accept(self, relay: Hashable, peer_id: str, confirmed: Confirmed) -> SendFrame:
        """Their proof was right: prove the password in turn."""
        statement = m.Accept.statement(confirmed.keys.transcript, confirmed.confirm_b)
        accept = m.Accept(
            sender=self.key.peer_id,
            to=peer_id,
            confirm=confirmed.confirm_b,
            sig=self.key.sign(statement),
        )
        return SendFrame(relay, m.encode_outer(accept))

    def reject(self, relay: Hashable, peer_id: str, challenge: bytes, code: m.RejectCode) -> SendFrame:
        """Say that a challenge, of this statement, leads nowhere."""
        sig = self.key.sign(m.Reject.statement(challenge, code))
        reject = m.Reject(sender=self.key.peer_id, to=peer_id, code=code, sig=sig)
        return SendFrame(relay, m.encode_outer(reject))

    def seal(self, relay: Hashable, peer_id: str, payload: bytes) -> SendFrame:
        """Address a sealed frame of a proven pair."""
        return SendFrame(relay, m.encode_outer(m.Seal(sender=self.key.peer_id, to=peer_id, payload=payload)))
