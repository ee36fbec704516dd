"""What the peers of one room get of our pictures and sound, and what a room on hold gives them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from appliance.app.room_media import RoomMedia
from appliance.core.layers import Layer
from appliance.core.limits import ARRIVAL_CROWD, ARRIVAL_MAX, SOUND_EXPECTED_LOSS
from appliance.core.sending import Demand, Sending

NOW = 100.0
LARGE, SMALL = (1280, 720), (320, 180)


class Peer:
    """Of a `PeerShell` what its room's pictures and sound need."""

    def __init__(self, peer_id: str, *, connected: bool = True) -> None:
        self.machine: Any = SimpleNamespace(peer_id=peer_id, say_media=lambda *told: [told])
        self.media = object() if connected else None
        self.demand = Demand(Layer.H, Layer.H, "")
        self.feedback: Any = SimpleNamespace(expected_loss=0)
        self.told: list[Any] = []
        self.held = self.muted_here = False
        self.size: tuple[int, int] | None = None
        self.sending = Sending()
        self.looks = 0

    def run(self, effects: list[Any]) -> None:
        self.told += effects

    def hold(self, held: bool) -> None:
        self.held = held

    def mute_here(self, muted: bool) -> None:
        self.muted_here = muted

    def show_at(self, size: tuple[int, int] | None) -> None:
        self.size = size

    def give(self, sending: Sending) -> None:
        self.sending = sending

    def look_at_link(self) -> None:
        self.looks += 1


class Room:
    """A room's pictures and sound, and what its box heard of them."""

    def __init__(self, *peers: Peer, uplink: int = 0) -> None:
        self.now = NOW
        self.arriving = 0
        self.taken_off: list[str] = []
        self.expected_loss: list[int] = []
        self.peers: dict[str, Any] = {peer.machine.peer_id: peer for peer in peers}
        around: Any = SimpleNamespace(
            now=lambda: self.now,
            uplink=uplink,
            arriving=self._arriving,
            media=SimpleNamespace(
                show=lambda tile, _picture: self.taken_off.append(tile),
                engine=SimpleNamespace(set_expected_loss=self.expected_loss.append),
            ),
        )
        self.media = RoomMedia(around, self.peers)

    def _arriving(self) -> None:
        self.arriving += 1


def test_everybody_is_told_how_our_microphone_and_camera_are() -> None:
    a, b = Peer("a"), Peer("b")
    Room(a, b).media.set(muted=True, camera_on=False)
    assert a.told == b.told == [(True, False, False)]


def test_a_room_on_hold_gives_nothing_and_goes_on_where_it_was_left() -> None:
    peer = Peer("a")
    room = Room(peer)
    room.media.show_tiles({"a": LARGE})
    room.media.hold(True)
    assert peer.held
    assert peer.size is None
    assert peer.told == [(True, False, True)]
    assert room.taken_off == ["a"]
    assert not room.media.shown("a")
    room.media.hold(False)
    assert not peer.held
    assert peer.size == LARGE
    assert peer.told[-1] == (False, True, False)
    assert room.media.shown("a")


def test_who_comes_into_a_room_on_hold_is_told_so_and_not_drawn() -> None:
    room = Room()
    room.media.show_tiles({"a": LARGE})
    room.media.hold(True)
    peer: Any = Peer("a")
    room.peers["a"] = peer
    room.media.begin(peer, muted_here=False)
    assert peer.held
    assert peer.told == [(True, False, True)]
    assert peer.size is None


def test_who_proves_itself_again_has_its_tile_at_once_and_stays_muted() -> None:
    room = Room()
    room.media.show_tiles({"a": SMALL})
    peer: Any = Peer("a")
    room.peers["a"] = peer
    room.media.begin(peer, muted_here=True)
    assert peer.size == SMALL
    assert peer.muted_here
    assert peer.sending.layer is Layer.H


def test_a_tile_that_is_not_named_is_hidden() -> None:
    a, b = Peer("a"), Peer("b")
    room = Room(a, b)
    room.media.show_tiles({"a": LARGE, "b": SMALL})
    room.media.show_tiles({"b": LARGE})
    assert (a.size, b.size) == (None, LARGE)
    assert [room.media.shown(peer) for peer in "ab"] == [False, True]


def test_who_arrives_in_a_crowd_sends_small_pictures_until_it_took_too_long() -> None:
    crowd = [Peer(str(n), connected=False) for n in range(ARRIVAL_CROWD)]
    room = Room(*crowd)
    room.media.share()
    assert room.media.arriving
    assert room.arriving == 1
    assert {peer.sending.layer for peer in crowd} == {Layer.L}
    deadline = room.media.deadline()
    assert deadline is not None
    room.now = min(deadline, NOW + ARRIVAL_MAX)
    room.media.tick()
    assert not room.media.arriving
    assert room.arriving == 2
    assert {peer.sending.layer for peer in crowd} == {Layer.H}
    assert room.media.deadline() is None


def test_the_peer_that_loses_most_says_how_much_sound_is_protected() -> None:
    a, b = Peer("a"), Peer("b")
    a.feedback.expected_loss, b.feedback.expected_loss = 3, 12
    room = Room(a, b)
    room.media.look_at_links()
    assert room.expected_loss == [12]
    assert (a.looks, b.looks) == (1, 1)


def test_alone_sound_is_protected_as_at_the_beginning() -> None:
    room = Room()
    room.media.look_at_links()
    assert room.expected_loss == [SOUND_EXPECTED_LOSS]
