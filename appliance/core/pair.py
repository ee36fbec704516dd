"""One pair as this box sees it during the handshake: its states, and what is remembered of it.

The table is the whole machine. A frame that does not fit its state is refused before it gets here,
so an event without a row is our own bug and raises LocalProtocolError.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from dataclasses import dataclass, field

from appliance.core import messages as m
from appliance.core.keys import Confirmed
from appliance.core.pake import Pake
from appliance.core.recognition import MetBox
from appliance.core.table import Machine


class State(enum.Enum):
    """Of one pair, as this box sees it."""

    IDLE = "idle"
    WAITING = "waiting"  # its hello is good; our challenge waits for a free place
    CHALLENGED = "challenged"  # our challenge is out: it is to prove (we are side B)
    HELD = "held"  # its challenge came: we are to prove (side A) when we may
    CROSSED = "crossed"  # both of the above
    PROVING = "proving"  # our proof is out
    PROVEN = "proven"
    RECHALLENGED = "rechallenged"  # proven, but its new hello says it may have missed our acceptance
    FAILED = "failed"


class Event(enum.Enum):
    HELLO = "hello"  # a new hello, to be challenged when there is a place
    CHALLENGE_SENT = "challenge-sent"
    CHALLENGE_HEARD = "challenge-heard"
    PROOF_SENT = "proof-sent"
    PROOF_RIGHT = "proof-right"
    PROOF_WRONG = "proof-wrong"
    ACCEPTED = "accepted"  # a right acceptance of our proof
    REFUSED = "refused"  # a wrong acceptance, a rejection, or none in time
    YIELDED = "yielded"  # we told it to prove to us instead
    TURNED = "turned"  # it told us to prove instead, and we hold no challenge of it
    STILL_PROVEN = "still-proven"  # it answered our challenge: we two are done
    OURS_EXPIRED = "ours-expired"  # our challenge
    THEIRS_EXPIRED = "theirs-expired"  # its challenge, or its waiting hello


_S, _E = State, Event
TABLE: dict[tuple[State, Event], State] = {
    (_S.IDLE, _E.HELLO): _S.WAITING,
    (_S.IDLE, _E.CHALLENGE_HEARD): _S.HELD,
    (_S.WAITING, _E.HELLO): _S.WAITING,
    (_S.WAITING, _E.CHALLENGE_SENT): _S.CHALLENGED,
    (_S.WAITING, _E.CHALLENGE_HEARD): _S.HELD,
    (_S.WAITING, _E.THEIRS_EXPIRED): _S.IDLE,
    (_S.CHALLENGED, _E.CHALLENGE_HEARD): _S.CROSSED,
    (_S.CHALLENGED, _E.PROOF_RIGHT): _S.PROVEN,
    (_S.CHALLENGED, _E.PROOF_WRONG): _S.FAILED,
    (_S.CHALLENGED, _E.TURNED): _S.IDLE,
    (_S.CHALLENGED, _E.STILL_PROVEN): _S.IDLE,
    (_S.CHALLENGED, _E.OURS_EXPIRED): _S.IDLE,
    (_S.HELD, _E.HELLO): _S.HELD,
    (_S.HELD, _E.CHALLENGE_SENT): _S.CROSSED,
    (_S.HELD, _E.CHALLENGE_HEARD): _S.HELD,
    (_S.HELD, _E.PROOF_SENT): _S.PROVING,
    (_S.HELD, _E.YIELDED): _S.IDLE,
    (_S.HELD, _E.THEIRS_EXPIRED): _S.IDLE,
    (_S.CROSSED, _E.CHALLENGE_HEARD): _S.CROSSED,
    (_S.CROSSED, _E.PROOF_SENT): _S.PROVING,
    (_S.CROSSED, _E.PROOF_RIGHT): _S.PROVEN,
    (_S.CROSSED, _E.PROOF_WRONG): _S.FAILED,
    (_S.CROSSED, _E.YIELDED): _S.CHALLENGED,
    (_S.CROSSED, _E.STILL_PROVEN): _S.HELD,
    (_S.CROSSED, _E.OURS_EXPIRED): _S.HELD,
    (_S.CROSSED, _E.THEIRS_EXPIRED): _S.CHALLENGED,
    (_S.PROVING, _E.ACCEPTED): _S.PROVEN,
    (_S.PROVING, _E.REFUSED): _S.FAILED,
    (_S.PROVEN, _E.CHALLENGE_SENT): _S.RECHALLENGED,
    (_S.RECHALLENGED, _E.PROOF_RIGHT): _S.PROVEN,
    (_S.RECHALLENGED, _E.PROOF_WRONG): _S.PROVEN,
    (_S.RECHALLENGED, _E.STILL_PROVEN): _S.PROVEN,
    (_S.RECHALLENGED, _E.OURS_EXPIRED): _S.PROVEN,
    (_S.FAILED, _E.HELLO): _S.WAITING,
    (_S.FAILED, _E.CHALLENGE_HEARD): _S.HELD,
}

CHALLENGE_OUT = frozenset({_S.CHALLENGED, _S.CROSSED, _S.RECHALLENGED})
CHALLENGE_IN = frozenset({_S.HELD, _S.CROSSED})
DONE = frozenset({_S.PROVEN, _S.RECHALLENGED})


@dataclass(slots=True)
class Heard:
    """A verified hello. ``stated``: its statement."""

    stated: bytes
    nonce: bytes
    relay: Hashable
    origin: str
    expires: float
    known: MetBox | None = None  # by a tag that it showed


@dataclass(slots=True)
class Ours:
    """The challenge we sent. ``stated``: its statement."""

    hello: bytes
    hello_nonce: bytes
    stated: bytes
    pake: Pake
    relay: Hashable
    origin: str
    expires: float
    known: MetBox | None = None


@dataclass(slots=True)
class Theirs:
    """The challenge we got, for our hello with the statement ``hello``."""

    hello: bytes
    challenge: m.Challenge
    stated: bytes
    relay: Hashable
    origin: str
    expires: float
    turn_at: float  # until then a roster may name the challenger
    turn_due: bool = False
    known: MetBox | None = None  # by the tag that it showed


@dataclass(slots=True)
class Proving:
    """The proof we sent."""

    challenge: bytes
    confirmed: Confirmed
    relay: Hashable
    stranger: bool
    expires: float
    known: MetBox | None = None


@dataclass(slots=True)
class Pair:
    peer_id: str
    epk: bytes
    order: int  # of first arrival
    machine: Machine[State, Event] = field(default_factory=lambda: Machine("handshake", TABLE, State.IDLE))
    heard: Heard | None = None
    ours: Ours | None = None
    theirs: Theirs | None = None
    proving: Proving | None = None
    late: tuple[Hashable, m.Proof] | None = None  # its relay and proof, to be looked at a little later
    our_turn: bool = False  # crossed, and the smaller one told us to prove
    role: str = ""  # once proven
    proven_for: bytes = b""  # nonce of the hello that it was proven for, when we are side B
    relay: Hashable = None  # where it was proven
    failed_in: int = -1  # the attempt in which the last handshake failed

    @property
    def state(self) -> State:
        return self.machine.state

    @property
    def is_known(self) -> bool:
        """Did this peer show that it is a box met before?"""
        return any(thing is not None and thing.known is not None for thing in (self.theirs, self.heard))
