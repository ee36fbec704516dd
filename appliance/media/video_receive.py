"""Pictures from one remote: packets in, frame assembly, NACK and PLI on timers, the decode thread.

The network thread pushes packets, and a timer of it sends what the assembly asks for; the decode
thread hands on pictures. A hidden tile costs nothing: its packets are not even assembled.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Protocol

from appliance.core.assembly import AssembledFrame, AssemblyCounts, FrameAssembler
from appliance.core.layers import Codec
from appliance.core.lip_sync import Shown
from appliance.core.picture import Picture
from appliance.core.rtp import Packet
from appliance.media.decoder import Decoder, DecoderCounts


class Feedback(Protocol):
    """What the receive path says to the sender."""

    def send_nack(self, lost: Sequence[int]) -> None: ...
    def send_pli(self) -> None: ...


class Rate:
    """Events in the last second. ``note`` and ``read`` may be on different threads."""

    EVENTS_MAX = 256  # four times the fastest camera's

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=self.EVENTS_MAX)

    def note(self, now: float) -> None:
        self._times.append(now)

    def read(self, now: float) -> float:
        """Events per second."""
        since = now - 1.0
        return float(sum(1 for _ in takewhile(since.__lt__, reversed(self._times.copy()))))


def _at_once(_timestamp: int, _now: float) -> float:
    return 0.0


class VideoReceive:
    """The receive path of one video stream. All but ``on_picture`` happens on the network thread.

    ``not_before(timestamp, now)``: until when the frame that came ``now`` waits, in monotonic seconds.
    """

    def __init__(
        self,
        *,
        on_picture: Callable[[Picture], None],
        not_before: Callable[[int, float], float] = _at_once,
        name: str = "decoder",
    ) -> None:
        self.received = Rate()  # whole frames
        self.shown = Rate()  # pictures
        self._on_picture = on_picture
        self._not_before = not_before
        self._assembler = FrameAssembler()
        self._decoder = Decoder(on_picture=self._picture, on_keyframe_needed=self._lost, name=name)
        self._hidden = True
        self._feedback: Feedback | None = None  # while started
        self._timer: asyncio.TimerHandle | None = None
        self._armed: float | None = None  # when the timer fires
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def assembly(self) -> AssemblyCounts:
        return self._assembler.counts

    @property
    def decoder(self) -> DecoderCounts:
        return self._decoder.counts

    @property
    def recently_shown(self) -> Sequence[Shown]:
        """The pictures that were handed on last, oldest first."""
        return self._decoder.shown.copy()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures as they come, (0, 0) before the first."""
        return self._decoder.size

    def queues(self) -> dict[str, tuple[int, int]]:
        """(what waits, the most that may) in each queue between the packets and the pictures."""
        return {**self._assembler.queues(), "decode": self._decoder.queue}

    def start(self, feedback: Feedback) -> None:
        """Start the decode thread, and asking for what is missing."""
        self._loop = asyncio.get_running_loop()
        self._feedback = feedback
        self._decoder.start()
        if not self._hidden:
            self.request_keyframe()  # the sender may have begun before us

    async def stop(self) -> None:
        """Stop both and wait for the thread; idempotent."""
        self._decoder.stop()
        self._feedback = self._loop = None
        self._disarm()
        await asyncio.to_thread(self._decoder.join)

    def set_tile(self, size: tuple[int, int] | None) -> None:
        """Show pictures at this size in pixels, or none at all."""
        self._hidden = size is None
        if self._hidden:
            self._assembler.reset()
        self._decoder.set_tile(size)

    def set_rtt(self, seconds: float) -> None:
        """Repeat NACKs no faster than this round trip lets repairs arrive."""
        self._assembler.rtt = seconds

    def request_keyframe(self) -> None:
        """Throw away what is being assembled and ask for a keyframe."""
        now = time.monotonic()
        self._assembler.lose(now)
        self._arm(now)

    def push(self, packet: Packet, now: float, codec: Codec = Codec.H264) -> None:
        """Take a packet that arrived at ``now``; ``codec``: what its payload type stands for.

        Call ``settle`` after the last of those that came together.
        """
        if self._hidden:
            return
        if frames := self._assembler.push(packet, now, codec):
            self._decode(frames, now)

    def settle(self, now: float) -> None:
        """The packets that came together were all pushed: arm the timer for what is missing of them."""
        if not self._hidden:
            self._arm(now)

    # --- inside ---------------------------------------------------------------------------------

    def _decode(self, frames: list[AssembledFrame], now: float) -> None:
        for frame in frames:
            self.received.note(now)
            self._decoder.push(frame, self._not_before(frame.timestamp, now))

    def _picture(self, picture: Picture) -> None:
        self.shown.note(time.monotonic())
        self._on_picture(picture)

    def _lost(self) -> None:
        """The decoder can't go on (any thread)."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self.request_keyframe)

    def _arm(self, now: float) -> None:
        """Have ``_act`` called when the assembly wants it; a timer that is set too early does no harm."""
        due = self._assembler.deadline()
        if due is None:
            if self._timer is not None:
                self._disarm()
            return
        if self._loop is None or (self._armed is not None and self._armed <= due):
            return
        self._disarm()
        self._armed = due
        self._timer = self._loop.call_later(max(0.0, due - now), self._act)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._armed = None

    def _act(self) -> None:
        self._timer = self._armed = None
        feedback = self._feedback
        if feedback is None:
            return
        now = time.monotonic()
        assembler = self._assembler
        if frames := assembler.expire(now):
            self._decode(frames, now)
        with contextlib.suppress(ConnectionError):  # the link's state tells of it
            if lost := assembler.nacks(now):
                feedback.send_nack(lost)
            if assembler.keyframe_due(now):
                feedback.send_pli()
        self._arm(now)
