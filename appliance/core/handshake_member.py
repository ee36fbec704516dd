"""The member's side of a box's handshakes, side B: hellos it hears, its challenges, proofs it checks.

The rules:

* Everybody who hears the hello of a peer that is new to it answers with a challenge, at most
  ``HANDSHAKES_MAX`` at once; further hellos wait for their turn. A hello comes over every relay; the first
  counts.
* A wrong proof costs a guess of those that strangers share, or of the peer's own. Without a budget no
  proof is looked at.
* After a stranger's wrong proof the next stranger's waits for ``WRONG_PROOF_PAUSE``, if there are other
  members: they hear of it first, so that a burst at all members at once is not five guesses at each.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Hashable

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import recognition as rec
from appliance.core.admission import Admission, May
from appliance.core.group import is_share
from appliance.core.guesses import MemberGuesses
from appliance.core.handshake_effects import Effect, ProofFailed, SendFrame, refusal
from appliance.core.handshake_frames import HandshakeFrames
from appliance.core.identity import RandomBytes, key_id, verify
from appliance.core.keys import Confirmed, transcript_hash
from appliance.core.newest import remember
from appliance.core.pair import CHALLENGE_OUT, DONE, Event, Heard, Pair, State
from appliance.core.pairs import Pairs
from appliance.errors import RemoteProtocolError


class MemberSide:
    """Of one box in one room. ``pairs``, ``admission``, ``frames``: shared with its other side.

    ``guesses``: what others may guess here. ``now``: monotonic seconds.
    """

    def __init__(
        self,
        pairs: Pairs,
        admission: Admission,
        frames: HandshakeFrames,
        guesses: MemberGuesses,
        random_bytes: RandomBytes,
        now: float,
    ) -> None:
        self._pairs = pairs
        self._admission = admission
        self._frames = frames
        self._guesses = guesses
        self._random = random_bytes
        self._heard: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._heard_known: OrderedDict[tuple[str, bytes], None] = OrderedDict()  # of boxes met before
        self.look_at = now
        """No stranger's proof is looked at before."""

    # --- their hello --------------------------------------------------------------------------

    def hear_hello(self, relay: Hashable, origin: str, hello: m.Hello, now: float) -> bool:
        """Take a hello; return whether it waits for a challenge now.

        Raises RemoteProtocolError for one that is dropped.
        """
        if hello.v != m.VERSION:
            raise refusal("hello.version")
        if hello.room != self._frames.room:
            raise refusal("hello.room")
        sender = key_id(hello.epk).hex()
        if sender == self._frames.key.peer_id:
            return False  # a server that we reach at two addresses sends us our own
        said = (sender, hello.nonce)
        if said in self._heard or said in self._heard_known:
            raise refusal("hello.duplicate")
        pair = self._pairs.get(sender)
        known = rec.who_greets(self._admission.known, hello.tags, hello.epk, hello.nonce)
        self._check_hello_is_wanted(pair, sender, origin, hello, known, now)
        if not verify(hello.epk, hello.sig, hello.stated):
            raise refusal("hello.signature")
        if known is None:
            remember(self._heard, said, limits.HELLOS_REMEMBERED)
        else:
            remember(self._heard_known, said, limits.MET_HELLOS_REMEMBERED)
        heard = Heard(hello.stated, hello.nonce, relay, origin, now + limits.CHALLENGE_WITHIN, known)
        pair = pair or self._pairs.add(sender, hello.epk)
        pair.heard = heard
        if pair.state not in DONE:
            pair.machine.step(Event.HELLO)
        return True

    def _check_hello_is_wanted(
        self,
        pair: Pair | None,
        sender: str,
        origin: str,
        hello: m.Hello,
        known: rec.MetBox | None,
        now: float,
    ) -> None:
        """Everything that costs less than a signature."""
        state = pair.state if pair is not None else State.IDLE
        if state in CHALLENGE_OUT or state is State.PROVING:
            raise refusal("hello.under-way")
        self._check_budget(self._admission.own_budget(sender, known), now)
        if state is State.PROVEN:
            assert pair is not None
            # Who accepted us knows that it did. Whom we accepted may have missed it and begun anew.
            free = self._admission.free_place(origin, known, now)
            if pair.role == "A" or pair.proven_for == hello.nonce or not free:
                raise refusal("hello.proven")
        elif self._pairs.is_full:
            raise refusal("room.full")
        waiting = [p.heard for p in self._pairs.values() if p.heard is not None]
        if sum((h.known is None) == (known is None) for h in waiting) >= limits.HELLOS_WAITING_MAX:
            raise refusal("limit.hellos")

    def _check_budget(self, own: str, now: float) -> None:
        if not self._guesses.allows(own, now):
            raise refusal("budget.own" if own else "budget.strangers")

    # --- our challenge ------------------------------------------------------------------------

    def wants_challenge(self, pair: Pair, now: float) -> bool:
        """Is there a hello of this peer that may be answered now?"""
        if pair.heard is None or pair.ours is not None:
            return False
        own = self._admission.own_budget(pair.peer_id, pair.heard.known)
        if not self._guesses.allows(own, now):
            return False
        if not self._admission.free_place(pair.heard.origin, pair.heard.known, now):
            return False
        if pair.state is State.HELD:
            return self._admission.may_prove(pair, now) in (May.STRANGER, May.BROKE)
        return pair.state in (State.WAITING, State.PROVEN)

    def challenge(self, pair: Pair, now: float) -> SendFrame:
        """Answer the hello that waits."""
        heard = pair.heard
        assert heard is not None
        if heard.known is not None:
            self._make_room()
        self._admission.bucket(heard.known).take(now)
        pair.heard = None
        pair.ours, challenge = self._frames.challenge(pair.peer_id, heard, now)
        pair.machine.step(Event.CHALLENGE_SENT)
        return challenge

    def _make_room(self) -> None:
        """All places are taken, and a box met before needs one: the oldest of a stranger's is given up."""
        out = [pair for pair in self._pairs.values() if pair.ours is not None]
        if len(out) >= limits.HANDSHAKES_MAX:
            strangers = [pair for pair in out if pair.ours is not None and pair.ours.known is None]
            oldest = min(strangers, key=lambda pair: pair.order)
            oldest.ours = None
            self._pairs.step(oldest, Event.OURS_EXPIRED)

    def drop_strangers(self, now: float) -> None:
        """While they are shut out: what they hold leads to nothing, its places are for who is admitted."""
        if self._guesses.allows("", now):
            return
        for pair in list(self._pairs.values()):
            known = next((thing.known for thing in (pair.ours, pair.heard) if thing is not None), None)
            if pair.state in DONE or self._admission.own_budget(pair.peer_id, known):
                continue
            pair.late = None
            if pair.ours is not None:
                pair.ours = None
                self._pairs.step(pair, Event.OURS_EXPIRED)
            if pair.heard is not None and pair.state in (State.WAITING, State.HELD):
                pair.heard = None
                if pair.state is State.WAITING:
                    self._pairs.step(pair, Event.THEIRS_EXPIRED)

    # --- their proof --------------------------------------------------------------------------

    def hear_proof(self, relay: Hashable, proof: m.Proof, now: float) -> list[Effect]:
        """Take a proof; return what it led to, nothing while it waits to be looked at.

        Raises RemoteProtocolError for one that is dropped.
        """
        pair = self._pairs.get(proof.sender)
        if pair is None or pair.ours is None:
            raise refusal("proof.unexpected")
        ours = pair.ours
        if relay != ours.relay:
            raise refusal("proof.relay")
        transcript = transcript_hash(ours.hello, ours.stated, proof.x)
        if not verify(pair.epk, proof.sig, m.Proof.statement(transcript, proof.confirm)):
            raise refusal("proof.signature")
        if not is_share(proof.x, b"A"):
            raise refusal("share.point")
        own = self._admission.own_budget(pair.peer_id, ours.known)
        self._check_budget(own, now)
        if not own and now < self.look_at:
            pair.late = (relay, proof)
            return []
        pair.ours = pair.theirs = pair.heard = pair.late = None
        try:
            confirmed = Confirmed.derive(transcript, ours.pake.finish(proof.x))
            right = hmac.compare_digest(confirmed.confirm_a, proof.confirm)
        except RemoteProtocolError:
            right = False
        if not right:
            rejected = self._frames.reject(relay, pair.peer_id, ours.stated, "proof")
            return [rejected, self._wrong(pair, own, now)]
        pair.machine.step(Event.PROOF_RIGHT)
        pair.proven_for = ours.hello_nonce
        accepted = self._frames.accept(relay, pair.peer_id, confirmed)
        return [accepted, self._admission.proven(pair, "B", confirmed.keys, relay)]

    def _wrong(self, pair: Pair, own: str, now: float) -> ProofFailed:
        event = self._random(8)
        self._guesses.spend(own, event, now)
        if not own and self._pairs.proven:
            self.look_at = now + limits.WRONG_PROOF_PAUSE
        pair.machine.step(Event.PROOF_WRONG)
        pair.failed_in = self._admission.attempt
        return ProofFailed(pair.peer_id, as_joiner=False, reason="wrong-proof", event=None if own else event)
