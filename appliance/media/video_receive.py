"""Pictures from one remote: packets in, frame assembly, NACK and PLI on timers, the decode thread.

The network thread pushes packets; a task of its own sends what the assembly asks for; the decode
thread hands on pictures. A hidden tile costs nothing: its packets are not even assembled.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from appliance.core.assembly import AssembledFrame, AssemblyCounts, FrameAssembler
from appliance.core.view import Picture
from appliance.media.decoder import Decoder, DecoderCounts


class Feedback(Protocol):
    """What the receive path says to the sender."""

    async def send_nack(self, lost: Sequence[int]) -> None: ...
    async def send_pli(self) -> None: ...


class Rate:
    """Events in the last second. ``note`` and ``read`` may be on different threads."""

    EVENTS_MAX = 256  # four times the fastest camera's

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=self.EVENTS_MAX)

    def note(self, now: float) -> None:
        self._times.append(now)

    def read(self, now: float) -> float:
        """Events per second."""
        return float(sum(1 for at in self._times.copy() if at > now - 1.0))


class VideoReceive:
    """The receive path of one video stream. All but ``on_picture`` happens on the network thread."""

    def __init__(self, *, on_picture: Callable[[Picture], None], name: str = "decoder") -> None:
        self.received = Rate()  # whole frames
        self.shown = Rate()  # pictures
        self._on_picture = on_picture
        self._assembler = FrameAssembler()
        self._decoder = Decoder(on_picture=self._picture, on_keyframe_needed=self._lost, name=name)
        self._hidden = True
        self._wake = asyncio.Event()
        self._armed: float | None = None  # when the feedback task wakes by itself
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def assembly(self) -> AssemblyCounts:
        return self._assembler.counts

    @property
    def decoder(self) -> DecoderCounts:
        return self._decoder.counts

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures as they come, (0, 0) before the first."""
        return self._decoder.size

    def queues(self) -> dict[str, tuple[int, int]]:
        """(what waits, the most that may) in each queue between the packets and the pictures."""
        return {**self._assembler.queues(), "decode": self._decoder.queue}

    def start(self, feedback: Feedback) -> None:
        """Start the decode thread and the feedback task."""
        self._loop = asyncio.get_running_loop()
        self._decoder.start()
        self._task = asyncio.ensure_future(self._run(feedback))
        if not self._hidden:
            self.request_keyframe()  # the sender may have begun before us

    async def stop(self) -> None:
        """Stop both and wait for them; idempotent."""
        self._decoder.stop()
        task, self._task, self._loop = self._task, None, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._decoder.join()

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
        self._assembler.lose(time.monotonic())
        self._wake.set()

    def push(self, sequence_number: int, timestamp: int, marker: bool, payload: bytes, now: float) -> None:
        """Take a packet that arrived at ``now``."""
        if self._hidden:
            return
        assembler = self._assembler
        frames = assembler.push(sequence_number, timestamp, marker, payload, now)
        if frames:
            self._decode(frames, now)
        due = assembler.deadline()
        if due is not None and (self._armed is None or due < self._armed):
            self._armed = due
            self._wake.set()

    # --- inside ---------------------------------------------------------------------------------

    def _decode(self, frames: list[AssembledFrame], now: float) -> None:
        for frame in frames:
            self.received.note(now)
            self._decoder.push(frame)

    def _picture(self, picture: Picture) -> None:
        self.shown.note(time.monotonic())
        self._on_picture(picture)

    def _lost(self) -> None:
        """The decoder can't go on (any thread)."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self.request_keyframe)

    async def _run(self, feedback: Feedback) -> None:
        assembler = self._assembler
        while True:
            now = time.monotonic()
            if frames := assembler.expire(now):
                self._decode(frames, now)
            if lost := assembler.nacks(now):
                await feedback.send_nack(lost)
            if assembler.keyframe_due(now):
                await feedback.send_pli()
            self._wake.clear()
            self._armed = assembler.deadline()
            try:
                timeout = None if self._armed is None else max(0.0, self._armed - now)
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                pass
