"""A simulated network of relays between handshakes: seeded, on a clock that nobody waits for.

A frame that a box sends on a relay reaches every other box that is connected to it when the frame
passes; rosters go between proven peers as the sealed channel would carry them.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.core.guesses import GuessBudgets
from appliance.core.handshake import Handshakes
from appliance.core.handshake_effects import Effect, ProofFailed, Proven, Refused, SealFrame, SendFrame


def seeded(seed: object) -> Callable[[int], bytes]:
    """Random bytes that are the same in every run."""
    return random.Random(repr(seed)).randbytes


@dataclass
class Box:
    """One box and what its handshakes told it."""

    name: int
    handshakes: Handshakes
    relays: set[str] = field(default_factory=set)
    proven: dict[str, Proven] = field(default_factory=dict)
    proven_at: dict[str, float] = field(default_factory=dict)
    failed: list[ProofFailed] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    sealed: list[SealFrame] = field(default_factory=list)


@dataclass
class Network:
    """``delay``: seconds each way, drawn evenly. ``loss``, ``duplicates``: shares of frames.

    ``one_address``: every frame of a relay comes from one address, as of a foreign server.
    """

    seed: object
    delay: tuple[float, float] = (0.001, 0.05)
    loss: float = 0.0
    duplicates: float = 0.0
    one_address: bool = False
    rosters: bool = True
    now: float = 100.0

    def __post_init__(self) -> None:
        self.random = random.Random(repr(self.seed))
        self.boxes: list[Box] = []
        self.transcript: list[tuple[str, int, str]] = []  # (relay, sender, text)
        self.proofs = 0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()

    def add(self, password: str = "1234", room: int = 42, budgets: GuessBudgets | None = None) -> Box:
        """A box whose last key was just pressed."""
        name = len(self.boxes)
        handshakes = Handshakes(room, password, self.now, seeded((self.seed, name)), budgets)
        box = Box(name, handshakes)
        self.boxes.append(box)
        return box

    def at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._number), action))

    def connect(self, box: Box, relay: str) -> None:
        """The box's connection to a relay opens: it says hello there."""
        box.relays.add(relay)
        self.send(box, relay, box.handshakes.hello())

    def say_hello_again(self, box: Box) -> None:
        """An automatic retry."""
        box.handshakes.renew(self.now)
        for relay in sorted(box.relays):
            self.send(box, relay, box.handshakes.hello())

    def repair(self, box: Box) -> None:
        """What the app does every two seconds: another attempt while a roster names a hole."""
        if box.handshakes.missing:
            self.say_hello_again(box)
        self.at(self.now + 2.0, lambda: self.repair(box))

    def send(self, box: Box, relay: str, text: str) -> None:
        self.transcript.append((relay, box.name, text))
        for other in self.boxes:
            if other is box:
                continue
            copies = 0 if self.random.random() < self.loss else 1
            copies += self.random.random() < self.duplicates
            for _ in range(copies):
                self.at(self.now + self._delay(), lambda other=other: self._deliver(other, box, relay, text))

    def _delay(self) -> float:
        return self.random.uniform(*self.delay)

    def _deliver(self, box: Box, sender: Box, relay: str, text: str) -> None:
        if relay in box.relays:
            origin = relay if self.one_address else f"{relay}:{sender.name}"
            self.perform(box, box.handshakes.receive(relay, origin, text, self.now))

    def perform(self, box: Box, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendFrame():
                    assert effect.relay in box.relays
                    self.send(box, str(effect.relay), effect.text)
                case Proven():
                    self.proofs += 1
                    box.proven[effect.peer_id] = effect
                    box.proven_at.setdefault(effect.peer_id, self.now)
                    if self.rosters:
                        self._say_roster(box)
                case ProofFailed():
                    box.failed.append(effect)
                case Refused():
                    box.refused.append(effect.code)
                case SealFrame():
                    box.sealed.append(effect)
        deadline = box.handshakes.deadline()
        if deadline is not None:
            self.at(max(deadline, self.now), lambda: self._tick(box))

    def _tick(self, box: Box) -> None:
        deadline = box.handshakes.deadline()
        if deadline is not None and self.now >= deadline:
            self.perform(box, box.handshakes.tick(self.now))
            after = box.handshakes.deadline()
            assert after is None or after > self.now, "a deadline that tick does not serve"

    def _say_roster(self, box: Box) -> None:
        names = tuple(sorted(box.handshakes.proven))
        for other in self.boxes:
            if other.handshakes.peer_id in names:
                when = self.now + self._delay()
                self.at(when, lambda other=other: self._hear_roster(other, box, names))

    def _hear_roster(self, box: Box, sender: Box, names: tuple[str, ...]) -> None:
        if sender.handshakes.peer_id in box.handshakes.proven:
            self.perform(box, box.handshakes.introduce(names, self.now))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let so much time pass, or until something is true."""
        end = self.now + seconds
        proofs = -1
        while self._queue and self._queue[0][0] <= end:
            if proofs != self.proofs:
                proofs = self.proofs
                if until():
                    return
            self.now, _, action = heapq.heappop(self._queue)
            action()
        self.now = end

    def meshed(self) -> bool:
        """Every box has a proven pair with every other one, and both hold the same keys."""
        return all(
            other.handshakes.peer_id in box.proven
            and box.proven[other.handshakes.peer_id].keys == other.proven[box.handshakes.peer_id].keys
            and {box.proven[other.handshakes.peer_id].role, other.proven[box.handshakes.peer_id].role}
            == {"A", "B"}
            for box in self.boxes
            for other in self.boxes
            if other is not box and box.handshakes.peer_id in other.proven
        ) and all(len(box.proven) == len(self.boxes) - 1 for box in self.boxes)
