"""Remote peers that cost next to nothing: they leave the machine to the box that is measured.

Every peer sends the same film at M, encoded once beforehand, and starts again at its keyframe
when it is asked for one; what comes is counted by marker bits and not decoded. It speaks to ours and to
plain aiortc alike.

    python _load.py --film FILE     # then see _engine for what it is told
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from _engine import FPS, Engine, Watch, serve
from _film import Film

from appliance.core.layers import Layer
from appliance.core.limits import KEYFRAME_REPEAT_AFTER
from appliance.core.rtp import Packet
from appliance.media.encoded import EncodedFrame, rtp_timestamp
from appliance.media.encoders.software import X264Encoder
from appliance.media.fanout import Fanout, SoundFanout
from appliance.media.link import CONNECTED, MediaLink

LOOP_FRAMES = 10 * FPS
GOLDEN = 0.618  # phases that are spread, however many there are


def recording(path: Path) -> list[EncodedFrame]:
    """Ten seconds of the film, a keyframe first."""
    film, encoder = Film(path), X264Encoder(Layer.M)
    start = time.monotonic_ns()
    frames: list[EncodedFrame] = []
    for number in range(LOOP_FRAMES):
        captured_ns = start + number * 1_000_000_000 // FPS
        frames += encoder.encode(film.picture(), captured_ns, keyframe=number == 0)
    encoder.close()
    return frames


class NoSound:
    """Nobody listens."""

    heard = None

    def push(
        self, sequence_number: int, timestamp: int, payload: bytes, now: float, level: int | None
    ) -> None:
        return

    def wait_longer(self, seconds: float) -> None:
        return


class CountingLink(MediaLink):
    """Counts the frames that come by their marker bits."""

    frames = 0

    def _video_packet(self, packet: Packet, now: float) -> None:
        self.frames += packet.marker


class Remote:
    """One remote peer: its own clock, its own place in the film, one link."""

    def __init__(self, host: str, frames: list[EncodedFrame], phase: float) -> None:
        self._frames = frames
        self._phase = phase  # in pictures, after the whole thirtieths of a second
        self._video = Fanout(on_wanted=lambda _: None, on_keyframe=self._keyframe_wanted)
        self._wanted = False
        self._playing: asyncio.Task[None] | None = None
        self.link = CountingLink(
            hosts=[host],
            video=self._video,
            audio=SoundFanout(),
            sound_in=NoSound(),
            on_picture=lambda _: None,
            on_control=lambda _: None,
            on_state=self._state,
            name="load",
        )
        self.link.set_layer(Layer.M)

    def _state(self, state: str) -> None:
        if state == CONNECTED:
            self.link.open_media()
            self._playing = asyncio.create_task(self._play())

    def _keyframe_wanted(self, _: object) -> None:
        self._wanted = True

    async def _play(self) -> None:
        start = (int(time.monotonic() * FPS) + 1 + self._phase) / FPS
        position, began = 0, 0.0
        for tick in range(1 << 30):
            await asyncio.sleep(max(0.0, start + tick / FPS - time.monotonic()))
            now = time.monotonic()
            if position >= len(self._frames) or (self._wanted and now - began > KEYFRAME_REPEAT_AFTER):
                position, began, self._wanted = 0, now, False
            captured_ns = time.monotonic_ns()
            timestamp = rtp_timestamp(captured_ns)
            self._video.publish(replace(self._frames[position], timestamp=timestamp, captured_ns=captured_ns))
            position += 1

    async def close(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._playing
        await self.link.close()


class LoadEngine(Engine):
    """Any number of remote peers."""

    def __init__(self, host: str, film: Path, *, spread: bool) -> None:
        super().__init__()
        self._host = host
        self._spread = spread
        self._frames = recording(film)
        self._remotes: dict[int, Remote] = {}

    async def offer(self, n: int) -> str:
        phase = n * GOLDEN % 1 if self._spread else 0.0
        remote = self._remotes[n] = Remote(self._host, self._frames, phase)
        self.watches[n] = Watch(counting=True)
        return await remote.link.offer()

    async def accept(self, n: int, sdp: str) -> None:
        await self._remotes[n].link.accept(sdp)

    def connected(self) -> bool:
        return all(remote.link.state == CONNECTED for remote in self._remotes.values())

    async def close(self, n: int) -> None:
        await self._remotes.pop(n).close()
        del self.watches[n]

    async def stop(self) -> None:
        await asyncio.gather(*(self.close(n) for n in list(self._remotes)))

    def counters(self, n: int) -> dict[str, Any]:
        return {"frames": self._remotes[n].link.frames}


def main() -> int:
    parser = argparse.ArgumentParser(prog="_load", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to use")
    parser.add_argument("--film", type=Path, required=True, help="the film to send (640x360)")
    parser.add_argument(
        "--spread", action="store_true", help="every peer takes its pictures at another moment"
    )
    arguments = parser.parse_args()
    serve(LoadEngine(arguments.host, arguments.film, spread=arguments.spread))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
