"""What one peer gets of our pictures and our sound: its subscriptions to what was encoded once for all."""

from __future__ import annotations

from collections.abc import Callable

from appliance.core.layers import Codec, Layer
from appliance.media.fanout import (
    Fanout,
    SharedFrame,
    Sound,
    SoundFanout,
    SoundSubscription,
    Subscription,
    SubscriptionCounts,
)
from appliance.media.rtp_sender import PacketSender


class PicturesOut:
    """To one peer. ``writable()``: does its socket keep up? ``failed``: our own code did, on a packet."""

    def __init__(
        self,
        fanout: Fanout,
        sender: PacketSender,
        writable: Callable[[], bool],
        failed: Callable[[Exception], None],
    ) -> None:
        self._fanout = fanout
        self._sender = sender
        self._writable = writable
        self._failed = failed
        self._wanted: Layer | None = None
        self.subscription: Subscription | None = None
        """While media is open."""

    @property
    def layer(self) -> Layer | None:
        """The layer that this peer is getting, None while there is none."""
        return self.subscription.layer if self.subscription is not None else None

    def open(self) -> None:
        """Send from now on, if the other side takes pictures."""
        if self._sender.started:
            codec = Codec(self._sender.codec)
            self.subscription = self._fanout.subscribe(self._send, self._writable, codec)
            self.subscription.set_layer(self._wanted)

    def set_layer(self, layer: Layer | None) -> None:
        """What it gets, from the next keyframe of that layer on; None: no pictures."""
        self._wanted = layer
        if self.subscription is not None:
            self.subscription.set_layer(layer)

    def request_keyframe(self) -> None:
        """The other side asks for one."""
        if self.subscription is not None:
            self.subscription.request_keyframe()

    def close(self) -> None:
        """Send no more."""
        if self.subscription is not None:
            self.subscription.close()

    def _send(self, shared: SharedFrame, timestamp: int) -> None:
        try:
            self._sender.send(shared.payloads, timestamp, shared.frame.captured_ns)
        except ConnectionError:  # the link's state tells of it
            pass
        except Exception as error:  # the other peers get theirs
            self._failed(error)


class SoundOut:
    """To one peer, as ``PicturesOut``; ``wanted``: is it to be sent?"""

    def __init__(
        self,
        fanout: SoundFanout,
        sender: PacketSender,
        writable: Callable[[], bool],
        failed: Callable[[Exception], None],
    ) -> None:
        self._fanout = fanout
        self._sender = sender
        self._writable = writable
        self._failed = failed
        self._wanted = True
        self._opened = False
        self._subscription: SoundSubscription | None = None
        self.counts = SubscriptionCounts()
        self._speaking = False  # the last sound sent was not the end of a talk spurt

    def open(self) -> None:
        """Send from now on, if the other side takes sound and it is wanted."""
        self._opened = True
        self._subscribe()

    def want(self, wanted: bool) -> None:
        """Whether it is to be sent."""
        self._wanted = wanted
        if not wanted and self._subscription is not None:
            self._subscription.close()
            self._subscription = None
            self._speaking = False  # what comes later begins a talk spurt
        self._subscribe()

    def close(self) -> None:
        """Send no more."""
        self._opened = False
        if self._subscription is not None:
            self._subscription.close()

    def _subscribe(self) -> None:
        if self._opened and self._wanted and self._sender.started and self._subscription is None:
            self._subscription = self._fanout.subscribe(self._send, self._writable, self.counts)

    def _send(self, sound: Sound) -> None:
        begins, self._speaking = not self._speaking, len(sound.data) > 1
        try:
            self._sender.send(
                (sound.data,),
                sound.timestamp & 0xFFFFFFFF,
                sound.captured_ns,
                sound.level_dbov,
                marker=begins,  # RFC 3551 section 4.1
            )
        except ConnectionError:
            pass
        except Exception as error:
            self._failed(error)
