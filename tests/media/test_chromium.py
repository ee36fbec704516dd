"""A real browser as the other end: Debian's Chromium, headless, with its fake camera.

It speaks plain WebRTC through a page of a few lines; ours is the media link and a real camera process.
Everything stays on loopback.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from link_helpers import Ear, until
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from appliance.core import timecode
from appliance.core.layers import Codec, Layer, Stream
from appliance.core.picture import Picture
from appliance.media.camera_process import CameraProcess
from appliance.media.fanout import Fanout, SoundFanout
from appliance.media.link import MediaLink
from appliance.media.sources.pattern import PatternSource

PAGE = Path(__file__).with_name("chromium_page.html")
START_WITHIN = 60.0  # a browser's first start on a busy machine
WITHIN = 30.0

FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    # Nothing of its own on the network:
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Browser:
    """The page, as functions that can be awaited."""

    def __init__(self, line: ServerConnection) -> None:
        self._line = line
        self._ids = itertools.count()

    async def __call__(self, command: str, **details: object) -> Any:
        """Have the page carry out a command; only one at a time."""
        number = next(self._ids)
        await self._line.send(json.dumps({"id": number, "command": command, **details}))
        async with asyncio.timeout(WITHIN):
            answer = json.loads(await self._line.recv())
        assert answer["id"] == number
        assert "error" not in answer, answer
        return answer["result"]

    async def rgb(self) -> tuple[bytes, int, int]:
        """What the page shows of us: RGB rows, width, height."""
        shown = await self("picture")
        rgba = np.frombuffer(base64.b64decode(shown["rgba"]), np.uint8).reshape(-1, 4)
        return rgba[:, :3].tobytes(), shown["width"], shown["height"]


def launch(folder: Path, url: str) -> subprocess.Popen[bytes]:
    """Start a browser, in a process group of its own, with all that it writes in ``folder``."""
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    environment = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LD_LIBRARY_PATH")}
    homes = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR")}
    with (folder / "chromium.log").open("wb") as log:
        return subprocess.Popen(
            ["chromium", *FLAGS, *root, f"--user-data-dir={folder}", url],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment | homes,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a browser with all its processes, and wait for them."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    for how, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        if not psutil.wait_procs(family, patience)[1]:
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Browser]:
    """Start a browser with a profile of its own, and wait until its page has called."""
    called: asyncio.Future[Browser] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    def page(_: ServerConnection, request: Request) -> Response | None:
        if request.path == "/line":
            return None
        found = request.path == "/"
        body = PAGE.read_bytes() if found else b""
        headers = Headers([("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
        return Response(200 if found else 404, "OK" if found else "Not Found", headers, body)

    async def line(connection: ServerConnection) -> None:
        if not called.done():
            called.set_result(Browser(connection))
        await over.wait()

    async with serve(line, "127.0.0.1", 0, process_request=page, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        process = launch(folder, f"http://127.0.0.1:{port}/")
        try:
            yield await asyncio.wait_for(called, START_WITHIN)
        except TimeoutError:
            print((folder / "chromium.log").read_text(errors="replace")[-4000:])
            raise
        finally:
            over.set()
            await asyncio.to_thread(end, process)


class Us:
    """Our end: a camera process with the test picture, its fan-out, a link."""

    def __init__(self) -> None:
        self.frames: dict[Stream, int] = {}
        self.pictures: list[Picture] = []
        self.states: list[str] = []
        self.control: list[bytes] = []
        self.ear = Ear()
        self.camera = CameraProcess(
            "test", "Room", on_frame=self._frame, on_self_view=lambda _: None, on_state=lambda _: None
        )
        self.fanout = Fanout(on_wanted=self.camera.want, on_keyframe=self.camera.request_keyframe)
        self.link = MediaLink(
            hosts=["127.0.0.1"],
            video=self.fanout,
            audio=SoundFanout(),
            sound_in=self.ear,
            on_picture=self._picture,
            on_control=self.control.append,
            on_state=self.states.append,
            allowed=lambda address: address.is_loopback,
        )

    def _frame(self, frame: Any) -> None:
        self.frames[frame.stream] = self.frames.get(frame.stream, 0) + 1
        self.fanout.publish(frame)

    def _picture(self, picture: Picture) -> None:
        self.pictures.append(picture)
        del self.pictures[:-30]

    async def __aenter__(self) -> Us:
        await self.camera.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.close()
        await self.camera.stop()


async def eventually(condition: Callable[[], Awaitable[Any]], within: float = WITHIN) -> Any:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + within
    while not (answer := await condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)
    return answer


async def connect(us: Us, page: Browser, codec: str, who: str) -> None:
    """Exchange the descriptions; ``who`` offers."""
    if who == "browser":
        offer = await page("offer", codec=codec)
        assert "tcptype active" in offer  # what we don't use does no harm
        answer = await us.link.answer(offer)
        names = {x.split()[1] for x in answer.splitlines() if x.startswith("a=rtpmap:")}
        wanted = {f"{codec}/90000"} if codec else {"H264/90000", "VP8/90000"}
        assert names == {*wanted, "rtx/90000", "opus/48000/2"}
        await page("accept", sdp=answer)
    else:
        await us.link.accept(await page("answer", codec=codec, sdp=await us.link.offer()))
    await until(lambda: "connected" in us.states, WITHIN)
    us.link.set_layer(Layer.M)
    us.link.set_tile((640, 360))
    us.link.open_media()


async def our_picture_is_on_its_canvas(page: Browser) -> None:
    """It is the test picture, with a time code of a moment ago, in the right colours."""

    async def read() -> tuple[bytes, int, int] | None:
        shown = await page.rgb()
        return shown if timecode.read_rgb(*shown) is not None else None

    rgb, width, height = await eventually(read)
    assert (width, height) == (Layer.M.spec.width, Layer.M.spec.height)
    first = timecode.read_rgb(rgb, width, height)
    now = time.monotonic_ns() // 1_000_000
    assert 0 <= (now - first) % 2**32 < 10_000
    await eventually(lambda: moved(page, first))
    source = PatternSource("Room")
    source.want_size(width, height)
    drawn = source.read().frame.to_ndarray(format="rgb24").astype(int)
    shown = np.frombuffer(rgb, np.uint8).reshape(height, width, 3).astype(int)
    # Where nothing moves: the corners and edges of the gradient.
    for rows, columns in itertools.product(
        (slice(336, 356), slice(200, 220)), (slice(4, 40), slice(600, 636))
    ):
        ours, theirs = (image[rows, columns].reshape(-1, 3).mean(0) for image in (drawn, shown))
        assert abs(ours - theirs).max() < 12, (rows, columns, ours, theirs)


async def moved(page: Browser, before: int) -> bool:
    code = timecode.read_rgb(*await page.rgb())
    return code is not None and code != before


def is_the_fake_camera(picture: Picture) -> bool:
    """Its background is green."""
    rgb = np.frombuffer(picture.packed(), np.uint8).reshape(picture.height, picture.width, 3).astype(int)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    return float(((green > red + 30) & (green > blue + 30)).mean()) > 0.3


@pytest.mark.parametrize(
    ("codec", "who"),
    [("H264", "browser"), ("VP8", "browser"), ("", "browser"), ("H264", "box"), ("VP8", "box")],
)
def test_pictures_go_both_ways(codec: str, who: str, tmp_path: Path) -> None:
    """Without a preference of the browser's own it is H.264 both ways."""
    agreed = Codec(codec or "H264")

    async def main() -> None:
        async with Us() as us, chromium(tmp_path) as page:
            await connect(us, page, codec, who)

            async def flows() -> dict[str, Any] | None:
                stats = await page("stats")
                return stats if stats["inbound"].get("framesDecoded", 0) > 30 else None

            stats = await eventually(flows)
            inbound, outbound = stats["inbound"], stats["outbound"]
            assert [inbound["codec"], outbound["codec"]] == [f"video/{agreed.value}"] * 2
            assert (inbound["frameWidth"], inbound["frameHeight"]) == (640, 360)
            assert stats["remote"]["address"] == "127.0.0.1"
            assert us.link.stats().codec == agreed.value
            assert set(us.frames) == {Stream(Layer.M, agreed)}
            await our_picture_is_on_its_canvas(page)

            await until(lambda: len(us.pictures) >= 10, WITHIN)
            first = us.pictures[0]
            await until(lambda: us.pictures[-1].packed() != first.packed(), WITHIN)
            assert is_the_fake_camera(us.pictures[-1])
            await until(lambda: us.link.stats().height == 360, WITHIN)
            await until(lambda: us.ear.pushed, WITHIN)

            await page("say", text="from the browser")
            await until(lambda: us.control == [b"from the browser"], WITHIN)
            assert us.link.send_control(b"from the box")

            async def told() -> bool:
                return (await page("stats"))["heard"] == ["from the box"]

            await eventually(told)

            # We ask for a keyframe, and get one.
            made = outbound["keyFramesEncoded"]
            us.link.request_keyframe()

            async def answered() -> bool:
                now = (await page("stats"))["outbound"]
                return now["keyFramesEncoded"] > made and now["pliCount"] > 0

            await eventually(answered)
            await until(lambda: us.link.stats().fps_decoded > 0, WITHIN)

            # Pictures that are lost for good: it asks, and goes on at the keyframe.
            decoded = (await page("stats"))["inbound"]
            lose_some(us)

            async def recovered() -> bool:
                now = (await page("stats"))["inbound"]
                return (
                    now["keyFramesDecoded"] > decoded["keyFramesDecoded"]
                    and now["framesDecoded"] > decoded["framesDecoded"] + 30
                    and now["pliCount"] > decoded["pliCount"]
                )

            await eventually(recovered)
            assert us.link.stats().keyframe_requests > 0

            if not codec:  # both were agreed on: it may change its mind on the way
                await page("send", codec="VP8")
                await until(lambda: us.link._pictures._decoder.codec is Codec.VP8, WITHIN)
                before = us.link._pictures.decoder.pictures
                await until(lambda: us.link._pictures.decoder.pictures > before + 10, WITHIN)
                assert is_the_fake_camera(us.pictures[-1])

            # Another layer, at its keyframe.
            us.link.set_layer(Layer.L)

            async def smaller() -> bool:
                now = (await page("stats"))["inbound"]
                return (now["frameWidth"], now["frameHeight"]) == (320, 180)

            await eventually(smaller)

    asyncio.run(main())


def lose_some(us: Us) -> None:
    """Lose the next 10 packets of ours, and what would repair them."""
    sender = us.link._video_out
    send, left = sender._path.send, 10

    class Lossy:
        send_rtcp = sender._path.send_rtcp

        @staticmethod
        def send(packet: bytes) -> None:
            nonlocal left
            if left:
                left -= 1
                sender._sent.clear()
            else:
                send(packet)

        @classmethod
        def send_frame(cls, packets: list[bytes]) -> None:
            for packet in packets:
                cls.send(packet)

    sender._path = Lossy()
