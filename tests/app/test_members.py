"""Who is in one room: what is counted, told and forgotten as members come, go and return."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any

from appliance.app.members import Members, RoomParts
from appliance.core.acquaintances import Met
from appliance.core.call import Call, CallState
from appliance.core.line_secrets import LineSecrets
from appliance.core.peer_effects import GoneReason
from appliance.core.room import Roster

NOW = 100.0
ME = "a" * 32


class Peer:
    """Of the machine of a pair what its room needs."""

    def __init__(self, letter: str, *, resumed: bool = False) -> None:
        self.peer_id = letter * 32
        self.box_id = letter * 16
        self.box_key = letter.encode() * 32
        self.name = letter.upper()
        self.addresses, self.port = ("10.0.0.2",), 8787
        self.is_resumed = resumed
        self.shown = True

    def __getattr__(self, say: str) -> Any:
        return lambda *told: [(say, *told)]


class Shell:
    def __init__(self, machine: Peer) -> None:
        self.machine = machine
        self.told: list[tuple[Any, ...]] = []
        self.muted_here = self.closed = False

    def run(self, effects: list[Any]) -> None:
        self.told += effects

    def mute_here(self, muted: bool) -> None:
        self.muted_here = muted

    async def close(self) -> None:
        self.closed = True


class Rig:
    """A room whose parts remember what they are told."""

    def __init__(self, *, comes_back: bool = False) -> None:
        self.counters: Counter[str] = Counter()
        self.said: list[str] = []
        self.cloned: list[str] = []
        self.nobody = self.kept = self.alone = 0
        self.forgotten: list[str] = []
        self.away: dict[str, bool] = {}
        self.introduced: list[list[str]] = []
        self.silent_for: str | None = None
        self.peers: dict[str, Any] = {}
        self.roster = Roster(ME)
        self.call = Call(5.0)
        self.call.join(NOW)
        around: Any = SimpleNamespace(
            now=lambda: NOW,
            count=lambda code: self.counters.update([code]),
            notify=lambda text, tone: self.said.append(str(text)),
            changed=lambda: None,
            keep=self._keep,
            alone=self._alone,
            at=lambda name, addresses, port: None,
            cloned=lambda ours, theirs: self.cloned.append(theirs),
            relay_lost=lambda instance: self.counters.update([f"probe {instance}"]),
            media=SimpleNamespace(show=lambda tile, picture: None, forget=self.forgotten.append),
            records=SimpleNamespace(meet=lambda name, box_id: Met.KNOWN),
        )
        handshakes: Any = SimpleNamespace(is_away=self.away.__setitem__, forget=lambda peer_id: None)
        forget: Any = SimpleNamespace(forget=lambda peer_id: None, heard=lambda *_: None)
        parts = RoomParts(
            proving=SimpleNamespace(  # type: ignore[arg-type]
                wrong_told=[], introduce=self.introduced.append, heard_guesses=None
            ),
            media=SimpleNamespace(share=lambda: None),  # type: ignore[arg-type]
            hearing=SimpleNamespace(  # type: ignore[arg-type]
                let_go=lambda peer_id: peer_id == self.silent_for, same_room=None
            ),
            mesh=forget,
            healing=SimpleNamespace(  # type: ignore[arg-type]
                instance=lambda peer_id: "box", forget=lambda peer_id: None, expecting=False
            ),
            door=SimpleNamespace(heard=None, message="door"),  # type: ignore[arg-type]
            order=forget,
        )
        me: Any = SimpleNamespace(identity=SimpleNamespace(public_key=b"a" * 32), peer_id=ME)
        self.members = Members(
            around,
            me,
            self.peers,
            self.roster,
            LineSecrets(),
            handshakes,
            self.call,
            parts,
            comes_back=comes_back,
            nobody=self._nobody,
            arm=lambda: None,
        )

    def _keep(self) -> None:
        self.kept += 1

    def _alone(self) -> None:
        self.alone += 1

    def _nobody(self) -> None:
        self.nobody += 1

    def come(self, letter: str, *, resumed: bool = False) -> Any:
        """A pair begins, and its other side says who it is."""
        shell = Shell(Peer(letter, resumed=resumed))
        self.peers[shell.machine.peer_id] = shell
        self.roster.add(shell.machine.peer_id)
        peer: Any = shell.machine
        self.members.peer_identified(peer)
        return shell


def test_who_comes_is_greeted_told_of_the_door_and_everybody_of_it() -> None:
    rig = Rig()
    first = rig.come("b")
    rig.come("c")
    assert rig.said == ["B joined", "C joined"]
    assert rig.members.anybody_came
    assert ("say_door", "door") in first.told
    assert first.told[-1][0] == "say_roster"
    assert rig.kept == 2
    assert rig.cloned == []


def test_a_box_with_our_own_key_is_a_copy() -> None:
    rig = Rig()
    shell = Shell(Peer("b"))
    shell.machine.box_key = b"a" * 32
    rig.peers[shell.machine.peer_id] = shell
    peer: Any = shell.machine
    rig.members.peer_identified(peer)
    assert rig.cloned == [shell.machine.peer_id]


def test_a_member_found_after_a_restart_is_no_newcomer() -> None:
    rig = Rig(comes_back=True)
    rig.come("b", resumed=True)
    rig.come("c", resumed=True)
    assert rig.call.state is CallState.IN_CALL
    assert rig.said == ["This box restarted, and is back in the meeting."]
    assert rig.counters["rejoin.back"] == 1
    assert not rig.members.anybody_came


def test_who_was_muted_comes_back_muted() -> None:
    rig = Rig()
    shell = rig.come("b")
    rig.members.mute_peer(shell.machine.peer_id, True)
    assert rig.come("b").muted_here
    rig.members.mute_peer(shell.machine.peer_id, False)
    assert not rig.come("b").muted_here


def test_who_is_out_of_reach_is_a_member_still_and_told_once() -> None:
    async def run() -> None:
        rig = Rig()
        shell = rig.come("b")
        peer_id = shell.machine.peer_id
        rig.members.peer_away(shell.machine, GoneReason.SILENT)
        assert rig.peers == {peer_id: shell}
        assert rig.away == {peer_id: True}
        assert rig.counters["probe box"] == 1
        rig.members.peer_ended(shell.machine, GoneReason.SILENT)
        assert rig.counters["peer.forgotten"] == 1
        assert rig.said == ["B joined", "The connection to B is lost"]
        await rig.members.all_closed()
        assert shell.closed

    asyncio.run(run())


def test_who_returns_is_back() -> None:
    rig = Rig()
    shell = rig.come("b")
    rig.members.peer_away(shell.machine, GoneReason.SILENT)
    rig.members.peer_returned(shell.machine)
    assert rig.away == {shell.machine.peer_id: False}
    assert rig.said[-1] == "B is back"
    assert rig.counters["peer.returned"] == 1


def test_who_left_is_not_looked_for_again() -> None:
    async def run() -> None:
        rig = Rig()
        gone, there = rig.come("b"), rig.come("c")
        rig.members.peer_ended(gone.machine, GoneReason.LEFT)
        assert rig.said[-1] == "B left"
        rig.members.heard_roster(there.machine, (gone.machine.peer_id, "d" * 32))
        assert rig.introduced == [["d" * 32]]
        await rig.members.all_closed()
        rig.members.peer_closed(gone.machine)
        assert rig.forgotten == [gone.machine.peer_id]
        assert rig.alone == 0

    asyncio.run(run())


def test_an_older_pair_that_ends_takes_nothing_from_the_newer() -> None:
    rig = Rig()
    older = rig.come("b")
    newer = rig.come("b")
    rig.members.peer_ended(older.machine, GoneReason.SILENT)
    assert rig.peers == {newer.machine.peer_id: newer}
    rig.members.peer_closed(older.machine)
    assert rig.forgotten == []


def test_after_a_restart_the_last_member_that_is_not_there_ends_it() -> None:
    async def run() -> None:
        rig = Rig(comes_back=True)
        shells = [Shell(Peer(letter)) for letter in "bc"]
        rig.peers.update({shell.machine.peer_id: shell for shell in shells})
        for shell, nobody in zip(shells, (0, 1), strict=True):
            machine: Any = shell.machine
            rig.members.peer_ended(machine, GoneReason.UNREACHABLE)
            assert rig.nobody == nobody
        await rig.members.all_closed()

    asyncio.run(run())


def test_who_switched_our_microphone_off_goes_and_people_are_told() -> None:
    rig = Rig()
    shell = rig.come("b")
    rig.silent_for = shell.machine.peer_id
    rig.members.peer_away(shell.machine, GoneReason.SILENT)
    assert "Nobody in this room is heard now: switch the microphone on." in rig.said


def test_a_room_that_is_left_says_nothing_more() -> None:
    async def run() -> None:
        rig = Rig()
        shell = rig.come("b")
        rig.members.leave(quietly=False)
        assert shell.told[-1] == ("leave",)
        before = list(rig.said)
        rig.members.peer_ended(shell.machine, GoneReason.LEAVING)
        await rig.members.all_closed()
        rig.members.peer_closed(shell.machine)
        assert rig.said == before
        assert rig.alone == 0

    asyncio.run(run())
