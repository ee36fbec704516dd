"""What is said on the data channel of a bound connection, and what waits for one."""

from __future__ import annotations

import pytest

from appliance.core import limits
from appliance.core import messages as m
from appliance.core import peer_effects as peer
from appliance.core.data_channel import DataChannel
from appliance.core.generations import Generations

LARGE = m.Constraints(max_height=720, max_fps=30, visible=True)
SMALL = m.Constraints(max_height=180, max_fps=15, visible=True)


@pytest.fixture
def links() -> Generations:
    return Generations(0.0)


@pytest.fixture
def channel(links: Generations) -> DataChannel:
    return DataChannel(links, 0.0)


def bind(links: Generations) -> None:
    links.begin(links.newest + 1, 0.0)
    links.bind()


def said(effects: list[peer.Effect]) -> list[m.Control]:
    return [m.decode_control(effect.data) for effect in effects if isinstance(effect, peer.ToControl)]


def test_what_a_new_connection_must_know_is_said_on_it_first(
    channel: DataChannel, links: Generations
) -> None:
    state = m.MediaState(muted=True, camera_on=False)
    assert channel.say_media(state) == channel.say_constraints(LARGE, 0.0) == []
    bind(links)
    assert said(channel.begin(0.0)) == [state, LARGE, m.Heartbeat(seq=1, echo=0, held_ms=0)]


def test_what_is_no_state_is_not_said_later(channel: DataChannel, links: Generations) -> None:
    assert channel.say(m.SameRoom()) == []
    bind(links)
    assert m.SameRoom() not in said(channel.begin(0.0))


def test_it_is_said_on_the_connection_that_is_bound(channel: DataChannel, links: Generations) -> None:
    bind(links)
    bind(links)
    assert channel.say(m.SameRoom()) == [peer.ToControl(2, m.encode_control(m.SameRoom()))]


def test_a_heartbeat_is_due_every_second_while_a_connection_is_bound(
    channel: DataChannel, links: Generations
) -> None:
    assert channel.deadline() is None
    bind(links)
    channel.begin(0.0)
    assert channel.deadline() == limits.HEARTBEAT_EVERY == 1.0
    assert channel.tick(0.9) == []
    assert said(channel.tick(1.0)) == [m.Heartbeat(seq=2, echo=0, held_ms=1000)]
    links.bound = None
    assert channel.tick(5.0) == []


def test_what_they_want_is_obeyed_at_our_pace_also_after_the_connection_broke(
    channel: DataChannel, links: Generations
) -> None:
    bind(links)
    assert channel.hear(LARGE, 0.0) == [peer.Wants(720, 30, True)]
    assert channel.hear(SMALL, 0.01) == []
    links.bound = None
    assert channel.deadline() == limits.CONSTRAINTS_EVERY
    assert channel.tick(limits.CONSTRAINTS_EVERY) == [peer.Wants(180, 15, True)]


def test_their_microphone_and_camera_are_known(channel: DataChannel) -> None:
    assert not channel.theirs.muted
    assert channel.hear(m.MediaState(muted=True, camera_on=True, held=True), 0.0) == [peer.Changed()]
    assert channel.theirs.muted
    assert channel.theirs.held
