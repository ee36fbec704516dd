"""The handshakes of one room, as their shell: frames sent, pairs handed on, wrong proofs counted and told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from appliance.app.peer_shell import PeerShell
from appliance.app.surroundings import Surroundings
from appliance.core import handshake_effects as hs
from appliance.core.guesses import ShutOut
from appliance.core.handshake import Handshakes
from appliance.core.recognition import acquaintance_key


class Proving:
    """``send(relay, text)``: say whether it is on its way. ``proven(effect, now)``: a pair is to begin.
    ``failed(now)``: somebody refuses us, or can't be asked. ``arm()``: there is another deadline.
    """

    def __init__(
        self,
        around: Surroundings,
        handshakes: Handshakes,
        peers: Mapping[str, PeerShell],
        *,
        send: Callable[[str, str], bool],
        proven: Callable[[hs.Proven, float], None],
        failed: Callable[[float], None],
        arm: Callable[[], None],
    ) -> None:
        self._around = around
        self._handshakes = handshakes
        self._peers = peers
        self._send = send
        self._proven = proven
        self._failed = failed
        self._arm = arm

    @property
    def pending(self) -> bool:
        """Is the password being checked with somebody?"""
        return bool(self._handshakes.pending)

    @property
    def shut_out(self) -> ShutOut | None:
        """Whether strangers are shut out of this room, and until when."""
        return self._handshakes.shut_out(self._around.now())

    @property
    def strangers_wrong(self) -> int:
        """Wrong proofs of strangers in this meeting, at all members that told us."""
        return self._around.records.budgets.member(self._handshakes.room).strangers.wrong

    @property
    def wrong_told(self) -> list[tuple[bytes, float]]:
        """The wrong proofs that a new member is told of."""
        return self._handshakes.wrong_told(self._around.now())

    def admit(self) -> None:
        """A person at this box lets one stranger try, for a minute, whatever others guessed."""
        self._follow(self._handshakes.admit(self._around.now()))
        self._around.changed()

    def receive(self, relay: str, text: str) -> None:
        """Somebody said something in a channel."""
        self._follow(self._handshakes.receive(relay, relay, text, self._around.now()))

    def introduce(self, peers: Iterable[str]) -> None:
        """A member named those whom it knows."""
        self._follow(self._handshakes.introduce(peers, self._around.now()))

    def tick(self, now: float) -> None:
        """A deadline may be reached."""
        self._follow(self._handshakes.tick(now))

    def send_sealed(self, peer_id: str, frame: bytes) -> None:
        """Send a sealed frame over the relay on which the pair was proven."""
        send = self._handshakes.seal_frame(peer_id, frame)
        if not self._send(str(send.relay), send.text):
            self._around.count("relay.not-sent")

    def heard_guesses(self, wrong: tuple[tuple[bytes, float], ...]) -> None:
        """A member tells of strangers' wrong proofs: the room has one budget for them."""
        if self._handshakes.heard_wrong(wrong, self._around.now()):
            self._around.records.save_budgets()
            self._around.changed()

    def recognise(self, box_id: str, resume: bytes) -> None:
        """From now on that box and this one know each other in this room."""
        room, records = self._handshakes.room, self._around.records
        records.met_keys.remember(room, box_id, acquaintance_key(resume))
        records.save_met_keys()
        self._handshakes.met(records.met_keys.in_room(room))

    def _follow(self, effects: list[hs.Effect]) -> None:
        now = self._around.now()
        for effect in effects:
            match effect:
                case hs.SendFrame():
                    self._send(str(effect.relay), effect.text)
                case hs.SealFrame():
                    shell = self._peers.get(effect.peer_id)
                    if shell is not None:
                        shell.run(shell.machine.relay_frame(effect.payload, now))
                case hs.Proven():
                    self._proven(effect, now)
                case hs.ProofFailed():
                    self._around.count("join.refused" if effect.as_joiner else "join.wrong-proof")
                    if effect.event is not None:
                        self._tell_wrong([(effect.event, 0.0)])
                    if effect.as_joiner:  # somebody else's wrong password is no verdict on ours
                        self._failed(now)
                    self._around.records.save_budgets()
                case hs.Refused(code):
                    self._around.count(code)
                    if code == "budget.joiner":  # we can't prove ourselves to who may well be right
                        self._failed(now)
        self._arm()

    def _tell_wrong(self, wrong: list[tuple[bytes, float]]) -> None:
        for shell in list(self._peers.values()):
            shell.run(shell.machine.say_guesses(wrong))
