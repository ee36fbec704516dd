"""A recorded handshake confirms no PIN; a weakened one confirms the right PIN at once."""

from __future__ import annotations

import pytest
from handshake_net import Network
from pin_search import PINS, WeakenedPassword, find_pin, handshakes_in

from appliance.core.channel import SealedChannel

PIN = "4711"


def record(password: str = PIN, seed: object = 0) -> list[str]:
    """Every frame on the relay while two boxes meet and say something under the seal."""
    network = Network(seed)
    for _ in range(2):
        network.connect(network.add(password), "relay")
    network.run(5.0, network.meshed)
    assert network.meshed()
    one, other = network.boxes
    proven = one.proven[other.handshakes.peer_id]
    sealed = SealedChannel.of_pair(proven.keys, proven.role, 0.0).seal(b"v=0 a secret")
    network.send(one, "relay", one.handshakes.seal_frame(other.handshakes.peer_id, sealed).text)
    network.run(1.0)
    assert [frame.payload for frame in other.sealed] == [sealed]
    return [text for _, _, text in network.transcript]


def test_no_pin_of_ten_thousand_fits_a_recorded_handshake() -> None:
    (recorded,) = handshakes_in(record())
    assert find_pin(recorded) == []


def test_the_search_finds_the_pin_of_a_weakened_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.core.handshake_frames.Password", WeakenedPassword)
    (recorded,) = handshakes_in(record())
    assert PIN in PINS
    assert find_pin(recorded) == [PIN]


def test_the_password_and_what_is_sealed_are_in_no_frame() -> None:
    everything = "\n".join(record("a long password"))
    assert "a long password" not in everything
    assert "a secret" not in everything


def test_a_failed_guess_leaves_nothing_to_search_in_either() -> None:
    network = Network("wrong")
    network.connect(network.add(PIN), "relay")
    network.connect(network.add("0815"), "relay")
    network.run(5.0)
    assert network.boxes[0].failed
    (recorded,) = handshakes_in([text for _, _, text in network.transcript])
    assert find_pin(recorded, [PIN, "0815"]) == []
