"""Fan-out: shared payloads, bounded queues, layers that change on a keyframe only."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from link_helpers import Sound, until

from appliance.core import limits, vp8
from appliance.core.layers import Codec, Layer, Stream
from appliance.media.encoded import EncodedFrame
from appliance.media.fanout import Fanout, SharedFrame, SoundFanout

L, M = Stream(Layer.L), Stream(Layer.M)


def frame(layer: Layer, timestamp: int, keyframe: bool = False) -> EncodedFrame:
    spec = layer.spec
    return EncodedFrame(layer, keyframe, b"\0\0\0\1\x65xyz", timestamp, timestamp, spec.width, spec.height)


class Watched:
    """A fan-out that notes what it asked for."""

    def __init__(self) -> None:
        self.wanted: list[frozenset[Stream]] = []
        self.asked: list[Stream] = []
        self.fanout = Fanout(on_wanted=self.wanted.append, on_keyframe=self.asked.append)


class Network:
    """What one peer was sent: (layer, timestamp); takes nothing while ``full``."""

    def __init__(self, watched: Watched, layer: Layer | None = Layer.M, codec: Codec = Codec.H264) -> None:
        self.full = False
        self.sent: list[tuple[Layer, int]] = []
        self.shared: list[SharedFrame] = []
        self.subscription = watched.fanout.subscribe(self._send, lambda: not self.full, codec)
        self.subscription.set_layer(layer)

    def _send(self, shared: SharedFrame, timestamp: int) -> None:
        self.shared.append(shared)
        self.sent.append((shared.frame.layer, timestamp))


def test_payloads_are_split_once_and_shared_by_all_peers():
    watched = Watched()
    peers = [Network(watched) for _ in range(3)]
    watched.fanout.publish(frame(Layer.M, 1, keyframe=True))
    (first,), (second,), (third,) = (peer.shared for peer in peers)
    assert first is second is third
    assert first.payloads is first.payloads
    assert first.payloads == [b"\x65xyz"]


def test_each_codec_is_a_stream_of_its_own():
    watched = Watched()
    boxes, browser = Network(watched), Network(watched, codec=Codec.VP8)
    m8 = Stream(Layer.M, Codec.VP8)
    assert watched.fanout.wanted_streams() == {M, m8}
    assert watched.asked == [M, m8]
    vp8_frame = replace(frame(Layer.M, 1, keyframe=True), data=bytes(3000), codec=Codec.VP8)
    watched.fanout.publish(frame(Layer.M, 1, keyframe=True))
    watched.fanout.publish(vp8_frame)
    watched.fanout.publish(frame(Layer.M, 2))
    assert [shared.frame.codec for shared in boxes.shared] == [Codec.H264] * 2
    assert [shared.frame.codec for shared in browser.shared] == [Codec.VP8]
    assert browser.shared[0].payloads == vp8.split(bytes(3000))
    browser.subscription.close()
    assert watched.fanout.wanted_streams() == {M}


def test_a_peer_gets_nothing_before_the_first_keyframe():
    watched = Watched()
    peer = Network(watched)
    for timestamp in (100, 200):
        watched.fanout.publish(frame(Layer.M, timestamp))
    watched.fanout.publish(frame(Layer.M, 300, keyframe=True))
    watched.fanout.publish(frame(Layer.M, 400))
    assert peer.sent == [(Layer.M, 300), (Layer.M, 400)]


def test_the_old_layer_goes_on_until_the_new_ones_keyframe():
    watched = Watched()
    peer = Network(watched)
    watched.fanout.publish(frame(Layer.M, 100, keyframe=True))
    peer.subscription.set_layer(Layer.L)
    assert watched.asked == [M, L]
    watched.fanout.publish(frame(Layer.L, 200))
    watched.fanout.publish(frame(Layer.M, 300))
    watched.fanout.publish(frame(Layer.L, 400, keyframe=True))
    watched.fanout.publish(frame(Layer.M, 500))
    watched.fanout.publish(frame(Layer.L, 600))
    assert peer.sent == [(Layer.M, 100), (Layer.M, 300), (Layer.L, 400), (Layer.L, 600)]


def test_timestamps_grow_even_when_a_layer_changes_within_one_capture():
    watched = Watched()
    peer = Network(watched)
    watched.fanout.publish(frame(Layer.M, 0xFFFFFFFF, keyframe=True))
    peer.subscription.set_layer(Layer.L)
    watched.fanout.publish(frame(Layer.L, 0xFFFFFFFF, keyframe=True))
    watched.fanout.publish(frame(Layer.L, 3000))
    assert [t for _, t in peer.sent] == [0xFFFFFFFF, 0, 3000]


def test_only_watched_layers_are_wanted_and_each_change_is_told_once():
    watched = Watched()
    first, second = Network(watched).subscription, Network(watched).subscription
    second.set_layer(Layer.L)
    watched.fanout.publish(frame(Layer.M, 1, keyframe=True))
    first.set_layer(None)
    second.close()
    first.close()
    m, both, nothing = frozenset({M}), frozenset({M, L}), frozenset[Stream]()
    assert watched.wanted == [m, both, frozenset({L}), nothing]
    assert watched.fanout.wanted_streams() == nothing


def test_both_layers_are_wanted_while_a_peer_changes():
    watched = Watched()
    peer = Network(watched)
    watched.fanout.publish(frame(Layer.M, 1, keyframe=True))
    peer.subscription.set_layer(Layer.L)
    assert watched.fanout.wanted_streams() == {M, L}
    watched.fanout.publish(frame(Layer.L, 2, keyframe=True))
    assert watched.fanout.wanted_streams() == {L}


def in_loop(test):
    """Run a test in an event loop, which frames that wait need for their timer."""

    def run() -> None:
        async def main() -> None:
            test()

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


def test_what_waited_goes_out_in_order_as_soon_as_the_network_takes_it():
    async def main():
        watched = Watched()
        peer = Network(watched)
        watched.fanout.publish(frame(Layer.M, 0, keyframe=True))
        peer.full = True
        for number in (1, 2, 3):
            watched.fanout.publish(frame(Layer.M, number))
        assert peer.sent == [(Layer.M, 0)]
        assert peer.subscription.waiting == 3
        peer.full = False
        await until(lambda: peer.subscription.waiting == 0)
        watched.fanout.publish(frame(Layer.M, 4))
        assert [t for _, t in peer.sent] == [0, 1, 2, 3, 4]
        assert peer.subscription.counts.dropped == 0

    asyncio.run(main())


@in_loop
def test_a_frame_never_overtakes_those_that_wait():
    watched = Watched()
    peer = Network(watched)
    peer.full = True
    watched.fanout.publish(frame(Layer.M, 0, keyframe=True))
    peer.full = False
    watched.fanout.publish(frame(Layer.M, 1))
    assert [t for _, t in peer.sent] == [0, 1]
    peer.subscription.close()


@in_loop
def test_a_full_queue_is_dropped_to_the_next_keyframe_which_is_asked_for():
    watched = Watched()
    slow = Network(watched)
    slow.full = True
    watched.fanout.publish(frame(Layer.M, 0, keyframe=True))
    quick = Network(watched)
    asked = len(watched.asked)
    for number in range(1, limits.FANOUT_FRAMES_MAX + 3):
        watched.fanout.publish(frame(Layer.M, number))
    assert watched.asked[asked:] == [M]
    assert slow.subscription.layer is None
    assert (slow.sent, slow.subscription.waiting) == ([], 0)
    slow.full = False
    watched.fanout.publish(frame(Layer.M, 50, keyframe=True))
    watched.fanout.publish(frame(Layer.M, 51))
    assert slow.sent == [(Layer.M, 50), (Layer.M, 51)]
    assert slow.subscription.counts.overflows == 1
    assert slow.subscription.counts.dropped == limits.FANOUT_FRAMES_MAX + 1
    assert quick.subscription.counts.dropped == 0


@in_loop
def test_a_keyframe_into_a_full_queue_replaces_what_is_late():
    watched = Watched()
    peer = Network(watched)
    peer.full = True
    for number in range(limits.FANOUT_FRAMES_MAX):
        watched.fanout.publish(frame(Layer.M, number, keyframe=number == 0))
    watched.fanout.publish(frame(Layer.M, 99, keyframe=True))
    assert peer.subscription.waiting == 1
    peer.full = False
    watched.fanout.publish(frame(Layer.M, 100))
    assert peer.sent == [(Layer.M, 99), (Layer.M, 100)]


@in_loop
def test_a_slow_peer_does_not_delay_another():
    watched = Watched()
    slow, quick = Network(watched), Network(watched)
    slow.full = True
    for number in range(40):
        watched.fanout.publish(frame(Layer.M, number, keyframe=number == 0))
        assert quick.sent[-1] == (Layer.M, number)
    assert quick.subscription.counts.dropped == 0
    slow.subscription.close()


@in_loop
def test_set_layer_none_stops_at_once():
    watched = Watched()
    peer = Network(watched)
    peer.full = True
    watched.fanout.publish(frame(Layer.M, 1, keyframe=True))
    peer.subscription.set_layer(None)
    peer.full = False
    watched.fanout.publish(frame(Layer.M, 2, keyframe=True))
    assert (peer.sent, peer.subscription.waiting) == ([], 0)


def test_a_closed_peer_leaves_no_timer():
    async def main():
        watched = Watched()
        peer = Network(watched)
        peer.full = True
        watched.fanout.publish(frame(Layer.M, 1, keyframe=True))
        peer.subscription.close()
        peer.full = False
        await asyncio.sleep(3 * limits.SEND_BACKLOG_POLL)
        assert peer.sent == []

    asyncio.run(main())


def test_a_keyframe_request_is_for_the_layer_that_the_peer_is_to_get():
    watched = Watched()
    subscription = Network(watched, None).subscription
    subscription.request_keyframe()
    assert watched.asked == []
    subscription.set_layer(Layer.L)
    subscription.request_keyframe()
    assert watched.asked == [L, L]


def test_sounds_that_the_network_can_t_take_are_dropped():
    fanout = SoundFanout()
    heard: list[int] = []
    full = False
    subscription = fanout.subscribe(lambda sound: heard.append(sound.timestamp), lambda: not full)
    fanout.publish(Sound(b"1", 960, 30))
    full = True
    fanout.publish(Sound(b"2", 1920, 30))
    full = False
    fanout.publish(Sound(b"3", 2880, 30))
    assert heard == [960, 2880]
    assert (subscription.counts.sent, subscription.counts.dropped) == (2, 1)
    subscription.close()
    subscription.close()
    fanout.publish(Sound(b"x", 0, 0))
    assert subscription.counts.sent == 2


def fresh(timestamp: int, keyframe: bool = False) -> EncodedFrame:
    """A frame of M that was captured just now."""
    data, spec = b"\0\0\0\1\x65xyz", Layer.M.spec
    return EncodedFrame(Layer.M, keyframe, data, timestamp, time.monotonic_ns(), spec.width, spec.height)


class TestStart:
    """A new peer starts with what was encoded since the last keyframe."""

    def started(self, frames: int) -> tuple[Watched, Network]:
        watched = Watched()
        Network(watched)
        for number in range(frames):
            watched.fanout.publish(fresh(number, keyframe=number == 0))
        watched.asked.clear()
        return watched, Network(watched)

    def test_it_gets_them_all_at_once_and_asks_for_nothing(self):
        watched, newcomer = self.started(limits.FANOUT_RECENT_MAX)
        assert watched.asked == []
        watched.fanout.publish(fresh(100))
        assert [t for _, t in newcomer.sent] == [*range(limits.FANOUT_RECENT_MAX), 100]
        assert newcomer.subscription.counts.overflows == 0

    def test_a_keyframe_too_long_ago_is_asked_for_anew(self):
        watched, newcomer = self.started(limits.FANOUT_RECENT_MAX + 1)
        assert watched.asked == [M]
        assert newcomer.sent == []

    def test_the_queue_is_bounded_as_ever_when_the_network_takes_nothing(self):
        async def main():
            watched = Watched()
            Network(watched)
            for number in range(3):
                watched.fanout.publish(fresh(number, keyframe=number == 0))
            newcomer = Network(watched, None)
            newcomer.full = True
            newcomer.subscription.set_layer(Layer.M)
            for number in range(100, 100 + limits.FANOUT_FRAMES_MAX + 1):
                watched.fanout.publish(fresh(number))
            assert newcomer.subscription.counts.overflows == 1
            assert (newcomer.sent, newcomer.subscription.waiting) == ([], 0)

        asyncio.run(main())

    def test_nobody_sees_what_was_before_the_camera_was_switched_off(self):
        watched = Watched()
        Network(watched)
        watched.fanout.publish(fresh(0, keyframe=True))
        watched.fanout.forget_recent()
        assert Network(watched).sent == []

    def test_frames_of_a_camera_that_hangs_are_not_recent(self):
        watched = Watched()
        Network(watched)
        watched.fanout.publish(frame(Layer.M, 0, keyframe=True))  # captured when the machine started
        assert Network(watched).sent == []
