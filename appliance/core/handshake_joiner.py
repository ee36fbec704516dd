"""The joiner's side of a box's handshakes, side A: its hello, the challenges for it, and its proofs.

The rules:

* Until a first member accepted, a joiner proves to two at a time, and to one per address and
  attempt. Afterwards it proves only to peers that a sealed roster named, up to eight at once.
* A joiner that was accepted and is challenged by a peer that no roster named says so after a
  moment (``reject`` with ``turn``): then the other side proves. It does so even if it was accepted
  too, ``MERGE_PROOFS_MAX`` times a key press: so two groups that formed apart become one.
* A proof that is not rightly accepted within ``PROOF_WITHIN`` costs a guess. Without a budget nothing is
  proven.
"""

from __future__ import annotations

import hmac
from collections.abc import Hashable

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import recognition as rec
from appliance.core.admission import Admission, May
from appliance.core.group import is_share
from appliance.core.handshake_effects import Effect, ProofFailed, Refused, SendFrame, refusal
from appliance.core.handshake_frames import HandshakeFrames
from appliance.core.identity import key_id, verify
from appliance.core.pair import DONE, Event, Pair, Proving, State, Theirs
from appliance.core.pairs import Pairs
from appliance.errors import RemoteProtocolError


class JoinerSide:
    """Of one box in one room. ``pairs``, ``admission``, ``frames``: shared with its other side."""

    def __init__(self, pairs: Pairs, admission: Admission, frames: HandshakeFrames) -> None:
        self._pairs = pairs
        self._admission = admission
        self._frames = frames
        self._hellos: list[bytes] = []  # statements of ours, the newest first
        self.hello = ""
        """The frame that says it; the same during an attempt."""
        self.renew()

    def renew(self) -> None:
        """Another attempt begins: a hello with a fresh nonce."""
        stated, self.hello = self._frames.hello(self._admission.known)
        self._hellos = [stated, *self._hellos[:1]]

    # --- their challenge ----------------------------------------------------------------------

    def hear_challenge(
        self, relay: Hashable, origin: str, challenge: m.Challenge, now: float
    ) -> SendFrame | None:
        """Take a challenge for us; return what to answer at once, if it leads nowhere.

        Raises RemoteProtocolError for one that is dropped.
        """
        sender = key_id(challenge.epk).hex()
        if sender == self._frames.key.peer_id:
            raise refusal("challenge.own")
        pair = self._pairs.get(sender)
        if pair is not None:
            if pair.state is State.PROVING:
                raise refusal("challenge.unexpected")
            if pair.state is State.FAILED and pair.failed_in == self._admission.attempt:
                raise refusal("challenge.failed")
            if pair.theirs is not None and pair.theirs.challenge.nonce == challenge.nonce:
                raise refusal("challenge.duplicate")
        known = self._who_challenges(challenge)
        held = [p.theirs for p in self._pairs.values() if p.theirs is not None]
        same = sum((theirs.known is None) == (known is None) for theirs in held)
        if pair is None and same >= limits.HELLOS_WAITING_MAX:
            raise refusal("limit.challenges")
        for hello in self._hellos:
            stated = challenge.stated(hello)
            if verify(challenge.epk, challenge.sig, stated):
                break
        else:
            raise refusal("challenge.signature")
        if not is_share(challenge.y, b"B"):
            raise refusal("share.point")
        if pair is not None and pair.state in DONE:
            return self._frames.reject(relay, sender, stated, "proven")
        pair = pair or self._pairs.add(sender, challenge.epk)
        pair.theirs = Theirs(
            hello,
            challenge,
            stated,
            relay,
            origin,
            expires=now + limits.CHALLENGE_HELD,
            turn_at=now + limits.TURN_AFTER,
            known=known,
        )
        pair.machine.step(Event.CHALLENGE_HEARD)
        return None

    def _who_challenges(self, challenge: m.Challenge) -> rec.MetBox | None:
        for hello in self._hellos:
            known = rec.who_challenges(
                self._admission.known, challenge.tag, hello, challenge.epk, challenge.nonce
            )
            if known is not None:
                return known
        return None

    # --- our proof ----------------------------------------------------------------------------

    def is_prover(self, pair: Pair) -> bool:
        """Of two that may have challenged each other, is it us who proves?"""
        return pair.state is State.HELD or pair.our_turn or self._frames.key.peer_id < pair.peer_id

    def consider_proof(self, pair: Pair, now: float) -> list[Effect]:
        """Prove on the challenge that is held, or have the other side prove, if either may be now."""
        may = self._admission.may_prove(pair, now)
        theirs = pair.theirs
        assert theirs is not None
        theirs.turn_due = theirs.turn_due or now >= theirs.turn_at
        if may is May.YES:
            return self._prove(pair, now)
        if pair.state is State.HELD and pair.heard is not None:
            return []  # we have its hello, so we can challenge it in turn
        if may is May.BROKE:
            pair.theirs = None
            self._pairs.step(pair, Event.THEIRS_EXPIRED)
            return [Refused("budget.joiner")]
        if (
            may is May.STRANGER
            and theirs.turn_due
            and not pair.our_turn
            and pair.peer_id not in self._admission.yielded
        ):
            self._admission.yielded.add(pair.peer_id)
            pair.theirs = None
            self._pairs.step(pair, Event.YIELDED)
            return [self._frames.reject(theirs.relay, pair.peer_id, theirs.stated, "turn")]
        return []

    def _prove(self, pair: Pair, now: float) -> list[Effect]:
        theirs = pair.theirs
        assert theirs is not None
        stranger = self._admission.is_stranger(pair)
        try:
            confirmed, proof = self._frames.proof(pair.peer_id, theirs)
        except RemoteProtocolError as error:
            pair.theirs = None
            self._pairs.step(pair, Event.THEIRS_EXPIRED)
            return [Refused(error.code)]
        if stranger:
            self._admission.proving_to(pair)
        pair.ours = pair.theirs = pair.heard = None
        pair.proving = Proving(
            theirs.stated, confirmed, theirs.relay, stranger, now + limits.PROOF_WITHIN, theirs.known
        )
        pair.machine.step(Event.PROOF_SENT)
        return [proof]

    # --- what became of it --------------------------------------------------------------------

    def hear_accept(self, relay: Hashable, accept: m.Accept, now: float) -> list[Effect]:
        """Take what accepts our proof. Raises RemoteProtocolError for a frame that is dropped."""
        pair = self._pairs.get(accept.sender)
        if pair is None or pair.proving is None:
            raise refusal("accept.unexpected")
        proving = pair.proving
        if relay != proving.relay:
            raise refusal("accept.relay")
        statement = m.Accept.statement(proving.confirmed.keys.transcript, accept.confirm)
        if not verify(pair.epk, accept.sig, statement):
            raise refusal("accept.signature")
        if not hmac.compare_digest(proving.confirmed.confirm_b, accept.confirm):
            return [self.refused(pair, "wrong-acceptance", now)]
        pair.proving = None
        pair.machine.step(Event.ACCEPTED)
        self._admission.accepted = True
        return [self._admission.proven(pair, "A", proving.confirmed.keys, relay)]

    def refused(self, pair: Pair, reason: str, now: float) -> ProofFailed:
        """Our proof came to nothing: a guess is spent."""
        known = pair.proving.known if pair.proving is not None else None
        pair.proving = None
        pair.failed_in = self._admission.attempt
        pair.machine.step(Event.REFUSED)
        self._admission.spend(known, now)
        return ProofFailed(pair.peer_id, as_joiner=True, reason=reason)
