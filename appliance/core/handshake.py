"""All pair handshakes of one box during one join of one room.

A joiner says ``hello`` to everybody; whoever is in the room answers with a ``challenge``; the joiner
sends its ``proof`` to some of them; the member ``accept``s or ``reject``s. The rules:

* Everybody who hears the hello of a peer that is new to it answers with a challenge, at most
  ``HANDSHAKES_MAX`` at once; further hellos wait for their turn.
* Two that challenged each other have *crossed*: the smaller peer id is the joiner (side A) and
  proves, the other one waits for the proof.
* Until a first member accepted, a joiner proves to two at a time, and to one per address and
  attempt. Afterwards it proves only to peers that a sealed roster named, up to eight at once.
* A joiner that was accepted and is challenged by a peer that no roster named says so after a
  moment (``reject`` with ``turn``): then the other side proves. It does so even if it was accepted
  too, ``MERGE_PROOFS_MAX`` times a key press: so two groups that formed apart become one.
* A proof that is not rightly accepted within ``PROOF_WITHIN`` costs the joiner a guess; a wrong
  proof costs the member one. Without a budget nothing is proven and no proof is looked at.
* After a stranger's wrong proof the next stranger's waits for ``WRONG_PROOF_PAUSE``, if there are other
  members: they hear of it first, so that a burst at all members at once is not five guesses at each.
* A box met before in this room (``recognition.py``) has its own budget, its own places and its turn before
  strangers, in both roles: whatever strangers do, it is served.
* A signature is checked before anything is remembered, counted or computed. What is malformed, not
  for this room, out of place or over a limit is dropped, with an effect that names the reason.
* A handshake stays on the relay where it began. A hello comes over every relay; the first counts.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Hashable, Iterable

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import recognition as rec
from appliance.core.admission import Admission, May
from appliance.core.group import is_share
from appliance.core.guesses import GuessBudgets, ShutOut
from appliance.core.handshake_effects import Effect, ProofFailed, Proven, Refused, SealFrame, SendFrame
from appliance.core.handshake_frames import HandshakeFrames
from appliance.core.identity import PeerKey, RandomBytes, key_id, verify
from appliance.core.keys import Confirmed, PairKeys, transcript_hash
from appliance.core.newest import remember
from appliance.core.pair import (
    CHALLENGE_IN,
    CHALLENGE_OUT,
    DONE,
    TABLE,
    Event,
    Heard,
    Ours,
    Pair,
    Proving,
    State,
    Theirs,
)
from appliance.core.table import Machine
from appliance.errors import LocalProtocolError, RemoteProtocolError


class Handshakes:
    """The handshakes of one box in one room, from the key press until it leaves.

    ``room``: its number. ``password``: as typed. ``now``: monotonic seconds. ``random_bytes``: the
    system's. ``budgets``: the box's, kept across joins and restarts. ``key``: of a join that goes on.
    ``known``: the boxes that it met before in this room.

    Say ``hello()`` on each relay connection when it opens; give every text frame to ``receive``;
    call ``tick`` at ``deadline()``; perform the effects in order.
    """

    def __init__(
        self,
        room: int,
        password: str,
        now: float,
        random_bytes: RandomBytes,
        budgets: GuessBudgets | None = None,
        key: PeerKey | None = None,
        known: tuple[rec.MetBox, ...] = (),
    ) -> None:
        budgets = budgets or GuessBudgets()
        self._known = known
        self.room = room
        self._random = random_bytes
        self._key = key or PeerKey.generate(random_bytes)
        self._frames = HandshakeFrames(room, password, self._key, random_bytes)
        self._members = budgets.member(room)
        self._look_at = now  # no stranger's proof is looked at before
        self._next_challenge_at: float | None = None  # while a hello waits for nothing but the bucket
        self._pairs: dict[str, Pair] = {}
        self._admission = Admission(self._pairs, budgets, room, now)
        self._arrivals = 0
        self._heard: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._heard_known: OrderedDict[tuple[str, bytes], None] = OrderedDict()  # of boxes met before
        self._hellos: list[bytes] = []  # statements of ours, the newest first
        self._hello_text = ""
        self._away: set[str] = set()  # proven, and out of reach
        self._attempt = -1
        self._yielded: set[str] = set()  # peers that we told to prove in this attempt
        self.renew(now)

    def __repr__(self) -> str:
        return f"Handshakes(room={self.room}, peer_id={self.peer_id}, pairs={len(self._pairs)})"

    # --- what the shell asks ------------------------------------------------------------------

    @property
    def peer_id(self) -> str:
        """Ours, 32 hex digits."""
        return self._key.peer_id

    def hello(self) -> str:
        """The frame to send on a relay connection that has just opened; the same during an attempt."""
        return self._hello_text

    def renew(self, now: float) -> None:
        """Begin another attempt: a hello with a fresh nonce. Guesses spent stay spent."""
        del now  # what an attempt remembers has no age of its own
        stated, self._hello_text = self._frames.hello(self._known)
        self._hellos = [stated, *self._hellos[:1]]
        self._attempt += 1
        self._admission.renew()
        self._yielded.clear()

    def state(self, peer_id: str) -> State:
        """The state of the handshake with a peer."""
        pair = self._pairs.get(peer_id)
        return pair.state if pair is not None else State.IDLE

    @property
    def proven(self) -> frozenset[str]:
        """Peers that we and they proved the password to each other."""
        return frozenset(p.peer_id for p in self._pairs.values() if p.state in DONE)

    @property
    def pending(self) -> frozenset[str]:
        """Peers whose handshake is under way: its end may still change what a person reads."""
        settled = (State.IDLE, State.FAILED, *DONE)
        return frozenset(p.peer_id for p in self._pairs.values() if p.state not in settled)

    @property
    def missing(self) -> frozenset[str]:
        """Peers that a roster named, neither proven nor under way: worth another attempt."""
        return frozenset(self._admission.introduced) - self.proven - self.pending

    def introduce(self, peer_ids: Iterable[str], now: float) -> list[Effect]:
        """A sealed roster named these peers: we may prove to them."""
        for peer_id in peer_ids:
            if peer_id != self.peer_id:
                self._admission.introduce(peer_id)
        return self._advance(now)

    @property
    def key(self) -> PeerKey:
        """Our one-time key of this join."""
        return self._key

    def acquainted(self, peer_id: str, epk: bytes) -> None:
        """A member introduced us to this peer: no hello of it needs an answer any more."""
        pair = self._pairs.get(peer_id)
        if pair is not None and pair.state not in (State.IDLE, State.FAILED, *DONE):
            return  # a handshake is under way: if it succeeds, its keys replace those
        self._pairs.pop(peer_id, None)
        pair = self._new_pair(peer_id, epk)
        pair.machine = Machine("handshake", TABLE, State.PROVEN)
        pair.role = "A"

    def forget(self, peer_id: str) -> None:
        """A proven peer left or is gone: its next hello is a new one's."""
        pair = self._pairs.get(peer_id)
        if pair is not None and pair.state in DONE:
            del self._pairs[peer_id]
        self._away.discard(peer_id)
        self._admission.introduced.pop(peer_id, None)

    @property
    def _is_full(self) -> bool:
        proven = self.proven
        return len(proven - self._away) >= limits.PEERS_MAX or len(proven) >= limits.MEMBERS_MAX

    def is_away(self, peer_id: str, away: bool) -> None:
        """A proven peer is out of reach, and its place is free for another one; or it is back."""
        if away:
            self._away.add(peer_id)
        else:
            self._away.discard(peer_id)

    def admit(self, now: float) -> list[Effect]:
        """A person lets one stranger try although the strangers' budget is empty."""
        effects = self._advance(now)  # while they are shut out: who comes now is not behind who waited
        self._members.admit(now)
        return [*effects, *self._advance(now)]

    def met(self, known: tuple[rec.MetBox, ...]) -> None:
        """Another box was met in this room, and is recognised when it comes again. ``known``: all of them."""
        self._known = known

    def shut_out(self, now: float) -> ShutOut | None:
        """Whether strangers are shut out, and until when."""
        return self._members.shut_out(now)

    def wrong_told(self, now: float) -> list[tuple[bytes, float]]:
        """What to tell a member of strangers' wrong proofs: (id, seconds ago)."""
        return self._members.strangers.told(now)

    def heard_wrong(self, wrong: Iterable[tuple[bytes, float]], now: float) -> bool:
        """A member told us of strangers' wrong proofs; return whether any was new."""
        return self._members.strangers.heard(wrong, now)

    def seal_frame(self, peer_id: str, payload: bytes) -> SendFrame:
        """Address a sealed frame to a proven peer, on the relay where it was proven."""
        pair = self._pairs.get(peer_id)
        if pair is None or pair.state not in DONE:
            raise LocalProtocolError("handshake.not-proven", "a seal for a peer that is not proven")
        return self._frames.seal(pair.relay, peer_id, payload)

    # --- frames -------------------------------------------------------------------------------

    def receive(self, relay: Hashable, origin: str, text: str, now: float) -> list[Effect]:
        """Take one text frame.

        ``relay``: the connection, any hashable. ``origin``: the address it came from, as "host" or
        "host:port". Never raises for what is in the frame.
        """
        effects = self.tick(now)
        try:
            frame = m.decode_outer(text)
            match frame:
                case m.Hello():
                    effects += self._on_hello(relay, origin, frame, now)
                case m.Challenge():
                    effects += self._on_challenge(relay, origin, frame, now)
                case m.Proof():
                    effects += self._on_proof(relay, frame, now)
                case m.Accept():
                    effects += self._on_accept(relay, frame, now)
                case m.Reject():
                    effects += self._on_reject(relay, frame, now)
                case m.Seal():
                    effects += self._on_seal(relay, frame)
        except RemoteProtocolError as error:
            effects.append(Refused(error.code))
        return effects

    def _on_hello(self, relay: Hashable, origin: str, hello: m.Hello, now: float) -> list[Effect]:
        if hello.v != m.VERSION:
            raise _refuse("hello.version")
        if hello.room != self.room:
            raise _refuse("hello.room")
        sender = key_id(hello.epk).hex()
        if sender == self.peer_id:
            return []  # a server that we reach at two addresses sends us our own
        said = (sender, hello.nonce)
        if said in self._heard or said in self._heard_known:
            raise _refuse("hello.duplicate")
        pair = self._pairs.get(sender)
        known = rec.who_greets(self._known, hello.tags, hello.epk, hello.nonce)
        self._check_hello_is_wanted(pair, sender, origin, hello, known, now)
        if not verify(hello.epk, hello.sig, hello.stated):
            raise _refuse("hello.signature")
        if known is None:
            remember(self._heard, said, limits.HELLOS_REMEMBERED)
        else:
            remember(self._heard_known, said, limits.MET_HELLOS_REMEMBERED)
        heard = Heard(hello.stated, hello.nonce, relay, origin, now + limits.CHALLENGE_WITHIN, known)
        pair = pair or self._new_pair(sender, hello.epk)
        pair.heard = heard
        if pair.state not in DONE:
            pair.machine.step(Event.HELLO)
        return self._advance(now)

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
            raise _refuse("hello.under-way")
        own = self._admission.own_budget(sender, known)
        if not self._members.allows(own, now):
            raise _refuse("budget.own" if own else "budget.strangers")
        if state is State.PROVEN:
            assert pair is not None
            # Who accepted us knows that it did. Whom we accepted may have missed it and begun anew.
            free = self._admission.free_place(origin, known, now)
            if pair.role == "A" or pair.proven_for == hello.nonce or not free:
                raise _refuse("hello.proven")
        elif self._is_full:
            raise _refuse("room.full")
        waiting = [p.heard for p in self._pairs.values() if p.heard is not None]
        if sum((h.known is None) == (known is None) for h in waiting) >= limits.HELLOS_WAITING_MAX:
            raise _refuse("limit.hellos")

    def _on_challenge(self, relay: Hashable, origin: str, challenge: m.Challenge, now: float) -> list[Effect]:
        if challenge.to != self.peer_id:
            return []
        sender = key_id(challenge.epk).hex()
        if sender == self.peer_id:
            raise _refuse("challenge.own")
        pair = self._pairs.get(sender)
        if pair is not None:
            if pair.state is State.PROVING:
                raise _refuse("challenge.unexpected")
            if pair.state is State.FAILED and pair.failed_in == self._attempt:
                raise _refuse("challenge.failed")
            if pair.theirs is not None and pair.theirs.challenge.nonce == challenge.nonce:
                raise _refuse("challenge.duplicate")
        held = [p.theirs for p in self._pairs.values() if p.theirs is not None]
        known = None
        for hello in self._hellos:
            known = rec.who_challenges(self._known, challenge.tag, hello, challenge.epk, challenge.nonce)
            if known is not None:
                break
        same = sum((theirs.known is None) == (known is None) for theirs in held)
        if pair is None and same >= limits.HELLOS_WAITING_MAX:
            raise _refuse("limit.challenges")
        for hello in self._hellos:
            stated = challenge.stated(hello)
            if verify(challenge.epk, challenge.sig, stated):
                break
        else:
            raise _refuse("challenge.signature")
        if not is_share(challenge.y, b"B"):
            raise _refuse("share.point")
        if pair is not None and pair.state in DONE:
            return [self._frames.reject(relay, sender, stated, "proven")]
        pair = pair or self._new_pair(sender, challenge.epk)
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
        return self._advance(now)

    def _on_proof(self, relay: Hashable, proof: m.Proof, now: float) -> list[Effect]:
        if proof.to != self.peer_id:
            return []
        pair = self._pairs.get(proof.sender)
        if pair is None or pair.ours is None:
            raise _refuse("proof.unexpected")
        ours = pair.ours
        if relay != ours.relay:
            raise _refuse("proof.relay")
        transcript = transcript_hash(ours.hello, ours.stated, proof.x)
        if not verify(pair.epk, proof.sig, m.Proof.statement(transcript, proof.confirm)):
            raise _refuse("proof.signature")
        if not is_share(proof.x, b"A"):
            raise _refuse("share.point")
        own = self._admission.own_budget(pair.peer_id, ours.known)
        if not self._members.allows(own, now):
            raise _refuse("budget.own" if own else "budget.strangers")
        if not own and now < self._look_at:
            pair.late = (relay, proof)
            return []
        pair.ours = pair.theirs = pair.heard = pair.late = None
        try:
            confirmed = Confirmed.derive(transcript, ours.pake.finish(proof.x))
            right = hmac.compare_digest(confirmed.confirm_a, proof.confirm)
        except RemoteProtocolError:
            right = False
        if not right:
            event = self._random(8)
            self._members.spend(own, event, now)
            if not own and self.proven:
                self._look_at = now + limits.WRONG_PROOF_PAUSE
            pair.machine.step(Event.PROOF_WRONG)
            pair.failed_in = self._attempt
            return [
                self._frames.reject(relay, pair.peer_id, ours.stated, "proof"),
                ProofFailed(
                    pair.peer_id, as_joiner=False, reason="wrong-proof", event=None if own else event
                ),
                *self._advance(now),
            ]
        pair.machine.step(Event.PROOF_RIGHT)
        pair.proven_for = ours.hello_nonce
        return [
            self._frames.accept(relay, pair.peer_id, confirmed),
            self._proven(pair, "B", confirmed.keys, relay),
            *self._advance(now),
        ]

    def _on_accept(self, relay: Hashable, accept: m.Accept, now: float) -> list[Effect]:
        if accept.to != self.peer_id:
            return []
        pair = self._pairs.get(accept.sender)
        if pair is None or pair.proving is None:
            raise _refuse("accept.unexpected")
        proving = pair.proving
        if relay != proving.relay:
            raise _refuse("accept.relay")
        statement = m.Accept.statement(proving.confirmed.keys.transcript, accept.confirm)
        if not verify(pair.epk, accept.sig, statement):
            raise _refuse("accept.signature")
        if not hmac.compare_digest(proving.confirmed.confirm_b, accept.confirm):
            return [*self._refused(pair, "wrong-acceptance", now), *self._advance(now)]
        pair.proving = None
        pair.machine.step(Event.ACCEPTED)
        self._admission.accepted = True
        return [self._proven(pair, "A", proving.confirmed.keys, relay), *self._advance(now)]

    def _on_reject(self, relay: Hashable, reject: m.Reject, now: float) -> list[Effect]:
        if reject.to != self.peer_id:
            return []
        pair = self._pairs.get(reject.sender)
        about: Proving | Ours | None = None
        if pair is not None:
            about = pair.proving if reject.code == "proof" else pair.ours
        if pair is None or about is None or relay != about.relay:
            raise _refuse("reject.unexpected")
        challenge = about.challenge if isinstance(about, Proving) else about.stated
        if not verify(pair.epk, reject.sig, m.Reject.statement(challenge, reject.code)):
            raise _refuse("reject.signature")
        effects: list[Effect] = []
        if reject.code == "proof":
            effects += self._refused(pair, "rejected", now)
        elif reject.code == "proven":
            pair.ours = None
            self._step_and_drop_idle(pair, Event.STILL_PROVEN)
        elif pair.state is State.CROSSED:
            pair.our_turn = True
        elif pair.state is State.CHALLENGED and pair.peer_id not in self._admission.greeted:
            # It never heard our hello, or it would have challenged us: it came to this relay later.
            self._admission.greeted.add(pair.peer_id)
            pair.ours = None
            self._step_and_drop_idle(pair, Event.TURNED)
            effects.append(SendFrame(relay, self._hello_text))
        return [*effects, *self._advance(now)]

    def _on_seal(self, relay: Hashable, seal: m.Seal) -> list[Effect]:
        if seal.to != self.peer_id:
            return []
        pair = self._pairs.get(seal.sender)
        if pair is None or pair.state not in DONE:
            raise _refuse("seal.stranger")
        if relay != pair.relay:
            raise _refuse("seal.relay")
        return [SealFrame(pair.peer_id, seal.payload)]

    # --- decisions ----------------------------------------------------------------------------

    def _advance(self, now: float) -> list[Effect]:
        """Send every proof, challenge and turn that is allowed now: first to boxes met before, then in
        the order of arrival."""
        effects: list[Effect] = []
        if not self._members.allows("", now):
            self._drop_strangers()
        pairs = sorted(self._pairs.values(), key=lambda pair: (not pair.is_known, pair.order))
        for pair in pairs:
            if pair.state in CHALLENGE_IN and self._is_prover(pair):
                effects += self._consider_proof(pair, now)
        for pair in pairs:
            if pair.heard is not None and pair.ours is None and self._wants_challenge(pair, now):
                effects.append(self._challenge(pair, now))
        self._next_challenge_at = self._admission.next_challenge_at(now)
        return effects

    def _drop_strangers(self) -> None:
        """They are shut out: what they hold can lead to nothing, and its places are for who is admitted."""
        for pair in list(self._pairs.values()):
            known = next((thing.known for thing in (pair.ours, pair.heard) if thing is not None), None)
            if pair.state in DONE or self._admission.own_budget(pair.peer_id, known):
                continue
            pair.late = None
            if pair.ours is not None:
                pair.ours = None
                self._step_and_drop_idle(pair, Event.OURS_EXPIRED)
            if pair.heard is not None and pair.state in (State.WAITING, State.HELD):
                pair.heard = None
                if pair.state is State.WAITING:
                    self._step_and_drop_idle(pair, Event.THEIRS_EXPIRED)

    def _is_prover(self, pair: Pair) -> bool:
        return pair.state is State.HELD or pair.our_turn or self.peer_id < pair.peer_id

    def _consider_proof(self, pair: Pair, now: float) -> list[Effect]:
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
            self._step_and_drop_idle(pair, Event.THEIRS_EXPIRED)
            return [Refused("budget.joiner")]
        if (
            may is May.STRANGER
            and theirs.turn_due
            and not pair.our_turn
            and pair.peer_id not in self._yielded
        ):
            self._yielded.add(pair.peer_id)
            pair.theirs = None
            self._step_and_drop_idle(pair, Event.YIELDED)
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
            self._step_and_drop_idle(pair, Event.THEIRS_EXPIRED)
            return [Refused(error.code)]
        if stranger:
            self._admission.proving_to(pair)
        pair.ours = pair.theirs = pair.heard = None
        pair.proving = Proving(
            theirs.stated, confirmed, theirs.relay, stranger, now + limits.PROOF_WITHIN, theirs.known
        )
        pair.machine.step(Event.PROOF_SENT)
        return [proof]

    def _wants_challenge(self, pair: Pair, now: float) -> bool:
        assert pair.heard is not None
        own = self._admission.own_budget(pair.peer_id, pair.heard.known)
        if not self._members.allows(own, now):
            return False
        if not self._admission.free_place(pair.heard.origin, pair.heard.known, now):
            return False
        if pair.state is State.HELD:
            return self._admission.may_prove(pair, now) in (May.STRANGER, May.BROKE)
        return pair.state in (State.WAITING, State.PROVEN)

    def _make_room(self) -> None:
        """All places are taken, and a box met before needs one: the oldest of a stranger's is given up."""
        out = [pair for pair in self._pairs.values() if pair.ours is not None]
        if len(out) >= limits.HANDSHAKES_MAX:
            strangers = [pair for pair in out if pair.ours is not None and pair.ours.known is None]
            oldest = min(strangers, key=lambda pair: pair.order)
            oldest.ours = None
            self._step_and_drop_idle(oldest, Event.OURS_EXPIRED)

    def _challenge(self, pair: Pair, now: float) -> SendFrame:
        heard = pair.heard
        assert heard is not None
        if heard.known is not None:
            self._make_room()
        self._admission.bucket(heard.known).take(now)
        pair.heard = None
        pair.ours, challenge = self._frames.challenge(pair.peer_id, heard, now)
        pair.machine.step(Event.CHALLENGE_SENT)
        return challenge

    def _proven(self, pair: Pair, role: str, keys: PairKeys, relay: Hashable) -> Proven:
        pair.role, pair.relay, pair.our_turn = role, relay, False
        self._members.met(pair.peer_id)
        return Proven(pair.peer_id, role, keys, relay)

    def _refused(self, pair: Pair, reason: str, now: float) -> list[Effect]:
        """Our proof came to nothing: a guess is spent."""
        known = pair.proving.known if pair.proving is not None else None
        pair.proving = None
        pair.failed_in = self._attempt
        pair.machine.step(Event.REFUSED)
        self._admission.spend(known, now)
        return [ProofFailed(pair.peer_id, as_joiner=True, reason=reason)]

    # --- time ---------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """Let everything expire that is due, and use the places that it leaves."""
        effects: list[Effect] = []
        for pair in list(self._pairs.values()):
            if pair.proving is not None and now >= pair.proving.expires:
                effects += self._refused(pair, "unanswered", now)
            if pair.theirs is not None and now >= pair.theirs.expires:
                pair.theirs = pair.heard = None
                pair.our_turn = False
                self._step_and_drop_idle(pair, Event.THEIRS_EXPIRED)
            if pair.ours is not None and now >= pair.ours.expires:
                pair.ours = None
                self._step_and_drop_idle(pair, Event.OURS_EXPIRED)
            if pair.heard is not None and now >= pair.heard.expires:
                pair.heard = None
                if pair.state is State.WAITING:
                    self._step_and_drop_idle(pair, Event.THEIRS_EXPIRED)
        return [*effects, *self._look_at_late(now), *self._advance(now)]

    def _look_at_late(self, now: float) -> list[Effect]:
        """Look at the proofs that waited; a wrong one makes the next wait again."""
        effects: list[Effect] = []
        for pair in list(self._pairs.values()):
            if pair.late is not None and now >= self._look_at:
                (relay, proof), pair.late = pair.late, None
                try:
                    effects += self._on_proof(relay, proof, now)
                except RemoteProtocolError as error:
                    effects.append(Refused(error.code))
        return effects

    def deadline(self) -> float | None:
        """When ``tick`` has something to do at the latest, or None."""
        times = [
            thing.expires
            for pair in self._pairs.values()
            for thing in (pair.proving, pair.theirs, pair.ours, pair.heard)
            if thing is not None
        ]
        times += [
            pair.theirs.turn_at
            for pair in self._pairs.values()
            if pair.theirs is not None and not pair.theirs.turn_due and self._is_prover(pair)
        ]
        if any(pair.late is not None for pair in self._pairs.values()):
            times.append(self._look_at)
        if self._next_challenge_at is not None:
            times.append(self._next_challenge_at)
        return min(times, default=None)

    # --- bookkeeping --------------------------------------------------------------------------

    def _new_pair(self, peer_id: str, epk: bytes) -> Pair:
        failed = [p for p in self._pairs.values() if p.state is State.FAILED]
        if len(failed) >= limits.FAILED_REMEMBERED:
            del self._pairs[min(failed, key=lambda pair: pair.order).peer_id]
        self._arrivals += 1
        pair = self._pairs[peer_id] = Pair(peer_id, epk, self._arrivals)
        return pair

    def _step_and_drop_idle(self, pair: Pair, event: Event) -> None:
        if pair.machine.step(event) is State.IDLE:
            self._pairs.pop(pair.peer_id, None)


def _refuse(code: str) -> RemoteProtocolError:
    return RemoteProtocolError(code, "A frame was dropped.")
