"""All pairs of one box: how many are kept, and who takes a place."""

from __future__ import annotations

from appliance.core import limits
from appliance.core.pair import TABLE, Event, Pair, State
from appliance.core.pairs import Pairs
from appliance.core.table import Machine


def add(pairs: Pairs, number: int, state: State) -> Pair:
    pair = pairs.add(f"{number:032x}", bytes(32))
    pair.machine = Machine("handshake", TABLE, state)
    return pair


def test_each_is_proven_under_way_or_neither() -> None:
    pairs = Pairs()
    ids = {state: add(pairs, number, state).peer_id for number, state in enumerate(State)}
    assert pairs.proven == {ids[State.PROVEN], ids[State.RECHALLENGED]}
    assert set(ids.values()) - pairs.proven - pairs.pending == {ids[State.IDLE], ids[State.FAILED]}


def test_of_those_that_failed_the_oldest_makes_room() -> None:
    pairs = Pairs()
    for number in range(limits.FAILED_REMEMBERED):
        add(pairs, number, State.FAILED)
    pairs.add("f" * 32, bytes(32))
    assert f"{0:032x}" not in pairs
    assert len(pairs) == limits.FAILED_REMEMBERED


def test_a_pair_that_comes_to_nothing_is_forgotten() -> None:
    pairs = Pairs()
    pair = add(pairs, 1, State.CROSSED)
    pairs.step(pair, Event.OURS_EXPIRED)
    assert pairs[pair.peer_id].state is State.HELD
    pairs.step(pair, Event.THEIRS_EXPIRED)
    assert not pairs


def test_who_is_away_leaves_a_place_and_stays_a_member() -> None:
    pairs = Pairs()
    for number in range(limits.PEERS_MAX):
        add(pairs, number, State.PROVEN)
    assert pairs.is_full
    pairs.set_away(f"{0:032x}", True)
    assert not pairs.is_full
    pairs.set_away(f"{0:032x}", False)
    assert pairs.is_full
    for number in range(limits.PEERS_MAX, limits.MEMBERS_MAX):
        pairs.set_away(add(pairs, number, State.PROVEN).peer_id, True)
    pairs.set_away(f"{0:032x}", True)
    assert pairs.is_full  # of members


def test_only_who_was_proven_is_forgotten() -> None:
    pairs = Pairs()
    proven, waiting = add(pairs, 1, State.PROVEN), add(pairs, 2, State.WAITING)
    pairs.forget(proven.peer_id)
    pairs.forget(waiting.peer_id)
    assert list(pairs) == [waiting.peer_id]
