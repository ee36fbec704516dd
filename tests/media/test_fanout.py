"""Fan-out: shared payloads, bounded queues, layers that change on a keyframe only."""

from __future__ import annotations

import asyncio
import time

from link_helpers import Sound

from appliance.core import limits
from appliance.core.layers import Layer
from appliance.media.encoded import EncodedFrame
from appliance.media.fanout import Fanout, SoundFanout, Subscription


def frame(layer: Layer, timestamp: int, keyframe: bool = False) -> EncodedFrame:
    spec = layer.spec
    return EncodedFrame(layer, keyframe, b"\0\0\0\1\x65xyz", timestamp, timestamp, spec.width, spec.height)


class Watched:
    """A fan-out that notes what it asked for."""

    def __init__(self) -> None:
        self.wanted: list[frozenset[Layer]] = []
        self.asked: list[Layer] = []
        self.fanout = Fanout(on_wanted=self.wanted.append, on_keyframe=self.asked.append)


def drain(subscription: Subscription) -> list[tuple[Layer, int]]:
    """What is queued now: (layer, timestamp)."""

    async def take() -> list[tuple[Layer, int]]:
        out = []
        try:
            while True:
                async with asyncio.timeout(0.001):
                    shared, timestamp = await subscription.next()
                out.append((shared.frame.layer, timestamp))
        except TimeoutError:
            return out

    return asyncio.run(take())


def test_payloads_are_split_once_and_shared_by_all_peers():
    watched = Watched()
    subscriptions = [watched.fanout.subscribe() for _ in range(3)]
    for subscription in subscriptions:
        subscription.set_layer(Layer.M)
    watched.fanout.publish(frame(Layer.M, 1, keyframe=True))

    async def take():
        return [(await s.next())[0] for s in subscriptions]

    shared = asyncio.run(take())
    assert shared[0] is shared[1] is shared[2]
    assert shared[0].payloads is shared[0].payloads
    assert shared[0].payloads == [b"\x65xyz"]


def test_a_peer_gets_nothing_before_the_first_keyframe():
    watched = Watched()
    subscription = watched.fanout.subscribe()
    subscription.set_layer(Layer.M)
    for timestamp in (100, 200):
        watched.fanout.publish(frame(Layer.M, timestamp))
    watched.fanout.publish(frame(Layer.M, 300, keyframe=True))
    watched.fanout.publish(frame(Layer.M, 400))
    assert drain(subscription) == [(Layer.M, 300), (Layer.M, 400)]


def test_the_old_layer_goes_on_until_the_new_ones_keyframe():
    watched = Watched()
    subscription = watched.fanout.subscribe()
    subscription.set_layer(Layer.M)
    watched.fanout.publish(frame(Layer.M, 100, keyframe=True))
    subscription.set_layer(Layer.L)
    assert watched.asked == [Layer.M, Layer.L]
    watched.fanout.publish(frame(Layer.L, 200))
    watched.fanout.publish(frame(Layer.M, 300))
    watched.fanout.publish(frame(Layer.L, 400, keyframe=True))
    watched.fanout.publish(frame(Layer.M, 500))
    watched.fanout.publish(frame(Layer.L, 600))
    assert drain(subscription) == [(Layer.M, 100), (Layer.M, 300), (Layer.L, 400), (Layer.L, 600)]


def test_timestamps_grow_even_when_a_layer_changes_within_one_capture():
    watched = Watched()
    subscription = watched.fanout.subscribe()
    subscription.set_layer(Layer.M)
    watched.fanout.publish(frame(Layer.M, 0xFFFFFFFF, keyframe=True))
    subscription.set_layer(Layer.L)
    watched.fanout.publish(frame(Layer.L, 0xFFFFFFFF, keyframe=True))
    watched.fanout.publish(frame(Layer.L, 3000))
    assert [t for _, t in drain(subscription)] == [0xFFFFFFFF, 0, 3000]


def test_only_watched_layers_are_wanted_and_each_change_is_told_once():
    watched = Watched()
    first, second = watched.fanout.subscribe(), watched.fanout.subscribe()
    first.set_layer(Layer.M)
    second.set_layer(Layer.M)
    second.set_layer(Layer.L)
    watched.fanout.publish(frame(Layer.M, 1, keyframe=True))
    first.set_layer(None)
    second.close()
    first.close()
    m, both, nothing = frozenset({Layer.M}), frozenset({Layer.M, Layer.L}), frozenset[Layer]()
    assert watched.wanted == [m, both, frozenset({Layer.L}), nothing]
    assert watched.fanout.wanted_layers() == nothing


def test_both_layers_are_wanted_while_a_peer_changes():
    watched = Watched()
    subscription = watched.fanout.subscribe()
    subscription.set_layer(Layer.M)
    watched.fanout.publish(frame(Layer.M, 1, keyframe=True))
    subscription.set_layer(Layer.L)
    assert watched.fanout.wanted_layers() == {Layer.M, Layer.L}
    watched.fanout.publish(frame(Layer.L, 2, keyframe=True))
    assert watched.fanout.wanted_layers() == {Layer.L}


def test_a_full_queue_is_dropped_to_the_next_keyframe_which_is_asked_for():
    watched = Watched()
    slow, quick = watched.fanout.subscribe(), watched.fanout.subscribe()
    slow.set_layer(Layer.M)
    watched.fanout.publish(frame(Layer.M, 0, keyframe=True))
    quick.set_layer(Layer.M)
    asked = len(watched.asked)
    for number in range(1, limits.FANOUT_FRAMES_MAX + 3):
        watched.fanout.publish(frame(Layer.M, number))
    assert watched.asked[asked:] == [Layer.M]
    assert slow.layer is None
    assert drain(slow) == []
    watched.fanout.publish(frame(Layer.M, 50, keyframe=True))
    watched.fanout.publish(frame(Layer.M, 51))
    assert drain(slow) == [(Layer.M, 50), (Layer.M, 51)]
    assert slow.counts.overflows == 1
    assert slow.counts.dropped == limits.FANOUT_FRAMES_MAX + 1


