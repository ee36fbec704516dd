"""Encoded pictures and sounds to every peer: encoded once, split into packets once, sent in one call.

The rules:

- Everything here runs on the network thread.
- A frame's payloads are made when the first peer sends it, and shared by all.
- A frame goes to each peer's socket in the call that published it. While a socket takes no more, that
  peer's frames wait in a short queue of its own. A full one is emptied, and the peer gets nothing more
  until the next keyframe, which is asked for; a slow peer never delays another.
- A peer changes layer on a keyframe of the new layer only, and gets the old layer until then.
- A peer that gets nothing yet starts with what was encoded since the last keyframe, when that is little:
  its first picture does not wait for a keyframe, and the others are spared one.
- Sounds are worth nothing late: one that the network can't take is dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance.core import h264, limits, vp8
from appliance.core.layers import Codec, Layer, Stream
from appliance.media.encoded import CLOCK_RATE, EncodedFrame


class Sound(Protocol):
    """One encoded sound: Opus ``data``, RTP ``timestamp`` at 48 kHz, ``level_dbov`` 0 (loud) to 127 (silent),
    ``captured_ns`` on the monotonic clock.
    """

    @property
    def data(self) -> bytes: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def level_dbov(self) -> int: ...
    @property
    def captured_ns(self) -> int: ...


def split(data: bytes, codec: Codec) -> list[bytes]:
    """Split an encoded frame into RTP payloads of at most ``limits.PACKET_PAYLOAD`` bytes."""
    return h264.split(data) if codec is Codec.H264 else vp8.split(data)


class SharedFrame:
    """An encoded frame and its RTP payloads, which are made once."""

    __slots__ = ("_payloads", "frame")

    def __init__(self, frame: EncodedFrame) -> None:
        self.frame = frame
        self._payloads: list[bytes] | None = None

    @property
    def payloads(self) -> list[bytes]:
        if self._payloads is None:
            self._payloads = split(self.frame.data, self.frame.codec)
        return self._payloads


@dataclass(slots=True)
class SubscriptionCounts:
    """``sent``: handed to the network. ``dropped``: lost to a full queue, ``overflows`` times."""

    sent: int = 0
    dropped: int = 0
    overflows: int = 0


class Subscription:
    """What one peer gets: frames of one layer at a time, in order, in the codec of its connection.

    ``send(shared, timestamp)`` hands a frame to the network in the same call; ``writable()``: does the
    network keep up? While it does not, frames wait here.
    """

    def __init__(
        self,
        fanout: Fanout,
        send: Callable[[SharedFrame, int], None],
        writable: Callable[[], bool],
        codec: Codec,
    ) -> None:
        self.counts = SubscriptionCounts()
        self._fanout = fanout
        self._send = send
        self._writable = writable
        self._codec = codec
        self._queue: deque[SharedFrame] = deque()
        self._timer: asyncio.TimerHandle | None = None  # while frames wait
        self._wanted: Layer | None = None  # asked for by set_layer
        self._current: Layer | None = None  # being sent; None until the first keyframe
        self._burst = 0  # frames of the start that are still queued
        self._last: int | None = None  # RTP timestamp last sent
        self._closed = False

    @property
    def layer(self) -> Layer | None:
        """The layer that is being sent, None while there is none."""
        return self._current

    @property
    def streams(self) -> frozenset[Stream]:
        """What must be encoded for this peer now."""
        layers = (self._wanted, self._current)
        return frozenset(Stream(layer, self._codec) for layer in layers if layer is not None)

    @property
    def waiting(self) -> int:
        """Frames that the network could not take yet."""
        return len(self._queue)

    def set_layer(self, layer: Layer | None) -> None:
        """Send this layer from its next keyframe on; None stops at once."""
        if layer is self._wanted or self._closed:
            return
        self._wanted = layer
        if layer is None:
            self._current = None
            self._forget()
        elif self._current is None and (recent := self._fanout.recent(Stream(layer, self._codec))):
            self._current = layer
            self._burst = len(recent)
            self._queue.extend(recent)
            self._drain()
        self._fanout.subscription_changed()
        if layer is not None and layer is not self._current:
            self._fanout.on_keyframe(Stream(layer, self._codec))

    def request_keyframe(self) -> None:
        """The peer can't decode what it has."""
        if self._wanted is not None:
            self._fanout.on_keyframe(Stream(self._wanted, self._codec))

    def offer(self, shared: SharedFrame) -> None:
        """Send a frame, or queue it, if this peer wants it (called by the fan-out)."""
        frame = shared.frame
        if frame.codec is not self._codec:
            return
        if frame.layer is self._wanted:
            if self._current is not frame.layer:
                if not frame.keyframe:
                    return
                self._current = frame.layer
                self._fanout.subscription_changed()
        elif frame.layer is not self._current:
            return
        if not self._queue and self._writable():
            self._hand_on(shared)
            return
        if len(self._queue) >= limits.FANOUT_FRAMES_MAX + self._burst:
            self.counts.overflows += 1
            self.counts.dropped += len(self._queue)
            self._forget()
            if not frame.keyframe:
                self.counts.dropped += 1
                self._current = None
                self._fanout.subscription_changed()
                self.request_keyframe()
                return
        self._queue.append(shared)
        self._drain()

    def _drain(self) -> None:
        """Send what waits while the network takes it; look again later for the rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue and self._writable():
            self._burst = max(0, self._burst - 1)
            self._hand_on(self._queue.popleft())
        if self._queue:  # only asyncio's own protocol is told when a socket takes more
            self._timer = asyncio.get_running_loop().call_later(limits.SEND_BACKLOG_POLL, self._drain)

    def _hand_on(self, shared: SharedFrame) -> None:
        timestamp = shared.frame.timestamp & 0xFFFFFFFF
        # Layers share a clock, so a change of layer could repeat a timestamp.
        if self._last is not None and ((self._last - timestamp) & 0xFFFFFFFF) < CLOCK_RATE:
            timestamp = (self._last + 1) & 0xFFFFFFFF
        self._last = timestamp
        self.counts.sent += 1
        self._send(shared, timestamp)

    def _forget(self) -> None:
        self._queue.clear()
        self._burst = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Want nothing more; idempotent."""
        if not self._closed:
            self.set_layer(None)
            self._closed = True
            self._fanout.unsubscribe(self)


