"""Whom this box proves the password to, and whom it serves, as long as budgets and places last.

The two roles of a box in the handshakes of one room: as a joiner each proof may be a guess given away,
as a member each wrong proof is a guess of somebody's. Whoever is named by a roster, or was met before,
has budgets of its own (``guesses.py``); strangers share one, and few places.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Hashable, Mapping

from appliance.core import limits
from appliance.core.guesses import Bucket, GuessBudgets
from appliance.core.handshake_effects import Proven
from appliance.core.keys import PairKeys
from appliance.core.newest import remember
from appliance.core.pair import Pair
from appliance.core.recognition import MetBox


class May(enum.Enum):
    """Whether we may prove on a challenge now."""

    YES = "yes"
    LATER = "later"  # the places are taken, or another one of this address was tried
    STRANGER = "stranger"  # we were accepted already, and nobody named this peer
    BROKE = "broke"  # no guess left


class Admission:
    """Who may, in one room, during one join.

    ``pairs``: the handshakes, by peer id, which others change. ``known``: the boxes met before in the room.
    ``now``: monotonic seconds.
    """

    def __init__(
        self,
        pairs: Mapping[str, Pair],
        budgets: GuessBudgets,
        room: int,
        known: tuple[MetBox, ...],
        now: float,
    ) -> None:
        self._pairs = pairs
        self.known = known
        self.press = budgets.press(room)
        """What is left of our own guesses."""
        self._members = budgets.member(room)
        self._challenges, self._known_challenges = (
            Bucket(limits.CHALLENGES_BURST, limits.CHALLENGE_EVERY, now) for _ in range(2)
        )
        self.introduced: OrderedDict[str, None] = OrderedDict()
        """Peers that a sealed roster named."""
        self._merges_left = limits.MERGE_PROOFS_MAX
        self.attempt = 0
        """Which one it is: a number."""
        self.accepted = False
        """By anybody, in this attempt."""
        self.greeted: set[str] = set()
        """Peers that got our hello again in this attempt."""
        self.yielded: set[str] = set()
        """Peers that we told to prove in this attempt."""
        self._tried: set[str] = set()  # addresses that had their candidate in this attempt

    def renew(self) -> None:
        """Another attempt begins. Guesses spent stay spent."""
        self.attempt += 1
        self.accepted = False
        self._tried.clear()
        self.greeted.clear()
        self.yielded.clear()

    def introduce(self, peer_id: str) -> None:
        """A sealed roster named this peer."""
        remember(self.introduced, peer_id, limits.INTRODUCED_MAX)

    def proven(self, pair: Pair, role: str, keys: PairKeys, relay: Hashable) -> Proven:
        """Both proved the password to each other: whoever this is, it is no stranger any more."""
        pair.role, pair.relay, pair.our_turn = role, relay, False
        self._members.met(pair.peer_id)
        return Proven(pair.peer_id, role, keys, relay)

    # --- as a joiner --------------------------------------------------------------------------

    def may_prove(self, pair: Pair, now: float) -> May:
        """May we prove on the challenge that this peer sent?"""
        assert pair.theirs is not None
        proving = [p.proving for p in self._pairs.values() if p.proving is not None]
        if (known := pair.theirs.known) is not None:
            own = [each for each in proving if each.known is not None and each.known.box_id == known.box_id]
            if sum(each.known is not None for each in proving) >= limits.ROSTER_PROOFS_MAX:
                return May.LATER
            left = self.press.own.available(known.box_id, now)
            if left - len(own) > 0:
                return May.YES
            return May.LATER if left > 0 else May.BROKE
        out = [each for each in proving if each.known is None]
        if self.is_stranger(pair):
            told_to = pair.our_turn or pair.peer_id in self.greeted
            if self.accepted and not (told_to and self._merges_left > 0):
                return May.STRANGER
            strangers = sum(each.stranger for each in out)
            tried = pair.theirs.origin in self._tried and not self.accepted
            if strangers >= limits.STRANGER_PROOFS_MAX or tried:
                return May.LATER
        elif len(out) >= limits.ROSTER_PROOFS_MAX:
            return May.LATER
        left = self.press.available(now)
        if left - len(out) > 0:
            return May.YES
        return May.LATER if left > 0 else May.BROKE

    def is_stranger(self, pair: Pair) -> bool:
        """Has nobody named this peer, and is it no box met before?"""
        known = pair.theirs is not None and pair.theirs.known is not None
        return not known and pair.peer_id not in self.introduced and not self._members.knows(pair.peer_id)

    def proving_to(self, pair: Pair) -> None:
        """We prove to this stranger now."""
        assert pair.theirs is not None
        self._tried.add(pair.theirs.origin)
        self._merges_left -= self.accepted

    def spend(self, known: MetBox | None, now: float) -> None:
        """A proof of ours came to nothing."""
        if known is not None:
            self.press.own.spend(known.box_id, now)
        else:
            self.press.spend(now)

    # --- as a member --------------------------------------------------------------------------

    def own_budget(self, peer_id: str, known: MetBox | None) -> str:
        """Whose own budget counts for a peer's proofs; "" for a stranger's."""
        if known is not None:
            return known.box_id
        return peer_id if self._members.knows(peer_id) or peer_id in self.introduced else ""

    def bucket(self, known: MetBox | None) -> Bucket:
        """What the challenge of a hello is taken from."""
        return self._challenges if known is None else self._known_challenges

    def free_place(self, origin: str, known: MetBox | None, now: float) -> bool:
        """Whether a challenge may be made; one for a box met before takes a stranger's place."""
        if self.bucket(known).available(now) < 1:
            return False
        out = [p.ours for p in self._pairs.values() if p.ours is not None]
        strangers = [ours.origin for ours in out if ours.known is None]
        if known is not None:
            same = sum(ours.known is not None and ours.known.box_id == known.box_id for ours in out)
            boxes = len(out) - len(strangers)
            return boxes < limits.HANDSHAKES_MAX and same < limits.MET_CHALLENGES_PER_BOX
        return len(out) < limits.HANDSHAKES_MAX and strangers.count(origin) < limits.HANDSHAKES_PER_ADDRESS

    def next_challenge_at(self, now: float) -> float | None:
        """When a hello may be answered that waits for nothing but its time; None if there is none."""
        heard = [pair.heard for pair in self._pairs.values() if pair.heard is not None]
        buckets = {id(bucket): bucket for bucket in (self.bucket(each.known) for each in heard)}
        return min((b.next_at(now) for b in buckets.values() if b.available(now) < 1), default=None)