def test_a_keyframe_into_a_full_queue_replaces_what_is_late():
    watched = Watched()
    subscription = watched.fanout.subscribe()
    subscription.set_layer(Layer.M)
    for number in range(limits.FANOUT_FRAMES_MAX):
        watched.fanout.publish(frame(Layer.M, number, keyframe=number == 0))
    watched.fanout.publish(frame(Layer.M, 99, keyframe=True))
    assert drain(subscription) == [(Layer.M, 99)]


def test_a_slow_peer_does_not_delay_another():
    watched = Watched()
    slow, quick = watched.fanout.subscribe(), watched.fanout.subscribe()
    for subscription in (slow, quick):
        subscription.set_layer(Layer.M)
    got = []
    for number in range(40):
        watched.fanout.publish(frame(Layer.M, number, keyframe=number == 0))
        got += drain(quick)
    assert got == [(Layer.M, n) for n in range(40)]
    assert quick.counts.dropped == 0


def test_set_layer_none_stops_at_once():
    watched = Watched()
    subscription = watched.fanout.subscribe()
    subscription.set_layer(Layer.M)
    watched.fanout.publish(frame(Layer.M, 1, keyframe=True))
    subscription.set_layer(None)
    watched.fanout.publish(frame(Layer.M, 2, keyframe=True))
    assert drain(subscription) == []


def test_a_keyframe_request_is_for_the_layer_that_the_peer_is_to_get():
    watched = Watched()
    subscription = watched.fanout.subscribe()
    subscription.request_keyframe()
    assert watched.asked == []
    subscription.set_layer(Layer.L)
    subscription.request_keyframe()
    assert watched.asked == [Layer.L, Layer.L]


def test_late_sounds_are_dropped_oldest_first():
    fanout = SoundFanout()
    subscription = fanout.subscribe()
    for number in range(limits.FANOUT_SOUNDS_MAX + 3):
        fanout.publish(Sound(b"%d" % number, number * 960, 30))

    async def take():
        return [(await subscription.next()).timestamp // 960 for _ in range(limits.FANOUT_SOUNDS_MAX)]

    assert asyncio.run(take()) == list(range(3, limits.FANOUT_SOUNDS_MAX + 3))
    assert subscription.counts.dropped == 3
    subscription.close()
    fanout.publish(Sound(b"x", 0, 0))
    assert subscription.counts.taken == limits.FANOUT_SOUNDS_MAX


def test_next_can_be_cancelled_and_called_again():
    watched = Watched()
    subscription = watched.fanout.subscribe()
    subscription.set_layer(Layer.M)

    async def take():
        waiting = asyncio.ensure_future(subscription.next())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        watched.fanout.publish(frame(Layer.M, 7, keyframe=True))
        return (await subscription.next())[1]

    assert asyncio.run(take()) == 7


def fresh(timestamp: int, keyframe: bool = False) -> EncodedFrame:
    """A frame of M that was captured just now."""
    data, spec = b"\0\0\0\1\x65xyz", Layer.M.spec
    return EncodedFrame(Layer.M, keyframe, data, timestamp, time.monotonic_ns(), spec.width, spec.height)


class TestStart:
    """A new peer starts with what was encoded since the last keyframe."""

    def started(self, frames: int) -> tuple[Watched, Subscription]:
        watched = Watched()
        watched.fanout.subscribe().set_layer(Layer.M)
        for number in range(frames):
            watched.fanout.publish(fresh(number, keyframe=number == 0))
        watched.asked.clear()
        newcomer = watched.fanout.subscribe()
        newcomer.set_layer(Layer.M)
        return watched, newcomer

    def test_it_gets_them_all_at_once_and_asks_for_nothing(self):
        watched, newcomer = self.started(limits.FANOUT_RECENT_MAX)
        assert watched.asked == []
        watched.fanout.publish(fresh(100))
        numbers = [timestamp for _, timestamp in drain(newcomer)]
        assert numbers == [*range(limits.FANOUT_RECENT_MAX), 100]
        assert newcomer.counts.overflows == 0

    def test_a_keyframe_too_long_ago_is_asked_for_anew(self):
        watched, newcomer = self.started(limits.FANOUT_RECENT_MAX + 1)
        assert watched.asked == [Layer.M]
        assert drain(newcomer) == []

    def test_the_queue_is_bounded_as_ever(self):
        watched, newcomer = self.started(3)
        for number in range(100, 100 + limits.FANOUT_FRAMES_MAX + 1):
            watched.fanout.publish(fresh(number))
        assert newcomer.counts.overflows == 1
        assert drain(newcomer) == []

    def test_nobody_sees_what_was_before_the_camera_was_switched_off(self):
        watched = Watched()
        watched.fanout.subscribe().set_layer(Layer.M)
        watched.fanout.publish(fresh(0, keyframe=True))
        watched.fanout.forget_recent()
        newcomer = watched.fanout.subscribe()
        newcomer.set_layer(Layer.M)
        assert drain(newcomer) == []

    def test_frames_of_a_camera_that_hangs_are_not_recent(self):
        watched = Watched()
        watched.fanout.subscribe().set_layer(Layer.M)
        watched.fanout.publish(frame(Layer.M, 0, keyframe=True))  # captured when the machine started
        newcomer = watched.fanout.subscribe()
        newcomer.set_layer(Layer.M)
        assert drain(newcomer) == []
