"""The handshakes of two boxes through their shells: frames, pairs, and what is counted and told."""

from __future__ import annotations

import os
from collections import Counter
from types import SimpleNamespace
from typing import Any

from appliance.app.proving import Proving
from appliance.core import handshake_effects as hs
from appliance.core.guesses import GuessBudgets
from appliance.core.handshake import Handshakes

NOW = 100.0
ROOM = 42
RELAY = "relay"
SEALED = b"sealed frame" * 8


class Member:
    """A member of the room that is told something."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.frames: list[bytes] = []
        self.machine: Any = SimpleNamespace(
            say_guesses=lambda wrong: [("guesses", wrong)],
            relay_frame=lambda payload, now: [("frame", payload)],
        )

    def run(self, effects: list[Any]) -> None:
        self.told += effects


class Box:
    """One box's handshakes and their shell. What it sends is in ``sent``."""

    def __init__(self, password: str = "1234", *, connected: bool = True) -> None:
        self.sent: list[str] = []
        self.proven: list[str] = []
        self.failures = 0
        self.armed = 0
        self.saved = 0
        self.counters: Counter[str] = Counter()
        self.peers: dict[str, Any] = {}
        budgets = GuessBudgets()
        self.connected = connected
        around: Any = SimpleNamespace(
            now=lambda: NOW,
            count=lambda code: self.counters.update([code]),
            changed=lambda: None,
            records=SimpleNamespace(budgets=budgets, save_budgets=self._save),
        )
        self.handshakes = Handshakes(ROOM, password, NOW, os.urandom, budgets)
        self.proving = Proving(
            around,
            self.handshakes,
            self.peers,
            send=self._send,
            proven=self._proven,
            failed=self._failed,
            arm=self._arm,
        )

    def _send(self, relay: str, text: str) -> bool:
        assert relay == RELAY
        if self.connected:
            self.sent.append(text)
        return self.connected

    def _proven(self, effect: hs.Proven, now: float) -> None:
        assert now == NOW
        self.proven.append(effect.peer_id)

    def _failed(self, now: float) -> None:
        self.failures += 1

    def _arm(self) -> None:
        self.armed += 1

    def _save(self) -> None:
        self.saved += 1


def meet(a: Box, b: Box) -> None:
    """Both say hello, and everything that follows is brought to the other."""
    a.sent.append(a.handshakes.hello())
    b.sent.append(b.handshakes.hello())
    while a.sent or b.sent:
        for here, there in ((a, b), (b, a)):
            texts, here.sent = here.sent, []
            for text in texts:
                there.proving.receive(RELAY, text)


def test_two_with_one_password_are_a_pair() -> None:
    a, b = Box(), Box()
    meet(a, b)
    assert a.proven == [b.handshakes.peer_id]
    assert b.proven == [a.handshakes.peer_id]
    assert not a.counters
    assert a.armed
    assert not a.proving.pending


def test_a_wrong_password_is_counted_saved_and_told_to_the_members() -> None:
    a, b = Box(), Box("4321")
    witness = Member()
    a.peers["w"] = b.peers["w"] = witness
    meet(a, b)
    assert not a.proven
    assert not b.proven
    codes = a.counters + b.counters
    assert codes["join.wrong-proof"] == codes["join.refused"] > 0
    assert a.saved + b.saved == codes.total()
    assert a.failures + b.failures == codes["join.refused"]  # the one that checked has no verdict on its own
    assert [what for what, _ in witness.told] == ["guesses"] * codes["join.wrong-proof"]
    assert a.proving.strangers_wrong + b.proving.strangers_wrong == codes["join.wrong-proof"]


def test_what_a_member_tells_of_wrong_proofs_counts_once() -> None:
    box = Box()
    box.proving.heard_guesses(((b"e" * 8, 1.0),))
    box.proving.heard_guesses(((b"e" * 8, 1.0),))
    assert box.proving.strangers_wrong == 1
    assert box.saved == 1
    assert [event for event, _ in box.proving.wrong_told] == [b"e" * 8]


def test_sealed_frames_go_over_the_relay_and_to_their_peer() -> None:
    a, b = Box(), Box()
    meet(a, b)
    peer = b.peers[a.handshakes.peer_id] = Member()
    a.proving.send_sealed(b.handshakes.peer_id, SEALED)
    b.proving.receive(RELAY, a.sent.pop())
    assert peer.told == [("frame", SEALED)]


def test_a_sealed_frame_without_a_relay_is_counted() -> None:
    a, b = Box(), Box()
    meet(a, b)
    a.connected = False
    a.proving.send_sealed(b.handshakes.peer_id, SEALED)
    assert a.counters == {"relay.not-sent": 1}


def test_what_is_no_frame_is_counted_by_its_code() -> None:
    box = Box()
    box.proving.receive(RELAY, "{}")
    assert sum(box.counters.values()) == 1
    assert not box.failures