class Fanout:
    """Encoded frames to the peers that watch them.

    ``on_wanted(streams)`` is called whenever the set of streams that somebody watches changes, and
    ``on_keyframe(stream)`` whenever a peer needs a keyframe of one: merging the requests of several
    peers is the encoder's.
    """

    def __init__(
        self, *, on_wanted: Callable[[frozenset[Stream]], None], on_keyframe: Callable[[Stream], None]
    ) -> None:
        self.on_keyframe = on_keyframe
        self._on_wanted = on_wanted
        self._subscriptions: list[Subscription] = []
        self._wanted: frozenset[Stream] = frozenset()
        self._recent: dict[Stream, list[SharedFrame]] = {}  # since the last keyframe, while few

    def publish(self, frame: EncodedFrame) -> None:
        """Hand a frame to every peer that wants its stream; never waits."""
        shared = SharedFrame(frame)
        stream = frame.stream
        if frame.keyframe:
            self._recent[stream] = [shared]
        elif recent := self._recent.get(stream):
            recent.append(shared)
            size = sum(len(one.frame.data) for one in recent)
            if len(recent) > limits.FANOUT_RECENT_MAX or size > limits.FANOUT_RECENT_BYTES:
                del self._recent[stream]
        for subscription in self._subscriptions:
            subscription.offer(shared)

    def recent(self, stream: Stream) -> Sequence[SharedFrame]:
        """The stream from its last keyframe on; empty when that was too long ago."""
        frames = self._recent.get(stream, ())
        if not frames or time.monotonic_ns() - frames[-1].frame.captured_ns > limits.FANOUT_RECENT_NS:
            return ()
        return frames

    def forget_recent(self) -> None:
        """The camera was switched off: nobody who comes later sees what it saw."""
        self._recent.clear()

    def subscribe(
        self,
        send: Callable[[SharedFrame, int], None],
        writable: Callable[[], bool],
        codec: Codec = Codec.H264,
    ) -> Subscription:
        """A new peer, which gets nothing before ``set_layer``; see ``Subscription``."""
        subscription = Subscription(self, send, writable, codec)
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a peer (called by its ``close``)."""
        self._subscriptions.remove(subscription)
        self.subscription_changed()

    def wanted_streams(self) -> frozenset[Stream]:
        """The streams that somebody watches."""
        return self._wanted

    def subscription_changed(self) -> None:
        """Find out anew what is watched (called by the subscriptions)."""
        wanted: frozenset[Stream] = frozenset().union(*(s.streams for s in self._subscriptions))
        if wanted != self._wanted:
            for stream in self._wanted - wanted:
                self._recent.pop(stream, None)  # nobody encodes it any more: it would only get older
            self._wanted = wanted
            self._on_wanted(wanted)


class SoundSubscription:
    """The sounds for one peer: each goes out as it comes, or not at all."""

    def __init__(
        self,
        fanout: SoundFanout,
        send: Callable[[Sound], None],
        writable: Callable[[], bool],
        counts: SubscriptionCounts,
    ) -> None:
        self.counts = counts
        self._fanout = fanout
        self._send = send
        self._writable = writable
        self._closed = False

    def offer(self, sound: Sound) -> None:
        """Send a sound, or drop it when the network does not keep up (called by the fan-out)."""
        if self._writable():
            self.counts.sent += 1
            self._send(sound)
        else:
            self.counts.dropped += 1

    def close(self) -> None:
        """Want nothing more; idempotent."""
        if not self._closed:
            self._closed = True
            self._fanout.unsubscribe(self)


class SoundFanout:
    """Encoded sounds to every peer."""

    def __init__(self) -> None:
        self._subscriptions: list[SoundSubscription] = []

    def publish(self, sound: Sound) -> None:
        """Hand a sound to every peer; never waits."""
        for subscription in self._subscriptions:
            subscription.offer(sound)

    def subscribe(
        self,
        send: Callable[[Sound], None],
        writable: Callable[[], bool],
        counts: SubscriptionCounts | None = None,
    ) -> SoundSubscription:
        """A new peer, which gets every sound from now on. ``counts``: of an earlier one, to go on with."""
        subscription = SoundSubscription(self, send, writable, counts or SubscriptionCounts())
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: SoundSubscription) -> None:
        """Forget a peer (called by its ``close``)."""
        self._subscriptions.remove(subscription)
