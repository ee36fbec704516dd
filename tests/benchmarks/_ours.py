"""Our media engine as a program: one camera process, its layers fanned out to any number of links.

Sends M (640x360 at 30 a second), encoded once in the camera process, to every peer, and shows every
peer in a tile of 640x360. No box is around it: a ping a second on the control channel tells the link its
round trip, as a box's heartbeat does.

    python _ours.py --host 127.0.0.1        # then see _engine for what it is told
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import struct
import sys
import time
from collections import deque
from dataclasses import asdict
from typing import Any

from _engine import HEIGHT, WIDTH, Engine, Watch, serve

from appliance.app import memory
from appliance.core.layers import Layer
from appliance.core.limits import RTT_SAMPLES, SWITCH_INTERVAL
from appliance.core.picture import Picture
from appliance.media.camera_process import CameraProcess
from appliance.media.fanout import Fanout, SoundFanout
from appliance.media.link import CONNECTED, MediaLink

PING_EVERY = 1.0
PING = struct.Struct("!cd")  # b"?" or its echo b"!", the time it was sent


class NoSound:
    """Nobody listens."""

    heard = None

    def push(
        self, sequence_number: int, timestamp: int, payload: bytes, now: float, level: int | None
    ) -> None:
        return

    def wait_longer(self, seconds: float) -> None:
        return


class Peer:
    """One link, its watch and its pings."""

    def __init__(
        self, n: int, host: str, video: Fanout, sound: SoundFanout, watch: Watch, *, pings: bool
    ) -> None:
        self.watch = watch
        self._pings = pings
        self.rtt_s: float | None = None
        self._round_trips: deque[float] = deque(maxlen=RTT_SAMPLES)
        self._pinging: asyncio.Task[None] | None = None
        self.link = MediaLink(
            hosts=[host],
            video=video,
            audio=sound,
            sound_in=NoSound(),
            on_picture=self._picture,
            on_control=self._control,
            on_state=self._state,
            name=str(n),
        )
        self.link.set_tile((WIDTH, HEIGHT))
        self.link.set_layer(Layer.M)

    async def close(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pinging
        await self.link.close()

    def _picture(self, picture: Picture) -> None:
        self.watch.saw(picture.rgb, picture.width, picture.height, picture.pitch)

    def _state(self, state: str) -> None:
        if state == CONNECTED:
            self.link.open_media()
            if self._pings:
                self._pinging = asyncio.create_task(self._ping())

    async def _ping(self) -> None:
        while True:
            self.link.send_control(PING.pack(b"?", time.monotonic()))
            await asyncio.sleep(PING_EVERY)

    def _control(self, message: bytes) -> None:
        if len(message) != PING.size:
            return
        kind, sent = PING.unpack(message)
        if kind == b"?":
            self.link.send_control(PING.pack(b"!", sent))
        else:
            self._round_trips.append(time.monotonic() - sent)
            self.rtt_s = min(self._round_trips)
            self.link.set_rtt(self.rtt_s)


class OurEngine(Engine):
    """The links of one box, without the box."""

    def __init__(
        self, host: str, label: str = "ours", *, counting: bool = False, source: str = "test"
    ) -> None:
        super().__init__()
        self._counting = counting
        self._source = source
        self._host = host
        self._label = label
        self._peers: dict[int, Peer] = {}
        self._sound = SoundFanout()

    async def start(self) -> None:
        self._camera = CameraProcess(
            self._source,
            self._label,
            on_frame=lambda frame: self._video.publish(frame),
            on_self_view=lambda _: None,
            on_state=lambda _: None,
        )
        self._video = Fanout(on_wanted=self._camera.want, on_keyframe=self._camera.request_keyframe)
        await self._camera.start()

    async def offer(self, n: int) -> str:
        return await self._open(n).link.offer()

    async def answer(self, n: int, sdp: str) -> str:
        return await self._open(n).link.answer(sdp)

    async def accept(self, n: int, sdp: str) -> None:
        await self._peers[n].link.accept(sdp)

    def connected(self) -> bool:
        return all(peer.link.state == CONNECTED for peer in self._peers.values())

    async def close(self, n: int) -> None:
        await self._peers.pop(n).close()
        del self.watches[n]

    async def stop(self) -> None:
        await asyncio.gather(*(self.close(n) for n in list(self._peers)))
        await self._camera.stop()

    def counters(self, n: int) -> dict[str, Any]:
        peer = self._peers[n]
        rtt_ms = None if peer.rtt_s is None else round(1000 * peer.rtt_s, 1)
        decoder = peer.link._pictures.decoder
        overtaken = decoder.decoded - decoder.pictures  # decoded, and not shown because a later one was there
        return {**asdict(peer.link.stats()), "rtt_ms": rtt_ms, "overtaken": overtaken}

    def _open(self, n: int) -> Peer:
        peer = self._peers[n] = Peer(
            n, self._host, self._video, self._sound, Watch(counting=self._counting), pings=not self._counting
        )
        self.watches[n] = peer.watch
        return peer


def main() -> int:
    parser = argparse.ArgumentParser(prog="_ours", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to use")
    parser.add_argument("--counting", action="store_true", help="count pictures, read no time codes")
    parser.add_argument("--label", default="ours", help="what the picture says")
    parser.add_argument("--film", help="send this film (640x360) in place of the test picture")
    arguments = parser.parse_args()
    memory.prepare()
    memory.settle()
    sys.setswitchinterval(SWITCH_INTERVAL)
    source = "test" if arguments.film is None else f"file:{arguments.film}"
    serve(OurEngine(arguments.host, arguments.label, counting=arguments.counting, source=source))
    return 0


if __name__ == "__main__":
    sys.exit(main())
