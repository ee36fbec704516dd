"""Plain aiortc as a program: what a careful user of the library would write, for comparison.

Sends the test picture, 640x360 at 30 a second, to every peer, and encodes it for each of them, as
aiortc does; reads every frame of every peer and converts it to RGB 640x360. It speaks H.264 as ours
does. Nothing of aiortc is changed, except that candidates are gathered on the address that is given:
aioice leaves loopback out.

The picture is drawn once for all peers; each gets a frame of its own, because aiortc writes into it.

    python _plain.py --host 127.0.0.1       # then see _engine for what it is told
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import Any

import aioice.ice
import av
from _engine import FPS, HEIGHT, WIDTH, Engine, Watch, serve
from _film import Film
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack, VideoStreamTrack
from av.video.reformatter import VideoReformatter

from appliance.core import sdp as our_sdp
from appliance.media.sources.pattern import _Artwork

FRAME_NS = 1_000_000_000 // FPS


class Picture:
    """The picture of this moment, drawn when the first asks for it and copied for the others."""

    def __init__(self, label: str, film: Path | None = None) -> None:
        self._artwork = _Artwork(WIDTH, HEIGHT, label)
        self._film = None if film is None else Film(film)
        self._drawn: av.VideoFrame | None = None
        self._drawn_ns = 0

    def now(self) -> av.VideoFrame:
        now = time.monotonic_ns()
        if self._drawn is None or now - self._drawn_ns > FRAME_NS // 4:
            self._drawn_ns = now
            self._drawn = self._artwork.picture(now) if self._film is None else self._film.picture()
        copy = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for to, plane in zip(copy.planes, self._drawn.planes, strict=True):
            to.update(memoryview(plane))
        return copy


class CameraTrack(VideoStreamTrack):
    """aiortc's own video track, with our picture."""

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self._picture = picture

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = self._picture.now()
        frame.pts, frame.time_base = pts, time_base
        return frame


class PlainEngine(Engine):
    """``whole``: offer an audio section and a data channel too: a link of ours answers nothing less."""

    def __init__(
        self, *, whole: bool = False, counting: bool = False, label: str = "plain", film: Path | None = None
    ) -> None:
        super().__init__()
        self._picture = Picture(label, film)
        self._whole = whole
        self._counting = counting
        self._peers: dict[int, RTCPeerConnection] = {}
        self._readers: dict[int, asyncio.Task[None]] = {}

    async def offer(self, n: int) -> str:
        pc = self._open(n)
        self._add_camera(pc)
        if self._whole:
            pc.addTransceiver("audio", direction="inactive")
            pc.createDataChannel("control", ordered=True, negotiated=True, id=0)
        await pc.setLocalDescription(await pc.createOffer())
        return our_sdp.only_sha256(pc.localDescription.sdp)

    async def answer(self, n: int, sdp: str) -> str:
        pc = self._open(n)
        self._add_camera(pc)
        await pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        for transceiver in pc.getTransceivers():
            if transceiver.kind == "audio":
                transceiver.direction = "inactive"
        await pc.setLocalDescription(await pc.createAnswer())
        return our_sdp.only_sha256(pc.localDescription.sdp)

    async def accept(self, n: int, sdp: str) -> None:
        await self._peers[n].setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    def connected(self) -> bool:
        return all(pc.connectionState == "connected" for pc in self._peers.values())

    async def close(self, n: int) -> None:
        await self._peers.pop(n).close()
        reader = self._readers.pop(n, None)
        if reader is not None:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
        del self.watches[n]

    async def stop(self) -> None:
        await asyncio.gather(*(self.close(n) for n in list(self._peers)))

    def _open(self, n: int) -> RTCPeerConnection:
        pc = self._peers[n] = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        watch = self.watches[n] = Watch(counting=self._counting)

        @pc.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            if track.kind == "video":
                self._readers[n] = asyncio.create_task(_read(track, watch), name=f"reader {n}")

        return pc

    def _add_camera(self, pc: RTCPeerConnection) -> None:
        pc.addTrack(CameraTrack(self._picture))
        transceiver = pc.getTransceivers()[0]
        transceiver.setCodecPreferences(
            [
                codec
                for codec in RTCRtpSender.getCapabilities("video").codecs
                if codec.mimeType in ("video/H264", "video/rtx")
            ]
        )


async def _read(track: MediaStreamTrack, watch: Watch) -> None:
    converter = VideoReformatter()
    while True:
        try:
            frame: Any = await track.recv()
        except MediaStreamError:
            return
        rgb = converter.reformat(frame, WIDTH, HEIGHT, "rgb24", threads=1)
        watch.saw(memoryview(rgb.planes[0]))


def main() -> int:
    parser = argparse.ArgumentParser(prog="_plain", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to use")
    parser.add_argument("--counting", action="store_true", help="count pictures, read no time codes")
    parser.add_argument("--label", default="plain", help="what the picture says")
    parser.add_argument(
        "--whole",
        action="store_true",
        help="offer an audio section and a data channel too: our links need it",
    )
    parser.add_argument("--film", type=Path, help="send this film (640x360) in place of the test picture")
    arguments = parser.parse_args()
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [arguments.host]
    serve(
        PlainEngine(
            whole=arguments.whole, counting=arguments.counting, label=arguments.label, film=arguments.film
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
