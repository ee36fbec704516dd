"""N boxes form a full mesh, whatever the order, the relays, the delays and the duplicates."""

from __future__ import annotations

import pytest
from handshake_net import Box, Network
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.core import limits
from appliance.core.pair import State


def start_together(network: Network, boxes: int, relays: int, spread: float) -> None:
    """Every box reaches every relay at some time within ``spread`` seconds."""
    for _ in range(boxes):
        network.add()
    for box in network.boxes:
        for relay in range(relays):
            when = network.now + network.random.uniform(0, spread)
            network.at(when, lambda box=box, relay=relay: network.connect(box, f"relay-{relay}"))
        network.at(network.now + network.random.uniform(1, 3), lambda box=box: network.repair(box))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    boxes=st.integers(2, 8),
    relays=st.integers(1, 8),
    spread=st.sampled_from([0.0, 0.05, 0.3, 2.0]),
    delay=st.sampled_from([(0.0, 0.0), (0.001, 0.002), (0.001, 0.05), (0.001, 0.3)]),
    duplicates=st.sampled_from([0.0, 0.3]),
    one_address=st.booleans(),
)
def test_a_full_mesh_without_a_guess_spent(
    seed: int,
    boxes: int,
    relays: int,
    spread: float,
    delay: tuple[float, float],
    duplicates: float,
    one_address: bool,
) -> None:
    network = Network(seed, delay=delay, duplicates=duplicates, one_address=one_address)
    start_together(network, boxes, relays, spread)
    network.run(spread + 6.0, network.meshed)
    assert network.meshed()
    assert not [failed for box in network.boxes for failed in box.failed]


@pytest.mark.parametrize("boxes", [2, 4, 8])
def test_on_a_lan_a_mesh_takes_under_a_second(boxes: int) -> None:
    network = Network(boxes, delay=(0.001, 0.01))
    start_together(network, boxes, boxes, spread=0.2)
    began = network.now
    network.run(1.0, network.meshed)
    assert network.meshed()
    assert network.now - began < 1.0


def test_a_full_room_meshes_over_one_relay() -> None:
    network = Network("full", delay=(0.001, 0.01))
    start_together(network, limits.PEERS_MAX + 1, 1, spread=0.2)
    network.run(10.0, network.meshed)
    assert network.meshed()


@pytest.mark.parametrize("order", ["newcomer first", "member first"])
@pytest.mark.parametrize("seed", range(8))
def test_a_newcomer_joins_a_meeting_whoever_reaches_the_relay_first(seed: int, order: str) -> None:
    """Members that were accepted prove to no stranger: the newcomer must come to prove."""
    network = Network(("newcomer", seed), delay=(0.001, 0.01))
    members = [network.add() for _ in range(3)]
    for box in members:
        network.connect(box, "old")
    network.run(5.0, network.meshed)
    newcomer = network.add()
    first, then = ([newcomer], members) if order == "newcomer first" else (members, [newcomer])
    for box in [*first, *then]:
        network.connect(box, "new")
    network.run(3.0, network.meshed)
    assert network.meshed()
    assert not [failed for box in network.boxes for failed in box.failed]


@pytest.mark.parametrize("seed", range(8))
def test_two_groups_that_formed_apart_become_one(seed: int) -> None:
    """Even when everybody was accepted by somebody already, and proves to no stranger."""
    network = Network(("apart", seed), delay=(0.001, 0.01))
    groups = [[network.add() for _ in range(3)] for _ in range(2)]
    for number, group in enumerate(groups):
        for box in group:
            network.connect(box, f"group-{number}")
            network.run(1.0)
    everybody = [box for group in groups for box in group]
    assert all(len(box.proven) == 2 for box in everybody)
    for box in everybody:
        box.handshakes._accepted = True  # as where three proved in a circle, or the first one left
    for box in everybody:
        network.repair(box)
        network.connect(box, "bridge")
    network.run(6.0, network.meshed)
    assert network.meshed()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), boxes=st.integers(2, 6))
def test_lost_frames_are_made_up_for_by_another_attempt(seed: int, boxes: int) -> None:
    """A relay connection that dies takes frames along; each lost proof or acceptance costs a guess."""
    network = Network(seed, delay=(0.001, 0.05), loss=0.05)
    start_together(network, boxes, 2, spread=0.3)

    def again(box: Box) -> None:
        if len(box.proven) < boxes - 1:
            network.say_hello_again(box)
        network.at(network.now + network.random.uniform(5.5, 7.0), lambda: again(box))

    for box in network.boxes:
        network.at(network.now + network.random.uniform(5.5, 7.0), lambda box=box: again(box))
    network.run(90.0, network.meshed)
    spent = max(sum(failed.as_joiner for failed in box.failed) for box in network.boxes)
    assert network.meshed() or spent >= limits.GUESSES_PER_PRESS


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), boxes=st.integers(3, 6))
def test_one_with_the_wrong_password_gets_nowhere_and_stops_nobody(seed: int, boxes: int) -> None:
    network = Network(seed, delay=(0.001, 0.02))
    wrong = network.add(password="0000")
    right = [network.add() for _ in range(boxes - 1)]
    for box in network.boxes:
        when = network.now + network.random.uniform(0, 0.2)
        network.at(when, lambda box=box: network.connect(box, "relay"))
        network.at(network.now + 2, lambda box=box: network.repair(box))
    network.run(8.0)
    assert not wrong.proven
    assert wrong.failed
    for box in right:
        others = {other.handshakes.peer_id for other in right} - {box.handshakes.peer_id}
        assert set(box.proven) == others
        assert box.handshakes.state(wrong.handshakes.peer_id) is not State.PROVEN
