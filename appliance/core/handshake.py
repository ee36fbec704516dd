"""All pair handshakes of one box during one join of one room.

A joiner says ``hello`` to everybody; whoever is in the room answers with a ``challenge``; the joiner
sends its ``proof`` to some of them; the member ``accept``s or ``reject``s. The rules:

* Every box has both sides. The member's, B, challenges who says hello, and looks at proofs
  (``handshake_member.py``); the joiner's, A, proves to who challenged it (``handshake_joiner.py``).
* Two that challenged each other have *crossed*: the smaller peer id is the joiner (side A) and
  proves, the other one waits for the proof.
* A box met before in this room (``recognition.py``) has its own budget, its own places and its turn before
  strangers, in both roles: whatever strangers do, it is served.
* A signature is checked before anything is remembered, counted or computed. What is malformed, not
  for this room, out of place or over a limit is dropped, with an effect that names the reason.
* A handshake stays on the relay where it began.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from appliance.core import messages as m
from appliance.core import recognition as rec
from appliance.core.admission import Admission
from appliance.core.guesses import GuessBudgets, ShutOut
from appliance.core.handshake_effects import Effect, Refused, SealFrame, SendFrame, refusal
from appliance.core.handshake_frames import HandshakeFrames
from appliance.core.handshake_joiner import JoinerSide
from appliance.core.handshake_member import MemberSide
from appliance.core.identity import PeerKey, RandomBytes, verify
from appliance.core.pair import CHALLENGE_IN, DONE, TABLE, Event, Ours, Proving, State
from appliance.core.pairs import Pairs
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
        self.room = room
        self._key = key or PeerKey.generate(random_bytes)
        self._frames = HandshakeFrames(room, password, self._key, random_bytes)
        self._guesses = budgets.member(room)
        self._pairs = Pairs()
        self._admission = Admission(self._pairs, budgets, room, known, now)
        self._joiner = JoinerSide(self._pairs, self._admission, self._frames)
        self._member = MemberSide(
            self._pairs, self._admission, self._frames, self._guesses, random_bytes, now
        )
        self._next_challenge_at: float | None = None  # while a hello waits for nothing but the bucket

    def __repr__(self) -> str:
        return f"Handshakes(room={self.room}, peer_id={self.peer_id}, pairs={len(self._pairs)})"

    # --- what the shell asks ------------------------------------------------------------------

    @property
    def peer_id(self) -> str:
        """Ours, 32 hex digits."""
        return self._key.peer_id

    def hello(self) -> str:
        """The frame to send on a relay connection that has just opened; the same during an attempt."""
        return self._joiner.hello

    def renew(self, now: float) -> None:
        """Begin another attempt: a hello with a fresh nonce. Guesses spent stay spent."""
        del now  # what an attempt remembers has no age of its own
        self._admission.renew()
        self._joiner.renew()

    def state(self, peer_id: str) -> State:
        """The state of the handshake with a peer."""
        pair = self._pairs.get(peer_id)
        return pair.state if pair is not None else State.IDLE

    @property
    def proven(self) -> frozenset[str]:
        """Peers that we and they proved the password to each other."""
        return self._pairs.proven

    @property
    def pending(self) -> frozenset[str]:
        """Peers whose handshake is under way: its end may still change what a person reads."""
        return self._pairs.pending

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
        pair = self._pairs.add(peer_id, epk)
        pair.machine = Machine("handshake", TABLE, State.PROVEN)
        pair.role = "A"

    def forget(self, peer_id: str) -> None:
        """A proven peer left or is gone: its next hello is a new one's."""
        self._pairs.forget(peer_id)
        self._admission.introduced.pop(peer_id, None)

    def is_away(self, peer_id: str, away: bool) -> None:
        """A proven peer is out of reach, and its place is free for another one; or it is back."""
        self._pairs.set_away(peer_id, away)

    def admit(self, now: float) -> list[Effect]:
        """A person lets one stranger try although the strangers' budget is empty."""
        effects = self._advance(now)  # while they are shut out: who comes now is not behind who waited
        self._guesses.admit(now)
        return [*effects, *self._advance(now)]

    def met(self, known: tuple[rec.MetBox, ...]) -> None:
        """Another box was met in this room, and is recognised when it comes again. ``known``: all of them."""
        self._admission.known = known

    def shut_out(self, now: float) -> ShutOut | None:
        """Whether strangers are shut out, and until when."""
        return self._guesses.shut_out(now)

    def wrong_told(self, now: float) -> list[tuple[bytes, float]]:
        """What to tell a member of strangers' wrong proofs: (id, seconds ago)."""
        return self._guesses.strangers.told(now)

    def heard_wrong(self, wrong: Iterable[tuple[bytes, float]], now: float) -> bool:
        """A member told us of strangers' wrong proofs; return whether any was new."""
        return self._guesses.strangers.heard(wrong, now)

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
                    if self._member.hear_hello(relay, origin, frame, now):
                        effects += self._advance(now)
                case _ if frame.to != self.peer_id:
                    pass
                case m.Challenge():
                    answer = self._joiner.hear_challenge(relay, origin, frame, now)
                    effects += [answer] if answer is not None else self._advance(now)
                case m.Proof():
                    effects += self._hear_proof(relay, frame, now)
                case m.Accept():
                    effects += self._joiner.hear_accept(relay, frame, now)
                    effects += self._advance(now)
                case m.Reject():
                    effects += self._hear_reject(relay, frame, now)
                    effects += self._advance(now)
                case m.Seal():
                    effects.append(self._hear_seal(relay, frame))
        except RemoteProtocolError as error:
            effects.append(Refused(error.code))
        return effects

    def _hear_proof(self, relay: Hashable, proof: m.Proof, now: float) -> list[Effect]:
        led_to = self._member.hear_proof(relay, proof, now)
        return [*led_to, *self._advance(now)] if led_to else []

    def _hear_reject(self, relay: Hashable, reject: m.Reject, now: float) -> list[Effect]:
        pair = self._pairs.get(reject.sender)
        about: Proving | Ours | None = None
        if pair is not None:
            about = pair.proving if reject.code == "proof" else pair.ours
        if pair is None or about is None or relay != about.relay:
            raise refusal("reject.unexpected")
        challenge = about.challenge if isinstance(about, Proving) else about.stated
        if not verify(pair.epk, reject.sig, m.Reject.statement(challenge, reject.code)):
            raise refusal("reject.signature")
        if reject.code == "proof":
            return [self._joiner.refused(pair, "rejected", now)]
        if reject.code == "proven":
            pair.ours = None
            self._pairs.step(pair, Event.STILL_PROVEN)
        elif pair.state is State.CROSSED:
            pair.our_turn = True
        elif pair.state is State.CHALLENGED and pair.peer_id not in self._admission.greeted:
            # It never heard our hello, or it would have challenged us: it came to this relay later.
            self._admission.greeted.add(pair.peer_id)
            pair.ours = None
            self._pairs.step(pair, Event.TURNED)
            return [SendFrame(relay, self._joiner.hello)]
        return []

    def _hear_seal(self, relay: Hashable, seal: m.Seal) -> SealFrame:
        pair = self._pairs.get(seal.sender)
        if pair is None or pair.state not in DONE:
            raise refusal("seal.stranger")
        if relay != pair.relay:
            raise refusal("seal.relay")
        return SealFrame(pair.peer_id, seal.payload)

    # --- decisions ----------------------------------------------------------------------------

    def _advance(self, now: float) -> list[Effect]:
        """Send every proof, challenge and turn that is allowed now: first to boxes met before, then in
        the order of arrival."""
        effects: list[Effect] = []
        self._member.drop_strangers(now)
        pairs = sorted(self._pairs.values(), key=lambda pair: (not pair.is_known, pair.order))
        for pair in pairs:
            if pair.state in CHALLENGE_IN and self._joiner.is_prover(pair):
                effects += self._joiner.consider_proof(pair, now)
        for pair in pairs:
            if self._member.wants_challenge(pair, now):
                effects.append(self._member.challenge(pair, now))
        self._next_challenge_at = self._admission.next_challenge_at(now)
        return effects

    # --- time ---------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """Let everything expire that is due, and use the places that it leaves."""
        effects: list[Effect] = []
        for pair in list(self._pairs.values()):
            if pair.proving is not None and now >= pair.proving.expires:
                effects.append(self._joiner.refused(pair, "unanswered", now))
            if pair.theirs is not None and now >= pair.theirs.expires:
                pair.theirs = pair.heard = None
                pair.our_turn = False
                self._pairs.step(pair, Event.THEIRS_EXPIRED)
            if pair.ours is not None and now >= pair.ours.expires:
                pair.ours = None
                self._pairs.step(pair, Event.OURS_EXPIRED)
            if pair.heard is not None and now >= pair.heard.expires:
                pair.heard = None
                if pair.state is State.WAITING:
                    self._pairs.step(pair, Event.THEIRS_EXPIRED)
        return [*effects, *self._look_at_late(now), *self._advance(now)]

    def _look_at_late(self, now: float) -> list[Effect]:
        """Look at the proofs that waited; a wrong one makes the next wait again."""
        effects: list[Effect] = []
        for pair in list(self._pairs.values()):
            if pair.late is not None and now >= self._member.look_at:
                (relay, proof), pair.late = pair.late, None
                try:
                    effects += self._hear_proof(relay, proof, now)
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
            if pair.theirs is not None and not pair.theirs.turn_due and self._joiner.is_prover(pair)
        ]
        if any(pair.late is not None for pair in self._pairs.values()):
            times.append(self._member.look_at)
        if self._next_challenge_at is not None:
            times.append(self._next_challenge_at)
        return min(times, default=None)
