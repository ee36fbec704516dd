"""The connections of one peer: what each is told, and that none is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from appliance.app import peer_links
from appliance.app.peer_links import PeerLinks
from appliance.errors import RemoteProtocolError
from appliance.media.link import CONNECTED

NOW = 100.0
SIZE = (640, 360)


class Link:
    """In the place of a `MediaLink`: remembers what it was told."""

    made: list[Link]
    refuses: RemoteProtocolError | None = None
    fingerprints = ("ours", "theirs")
    ufrags = ("u1", "u2")
    local_fingerprint = "ours"
    remote_fingerprint = None

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.tile: tuple[int, int] | None = None
        self.sound: dict[str, bool] = {}
        self.rtt: float | None = None
        self.opened = self.closed = False
        self.sent: list[bytes] = []
        self.made.append(self)

    async def offer(self) -> str:
        return "offer"

    async def answer(self, sdp: str) -> str:
        if self.refuses is not None:
            raise self.refuses
        return f"answer to {sdp}"

    async def accept(self, sdp: str) -> None:
        if self.refuses is not None:
            raise self.refuses

    async def close(self) -> None:
        self.closed = True

    def set_tile(self, size: tuple[int, int] | None) -> None:
        self.tile = size

    def set_sound(self, **sound: bool) -> None:
        self.sound = sound

    def set_rtt(self, rtt: float) -> None:
        self.rtt = rtt

    def open_media(self) -> None:
        self.opened = True

    def send_control(self, data: bytes) -> bool:
        self.sent.append(data)
        return not self.closed


class Machine:
    """Of a `Peer`: every event is one effect that names it."""

    peer_id = "b" * 32

    def __init__(self) -> None:
        self.bound: int | None = None
        self.held = False
        self.rtt_ms: float | None = None
        self.least_rtt_ms = 7.0

    def __getattr__(self, event: str) -> Any:
        return lambda *told: [(event, *told)]


class Rig:
    def __init__(self) -> None:
        self.ran: list[tuple[Any, ...]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.sounds: dict[str, Any] = {}
        self.on_hold: dict[str, bool] = {}
        self.links_closed = 0
        self.machine = Machine()
        machine: Any = self.machine
        parts: Any = SimpleNamespace(
            hosts=lambda: ("10.0.0.1",),
            may_dial=lambda address: True,
            video=None,
            sound=None,
            used_fingerprints=list,
            show=lambda tile, picture: None,
            link_closed=self._link_closed,
            engine=SimpleNamespace(
                add_peer=self._add_sound,
                remove_peer=self.sounds.pop,
                hold_peer=self.on_hold.__setitem__,
            ),
        )
        self.links = PeerLinks(machine, parts, lambda: NOW, run=self._run, spawn=self._spawn)

    def _run(self, effects: list[Any]) -> None:
        self.ran += effects

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work, name=what))

    def _add_sound(self, key: str) -> Any:
        self.sounds[key] = SimpleNamespace(silenced=False)
        return self.sounds[key]

    def _link_closed(self) -> None:
        self.links_closed += 1

    async def end(self) -> None:
        self.links.drop_all()
        await asyncio.gather(*self.tasks)
        assert all(link.closed for link in Link.made)
        assert self.sounds == {}
        assert self.links_closed == len(Link.made)
        assert self.links.fingerprints == []


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Link, "made", [], raising=False)
    monkeypatch.setattr(peer_links, "MediaLink", Link)


def test_a_new_connection_is_as_the_tile_and_the_room_are() -> None:
    async def run() -> None:
        rig = Rig()
        rig.links.show_at(SIZE)
        rig.links.silence(True)
        rig.links.hold(True)
        await rig.links.offer(1)
        (link,) = Link.made
        (key, sound) = next(iter(rig.sounds.items()))
        assert link.tile == SIZE
        assert sound.silenced
        assert link.sound == {"sent": False, "taken": False}
        assert rig.on_hold == {key: True}
        assert rig.ran == [("offer_made", 1, "offer")]
        await rig.end()

    asyncio.run(run())


def test_while_the_other_side_is_on_hold_its_sound_is_taken_still() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.links.answer(1, "offer")
        rig.machine.held = True
        rig.links.route_sound()
        assert Link.made[0].sound == {"sent": False, "taken": True}
        assert rig.ran == [("answer_made", 1, "answer to offer")]
        await rig.end()

    asyncio.run(run())


@pytest.mark.parametrize("what", ["answer", "accept"])
def test_a_description_that_breaks_the_rules_is_refused(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        rig = Rig()
        await rig.links.offer(1)
        monkeypatch.setattr(Link, "refuses", RemoteProtocolError("sdp.bad", "Not that."))
        await getattr(rig.links, what)(1, "worse")
        assert rig.ran[-1] == ("link_refused", 1, "sdp.bad")
        await rig.end()

    asyncio.run(run())


def test_the_one_that_opens_ends_those_before_it() -> None:
    async def run() -> None:
        rig = Rig()
        for generation in (1, 2, 3):
            await rig.links.offer(generation)
        rig.links.open(2)
        await asyncio.gather(*rig.tasks)
        assert [link.closed for link in Link.made] == [True, False, False]
        assert [link.opened for link in Link.made] == [False, True, False]
        await rig.end()

    asyncio.run(run())


def test_the_bound_one_is_whose_media_counts_and_gets_the_round_trip() -> None:
    async def run() -> None:
        rig = Rig()
        assert rig.links.bound is None
        await rig.links.offer(1)
        await rig.links.offer(2)
        rig.machine.bound = 2
        assert rig.links.bound is not None
        rig.machine.__dict__["control_message"] = lambda *_: setattr(rig.machine, "rtt_ms", 9.0) or []
        Link.made[1].given["on_control"](b"pong")
        assert [link.rtt for link in Link.made] == [None, 0.007]
        await rig.end()

    asyncio.run(run())


def test_states_reach_the_machine_until_the_peer_is_over() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.links.offer(1)
        said = Link.made[0].given["on_state"]
        said(CONNECTED)
        said("failed")
        assert [event for event, *_ in rig.ran[1:]] == ["link_connected", "link_failed"]
        rig.links.ended = True
        said(CONNECTED)
        assert len(rig.ran) == 3
        await rig.end()

    asyncio.run(run())


def test_a_control_message_for_a_connection_that_is_gone_is_no_failure() -> None:
    async def run() -> None:
        rig = Rig()
        assert rig.links.send_control(1, b"x")
        await rig.links.offer(1)
        assert rig.links.send_control(1, b"x")
        Link.made[0].closed = True
        assert not rig.links.send_control(1, b"x")
        await rig.end()

    asyncio.run(run())
