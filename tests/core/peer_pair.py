"""Two link machines, joined by a network that the test holds in its hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from appliance.core import peer_effects as peer
from appliance.core.bind import Ends
from appliance.core.channel import SealedChannel
from appliance.core.identity import BoxIdentity
from appliance.core.keys import PairKeys
from appliance.core.peer import Peer
from appliance.core.peer_table import PeerState
from appliance.core.whereabouts import Me

KEYS = PairKeys(*(bytes([n]) * 32 for n in range(1, 6)))
LINE_KEYS = PairKeys(*(bytes([n]) * 32 for n in range(11, 16)))


class Side:
    """One machine and a shell that keeps what it was told to do."""

    def __init__(self, pair: Pair, role: str, seed: int) -> None:
        self.pair = pair
        self.role = role
        identity = BoxIdentity(bytes([seed]) * 32)
        me = Me(identity, f"box {role}", f"{seed:032x}", ("127.0.0.1",), 4000 + seed)
        other = f"{3 - seed:032x}"
        self.machine = Peer(
            me, other, role, SealedChannel.of_pair(KEYS, role, 0.0), KEYS.transcript, KEYS.bind, 0.0
        )
        self.log: list[peer.Effect] = []
        self.dialing = False
        self.links: set[int] = set()

    @property
    def other(self) -> Side:
        return self.pair.b if self is self.pair.a else self.pair.a

    def run(self, effects: list[peer.Effect]) -> None:
        for effect in effects:
            self.log.append(effect)
            self.pair.carry(self, effect)

    def did(self, kind: type) -> list:
        return [effect for effect in self.log if isinstance(effect, kind)]


class Pair:
    """Two sides and the frames between them. ``relay``, ``line``, ``media``: does it carry anything?"""

    def __init__(self) -> None:
        self.now = 0.0
        self.relay = self.line = self.media = True
        self.refusing = self.unknown = False
        self.stopped: Side | None = None
        self.dead: set[int] = set()  # connections that carry nothing any more
        self.queue: deque[Callable[[], None]] = deque()
        self.a = Side(self, "A", 1)
        self.b = Side(self, "B", 2)
        self.tamper: Callable[[peer.Effect], peer.Effect | None] = lambda effect: effect

    @property
    def leader(self) -> Side:
        return self.a if self.a.machine.leads else self.b

    @property
    def follower(self) -> Side:
        return self.leader.other

    def cut(self) -> None:
        """No packet gets through any more, and both lines notice."""
        self.media = self.line = self.relay = False
        for side in (self.a, self.b):
            side.run(side.machine.line_lost(False, self.now))

    def mend(self) -> None:
        self.media = self.line = self.relay = True
        self.dead.clear()

    def die(self, side: Side) -> None:
        """The process of one side ends: its system closes the line and refuses new ones."""
        self.media = self.line = False
        self.refusing = True
        self.stopped = side
        side.other.run(side.other.machine.line_lost(True, self.now))

    def carry(self, side: Side, effect: peer.Effect) -> None:
        changed = self.tamper(effect)
        if changed is None:
            return
        other = side.other.machine
        match changed:
            case peer.ToRelay(frame):
                if self.relay:
                    self.queue.append(lambda: side.other.run(other.relay_frame(frame, self.now)))
            case peer.ToLine(frame):
                if self.line:
                    self.queue.append(lambda: side.other.run(other.line_frame(frame, self.now)))
            case peer.Dial():
                self.queue.append(lambda: self.dialed(side))
            case peer.MakeOffer(generation):
                side.links.add(generation)
                self.queue.append(
                    lambda: side.run(side.machine.offer_made(generation, f"offer {generation}"))
                )
            case peer.MakeAnswer(generation, _):
                side.links.add(generation)
                self.queue.append(
                    lambda: side.run(side.machine.answer_made(generation, f"answer {generation}"))
                )
            case peer.TakeAnswer(generation, _):
                self.queue.append(lambda: self.connect(generation))
            case peer.ToControl(generation, data):
                if self.media and generation not in self.dead and generation in side.other.links:
                    self.queue.append(
                        lambda: side.other.run(other.control_message(generation, data, self.now))
                    )
            case peer.OpenMedia(generation):
                side.links = {link for link in side.links if link >= generation}
            case peer.DropLink(generation):
                side.links.discard(generation)

    def dialed(self, side: Side) -> None:
        if not self.line:
            side.run(side.machine.line_failed(self.refusing, self.now, self.unknown))
            return
        for end in (side, side.other):
            channel = SealedChannel.of_pair(LINE_KEYS, end.role, self.now)
            end.run(end.machine.line_up(channel, self.now))

    def connect(self, generation: int) -> None:
        if not self.media:
            return
        for side in (self.a, self.b):
            ours, theirs = self.ends(side, generation), self.ends(side.other, generation)
            self.queue.append(
                lambda side=side, ours=ours, theirs=theirs: side.run(
                    side.machine.link_connected(generation, ours, theirs, self.now)
                )
            )

    @staticmethod
    def ends(side: Side, generation: int) -> Ends:
        byte = f"{generation:X}{side.role}"
        return Ends(":".join([byte.zfill(2)[-2:]] * 32), f"ufrag{side.role}{generation}")

    def settle(self) -> None:
        for _ in range(10_000):
            if not self.queue:
                return
            self.queue.popleft()()
        raise AssertionError("the two never come to rest")

    def start(self) -> None:
        self.a.run(self.a.machine.start())
        self.b.run(self.b.machine.start())
        self.settle()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, waking each machine at its own deadlines."""
        end = self.now + seconds
        alive = [side for side in (self.a, self.b) if side is not self.stopped]
        while True:
            due = [s.machine.deadline() for s in alive]
            at = min((d for d in due if d is not None), default=end)
            self.now = min(max(at, self.now), end)
            for side in alive:
                deadline = side.machine.deadline()
                if deadline is not None and deadline <= self.now:
                    side.run(side.machine.tick(self.now))
            self.settle()
            due = [s.machine.deadline() for s in alive]
            if self.now >= end and all(d is None or d > end for d in due):
                return

    def states(self) -> tuple[PeerState, PeerState]:
        return self.a.machine.state, self.b.machine.state


def live_pair() -> Pair:
    """Two that carry pictures and sound."""
    pair = Pair()
    pair.start()
    assert pair.states() == (PeerState.LIVE, PeerState.LIVE)
    return pair
