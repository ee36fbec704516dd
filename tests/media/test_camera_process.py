"""The camera process: real processes that are started, watched, killed and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import av
import psutil
import pytest
from test_sources import clip

from appliance.core import timecode
from appliance.core.layers import Codec, Layer, Stream
from appliance.core.picture import Picture
from appliance.core.view import DeviceView
from appliance.errors import DeviceError
from appliance.media.camera import Camera
from appliance.media.camera_link import CameraLink
from appliance.media.camera_process import CameraProcess
from appliance.media.encoded import EncodedFrame
from appliance.media.encoder import StreamEncoders
from appliance.media.selfview import SelfViewWriter, create_memory
from appliance.media.sources.source import SourceSpec, make_source
from appliance.media.wire import RECEIVE_BYTES, Assembler, Keyframe, Want, pack_command

M, L = Stream(Layer.M), Stream(Layer.L)
M8 = Stream(Layer.M, Codec.VP8)


class Watch:
    """What a camera process said, and when."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, EncodedFrame]] = []
        self.pictures: list[tuple[float, Picture]] = []
        self.states: list[DeviceView] = []
        self.camera: CameraProcess

    def of(self, stream: Stream, since: float = 0.0) -> list[EncodedFrame]:
        return [frame for at, frame in self.frames if frame.stream == stream and at >= since]


@asynccontextmanager
async def running(source: str = "test", label: str = "Room 4", encoder: str = "auto") -> AsyncIterator[Watch]:
    watch = Watch()
    watch.camera = CameraProcess(
        source,
        label,
        encoder=encoder,
        on_frame=lambda frame: watch.frames.append((time.monotonic(), frame)),
        on_self_view=lambda picture: watch.pictures.append((time.monotonic(), picture)),
        on_state=watch.states.append,
    )
    await watch.camera.start()
    try:
        yield watch
    finally:
        await watch.camera.stop()


async def until(condition: Callable[[], object], within: float = 5.0) -> float:
    """Wait until the condition holds; return how long it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < within, "it did not happen in time"
        await asyncio.sleep(0.01)
    return time.monotonic() - start


def decode(frames: list[EncodedFrame]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264" if frames[0].codec is Codec.H264 else "vp8", "r")
    decoder.thread_count = 1
    return [picture for frame in frames for picture in decoder.decode(av.Packet(frame.data))]


class TestPictures:
    def test_the_wanted_layers_flow_and_decode(self) -> None:
        async def main() -> None:
            async with running() as watch:
                watch.camera.want(frozenset({M, L}))
                await until(lambda: len(watch.of(M)) >= 40)
                medium, small = watch.of(M), watch.of(L)
                assert medium[0].keyframe
                assert small[0].keyframe
                assert len(small) == pytest.approx(len(medium) / 2, abs=2)
                for frames, layer in ((medium, Layer.M), (small, Layer.L)):
                    pictures = decode(frames)
                    assert len(pictures) >= len(frames) - 2
                    assert (pictures[-1].width, pictures[-1].height) == (layer.spec.width, layer.spec.height)
                assert len({frame.timestamp for frame in medium}) == len(medium)
                late = [at - frame.captured_ns / 1e9 for at, frame in watch.frames[10:]]
                assert 0 < sorted(late)[len(late) // 2] < 0.05

        asyncio.run(main())

    def test_one_layer_in_two_codecs(self) -> None:
        async def main() -> None:
            async with running() as watch:
                watch.camera.want(frozenset({M, M8, L}))
                await until(lambda: len(watch.of(M8)) >= 20 and len(watch.of(M)) >= 20)
                assert len(decode(watch.of(M8))) >= 19
                both = {f.timestamp for f in watch.of(M)} & {f.timestamp for f in watch.of(M8)}
                assert len(both) >= 19
                since = time.monotonic()
                watch.camera.request_keyframe(M8)
                await until(lambda: any(f.keyframe for f in watch.of(M8, since)))
                assert not any(f.keyframe for f in watch.of(M, since))
                streams = watch.camera.stats()["streams"]
                assert [(s["layer"], s["codec"], s["encoder"]) for s in streams] == [
                    ("L", "H264", "libx264"),
                    ("M", "H264", "libx264"),
                    ("M", "VP8", "libvpx"),
                ]
                assert all(s["fps"] > 0 and s["bitrate"] > 0 for s in streams)
                watch.camera.want(frozenset({M8}))
                await until(lambda: watch.camera.stats()["encoders_open"] == 1)
                assert list(watch.camera.stats()["layers"]) == ["M"]

        asyncio.run(main())

    def test_hardware_that_is_not_there_is_replaced_and_the_pictures_flow(self, capfd) -> None:
        async def main() -> None:
            async with running(encoder="h264_v4l2m2m") as watch:
                watch.camera.want(frozenset({M}))
                await until(lambda: len(watch.of(M)) >= 5)
                watch.camera.want(frozenset())
                await until(lambda: watch.camera.stats()["encoders_open"] == 0)
                watch.camera.want(frozenset({M}))
                await until(lambda: watch.camera.stats()["encoders_open"] == 1)
                assert watch.camera.stats()["streams"][0]["encoder"] == "libx264"
                assert watch.camera.stats()["encoder"] == "libx264"
                assert watch.camera.stats()["restarts"] == 0

        asyncio.run(main())
        assert capfd.readouterr().err.count("h264_v4l2m2m fails at layer M, which gets libx264") == 1

    def test_a_requested_keyframe_comes_at_once_and_repeats_are_merged(self) -> None:
        async def main() -> None:
            async with running() as watch:
                watch.camera.want(frozenset({M}))
                await until(lambda: len(watch.of(M)) >= 20)
                asked = time.monotonic()

                def keyframes() -> list[float]:
                    return [at - asked for at, f in watch.frames if f.keyframe and at > asked]

                for _ in range(20):
                    watch.camera.request_keyframe(M)
                await until(keyframes, within=0.3)
                for _ in range(20):
                    watch.camera.request_keyframe(M)
                    await asyncio.sleep(0.01)
                watch.camera.request_keyframe(L)  # nobody encodes it
                await asyncio.sleep(1.0)
                first, second = keyframes()
                assert first < 0.15
                assert 0.45 < second - first < 0.75

        asyncio.run(main())

    def test_self_view_pictures_have_the_exact_size_and_the_newest_content(self) -> None:
        async def main() -> None:
            async with running() as watch:
                watch.camera.set_self_view((401, 225))
                await until(lambda: len(watch.pictures) >= 10)
                watch.camera.set_self_view((640, 360))
                await until(lambda: watch.pictures[-1][1].width == 640)
                start = len(watch.pictures)
                await until(lambda: len(watch.pictures) >= start + 5)
                serials = [picture.serial for _, picture in watch.pictures]
                assert serials == sorted(set(serials))
                assert {(p.width, p.height) for _, p in watch.pictures} == {(401, 225), (640, 360)}
                for _, picture in watch.pictures:
                    assert len(picture.packed()) == picture.width * picture.height * 3
                    ms = timecode.read_rgb(picture.packed(), picture.width, picture.height)
                    assert ms == int(picture.captured_at * 1000) % 2**32
                assert watch.frames == []
                watch.camera.set_self_view(None)
                await asyncio.sleep(0.15)
                count = len(watch.pictures)
                await asyncio.sleep(0.2)
                assert len(watch.pictures) == count

        asyncio.run(main())

    def test_where_all_is_small_the_self_view_has_the_small_layers_rate(self) -> None:
        async def main() -> None:
            async with running() as watch:
                watch.camera.want(frozenset({L}))
                watch.camera.set_self_view((320, 180))
                await until(lambda: len(watch.pictures) >= 12 and len(watch.of(L)) >= 12)
                taken = [picture.captured_at for _, picture in watch.pictures]
                assert min(later - at for at, later in pairwise(taken)) > 0.045
                # The same pictures, not the ones between: half of them are captured for nobody.
                encoded = {frame.captured_ns // 1_000_000 for frame in watch.of(L)}
                assert len(encoded & {int(at * 1000) for at in taken}) >= 9
                watch.camera.set_self_view((640, 360))
                since = len(watch.pictures)
                await until(lambda: len(watch.pictures) >= since + 20)
                taken = [picture.captured_at for _, picture in watch.pictures[since + 2 :]]
                assert statistics.median(later - at for at, later in pairwise(taken)) < 0.045

        asyncio.run(main())

    def test_fewer_pictures_on_request_and_all_of_them_again(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def pictures(want: Want) -> int:
            ours.send(pack_command(want))
            camera._step()
            list(received(ours))
            for _ in range(30):
                camera._step()
            return len(list(received(ours)))

        with ours:
            ours.setblocking(False)
            camera = Camera(theirs, SelfViewWriter(create_memory()), make_source(SourceSpec("test"), ""))
            few = pictures(Want(frozenset({L}), None, 5))
            many = pictures(Want(frozenset({L}), None))
            ours.close()
            camera.run()
        assert 4 <= few <= 6  # of 30 that were captured
        assert 14 <= many <= 16

    def test_nothing_wanted_costs_nothing(self) -> None:
        async def main() -> None:
            async with running() as watch:
                watch.camera.want(frozenset({M, L}))
                await until(lambda: watch.of(L))
                watch.camera.want(frozenset())
                await until(lambda: watch.camera.stats()["encoders_open"] == 0, within=1.0)
                process = psutil.Process(watch.camera.stats()["pid"])
                before, count = sum(process.cpu_times()[:2]), len(watch.frames)
                await asyncio.sleep(1.0)
                assert sum(process.cpu_times()[:2]) - before <= 0.02
                assert len(watch.frames) == count
                watch.camera.want(frozenset({L}))
                since = time.monotonic()
                await until(lambda: watch.of(L, since), within=1.0)
                assert watch.of(L, since)[0].keyframe

        asyncio.run(main())

    def test_stats_tell_encoder_rates_and_process(self) -> None:
        async def main() -> None:
            async with running() as watch:
                watch.camera.want(frozenset({M, L}))
                await asyncio.sleep(2.5)
                stats = watch.camera.stats()
                assert stats["encoder"] == "libx264"
                assert stats["encoders_open"] == 2
                assert stats["restarts"] == 0
                assert stats["layers"]["M"]["fps"] == pytest.approx(30, abs=2)
                assert stats["layers"]["L"]["fps"] == pytest.approx(15, abs=1.5)
                assert 50_000 < stats["layers"]["L"]["bitrate"] < 250_000
                process = psutil.Process(stats["pid"])
                assert process.nice() == 5
                assert process.num_threads() == 2

        asyncio.run(main())

    def test_a_video_file_is_shown(self, tmp_path: Path) -> None:
        async def main() -> None:
            async with running(f"file:{clip(tmp_path / 'people.mp4')}") as watch:
                watch.camera.want(frozenset({M}))
                await until(lambda: len(watch.of(M)) >= 30)
                assert watch.states[-1] == DeviceView("camera", "people.mp4")
                picture = decode(watch.of(M))[-1]
                luma, stride = memoryview(picture.planes[0]), picture.planes[0].line_size
                assert luma[180 * stride + 20] < 25  # 4:3 in 16:9: black at the side
                assert luma[180 * stride + 320] > 35

        asyncio.run(main())


class TestFaults:
    def test_after_two_failures_in_a_row_the_hardware_is_no_longer_asked(self) -> None:
        async def main() -> None:
            async with running(encoder="h264_v4l2m2m") as watch:
                watch.camera.want(frozenset({M}))
                asked = []
                for _ in range(3):
                    since = time.monotonic()
                    await until(lambda since=since: watch.of(M, since))
                    pid = watch.camera.stats()["pid"]
                    asked.append(psutil.Process(pid).cmdline()[-1])
                    os.kill(pid, signal.SIGKILL)
                    await until(lambda pid=pid: watch.camera.stats()["pid"] not in (pid, None))
                assert asked == ["h264_v4l2m2m", "h264_v4l2m2m", "libx264"]

        asyncio.run(main())

    def test_hardware_that_fails_after_steady_times_is_replaced_until_the_box_restarts(
        self, monkeypatch
    ) -> None:
        monkeypatch.setattr("appliance.media.camera_link.MODULE", "hardware_camera")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (Path(__file__).parent, Path.cwd()))))
        monkeypatch.setattr("appliance.media.camera_process.CAMERA_STEADY_AFTER", 0.1)

        async def main() -> None:
            async with running() as watch:
                watch.camera.want(frozenset({M}))
                encoders = []
                for _ in range(4):
                    since = time.monotonic()
                    await until(lambda since=since: len(watch.of(M, since)) >= 15)
                    assert watch.camera._failures == 0  # it was steady
                    encoders.append(watch.camera.stats()["encoder"])
                    pid = watch.camera.stats()["pid"]
                    os.kill(pid, signal.SIGKILL)
                    await until(lambda pid=pid: watch.camera.stats()["pid"] not in (pid, None))
                assert encoders == ["h264_v4l2m2m", "h264_v4l2m2m", "libx264", "libx264"]

        asyncio.run(main())

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV])
    def test_a_process_that_dies_or_hangs_is_replaced_within_4_s(self, how: signal.Signals) -> None:
        async def main() -> None:
            async with running() as watch:
                watch.camera.want(frozenset({M, L}))
                watch.camera.set_self_view((320, 180))
                await until(lambda: len(watch.of(M)) >= 10 and watch.pictures)
                victim = watch.camera.stats()["pid"]
                os.kill(victim, how)
                # It may take a picture yet while the signal comes; the next process takes longer to start.
                since = time.monotonic() + 0.005

                def taken(stream: Stream) -> list[EncodedFrame]:
                    return [frame for frame in watch.of(stream) if frame.captured_ns > since * 1e9]

                await until(lambda: taken(M) and taken(L), within=4.0)
                assert taken(M)[0].keyframe
                assert taken(L)[0].keyframe
                await until(lambda: watch.pictures[-1][0] > since + 0.1, within=1.0)
                stats = watch.camera.stats()
                assert stats["restarts"] == 1
                assert stats["pid"] != victim
                assert not psutil.pid_exists(victim)
                problems = [str(state.problem) for state in watch.states]
                assert problems == ["", "The camera does not answer. It is being restarted.", ""]
                stamps = [frame.captured_ns for frame in (f for _, f in watch.frames) if frame.stream == M]
                assert stamps == sorted(stamps)

        asyncio.run(main())

    def test_a_process_that_hangs_while_idle_is_found_when_it_is_wanted(self) -> None:
        async def main() -> None:
            async with running() as watch:
                await until(lambda: watch.states)
                os.kill(watch.camera.stats()["pid"], signal.SIGSTOP)
                watch.camera.want(frozenset({L}))
                await until(lambda: watch.of(L), within=4.0)

        asyncio.run(main())

    def test_a_missing_file_is_a_sentence_and_is_picked_up_when_it_appears(self, tmp_path: Path) -> None:
        async def main() -> None:
            path = tmp_path / "later.mp4"
            async with running(f"file:{path}") as watch:
                watch.camera.want(frozenset({L}))
                await until(lambda: watch.states)
                assert "is not there" in str(watch.camera.state.problem)
                clip(tmp_path / "made.mp4").rename(path)
                await until(lambda: watch.of(L), within=4.0)
                assert watch.camera.state == DeviceView("camera", "later.mp4")
                assert watch.camera.stats()["restarts"] == 0

        asyncio.run(main())

    def test_without_a_camera_the_box_runs_and_says_so(self, tmp_path: Path) -> None:
        async def main() -> None:
            async with running(f"v4l2:{tmp_path}/video0") as watch:
                watch.camera.want(frozenset({M}))
                await until(lambda: watch.states)
                await asyncio.sleep(2.5)
                assert "Plug it in" in str(watch.camera.state.problem)
                assert len(watch.states) == 1
                assert watch.camera.stats()["restarts"] == 0

        asyncio.run(main())

    def test_a_process_that_can_not_start_is_tried_again_ever_more_slowly(self, monkeypatch) -> None:
        async def main() -> None:
            monkeypatch.setattr("appliance.media.camera_link.MODULE", "appliance.media.no_such_module")
            async with running() as watch:
                await until(lambda: watch.camera.stats()["restarts"] >= 3, within=6.0)
                assert "Unplug it" in str(watch.camera.state.problem)
                monkeypatch.undo()
                watch.camera.want(frozenset({L}))
                await until(lambda: watch.of(L), within=5.0)
                assert watch.camera.state.problem == ""

        asyncio.run(main())


class TestLife:
    def test_it_ends_quickly_and_can_start_again(self) -> None:
        async def main() -> None:
            async with running() as watch:
                watch.camera.want(frozenset({M}))
                for _ in range(3):
                    await until(lambda: watch.camera.stats()["pid"])
                    count = len(watch.frames)
                    await until(lambda count=count: len(watch.frames) > count)
                    pid = watch.camera.stats()["pid"]
                    before = time.monotonic()
                    await watch.camera.stop()
                    assert time.monotonic() - before < 1.0
                    assert not psutil.pid_exists(pid)
                    assert watch.camera.stats()["pid"] is None
                    await watch.camera.start()

        asyncio.run(main())

    def test_a_stopped_process_does_not_hold_up_the_end(self) -> None:
        async def main() -> None:
            async with running() as watch:
                watch.camera.want(frozenset({M}))
                await until(lambda: watch.frames)
                pid = watch.camera.stats()["pid"]
                os.kill(pid, signal.SIGSTOP)
                before = time.monotonic()
                await watch.camera.stop()
                assert time.monotonic() - before < 2.5
                assert not psutil.pid_exists(pid)

        asyncio.run(main())

    def test_it_ends_by_itself_when_its_box_is_killed(self) -> None:
        code = (
            "import asyncio\n"
            "from appliance.core.layers import Layer, Stream\n"
            "from appliance.media.camera_process import CameraProcess\n"
            "async def main():\n"
            "    told = []\n"
            "    camera = CameraProcess('test', '', on_frame=told.append,\n"
            "                           on_self_view=told.append, on_state=told.append)\n"
            "    camera.want(frozenset({Stream(Layer.M)}))\n"
            "    await camera.start()\n"
            "    while len(told) < 5: await asyncio.sleep(0.01)\n"
            "    print(camera.stats()['pid'], flush=True)\n"
            "    await asyncio.sleep(60)\n"
            "asyncio.run(main())\n"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as box:
            camera = psutil.Process(int(box.stdout.readline()))
            box.kill()
        deadline = time.monotonic() + 2.0
        while camera.is_running() and camera.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "the camera process outlived its box"
            time.sleep(0.02)

    def test_none_starts_no_process(self) -> None:
        async def main() -> None:
            async with running("none") as watch:
                watch.camera.want(frozenset({M}))
                assert watch.states == [DeviceView("camera", "None")]
                assert watch.camera.stats()["pid"] is None

        asyncio.run(main())

    def test_a_source_that_makes_no_sense_is_refused_before_anything_starts(self) -> None:
        with pytest.raises(DeviceError, match="Use auto, test"):
            CameraProcess("webcam", "", on_frame=print, on_self_view=print, on_state=print)

    def test_of_commands_that_came_together_only_the_last_want_is_carried_out(self, monkeypatch) -> None:
        carried_out = []
        want = StreamEncoders.want
        monkeypatch.setattr(
            StreamEncoders,
            "want",
            lambda self, streams: (carried_out.append(set(streams)), want(self, streams)),
        )
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            ours.setblocking(False)
            memory = create_memory()
            camera = Camera(theirs, SelfViewWriter(memory), make_source(SourceSpec("test"), ""))
            ours.send(pack_command(Want(frozenset({M}), None)))
            for _ in range(5):
                camera._step()
            assert [frame.keyframe for frame in received(ours)][:2] == [True, False]
            for _ in range(20):
                ours.send(pack_command(Want(frozenset({L}), None)))
                ours.send(pack_command(Want(frozenset({M}), None)))
            camera._step()
            assert carried_out == [{M}]
            assert [frame.keyframe for frame in received(ours)] == [True]  # M was given up in between
            for streams in ({L}, {M}, {L, M}):
                ours.send(pack_command(Want(frozenset(streams), None)))
            camera._step()
            assert carried_out == [{M}, {L, M}]
            ours.close()
            camera.run()

    def test_where_pictures_had_to_be_dropped_a_keyframe_comes_next(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
            ours.setblocking(False)
            memory = create_memory()
            camera = Camera(theirs, SelfViewWriter(memory), make_source(SourceSpec("test"), ""))
            ours.send(pack_command(Want(frozenset({M}), None)))
            for _ in range(30):  # nobody reads: there is room for a few
                camera._step()
            kept = list(received(ours))
            for _ in range(3):
                camera._step()
            after = list(received(ours))
            ours.close()
            camera.run()  # sees the end, and closes what it owns
        assert 1 <= len(kept) < 28
        assert len(after) == 3
        assert [frame.keyframe for frame in after] == [True, False, False]
        assert len(decode(kept[:-1] + after)) >= len(kept) + 1


class TestLink:
    def test_a_full_socket_ends_nobody_and_the_newest_wish_is_heard_when_there_is_room(self) -> None:
        async def main() -> None:
            async with linked() as (link, frames):
                link.send(Want(frozenset({L}), None))
                await until(lambda: frames)
                os.kill(link.pid, signal.SIGSTOP)
                flood(link)
                assert not link.over
                for _ in range(500):
                    link.send(Want(frozenset({M}), None))
                    link.send(Want(frozenset({L}), None))
                    link.send(Want(frozenset({L, M}), None))
                    link.send(Keyframe(frozenset({L})))
                assert link._late_keyframes == {L, M}
                frames.clear()
                os.kill(link.pid, signal.SIGCONT)
                await until(lambda: {frame.stream for frame in frames} == {L, M})
                assert next(frame for frame in frames if frame.stream == M).keyframe
                assert not link.over
                assert link._late_timer is None
                link.send(Want(frozenset({M}), None))
                await until(lambda: {frame.stream for frame in frames[-8:]} == {M})

        asyncio.run(main())

    def test_a_process_that_reads_none_of_its_commands_is_given_up_after_a_while(self, monkeypatch) -> None:
        monkeypatch.setattr("appliance.media.camera_link.CAMERA_OPENING_MAX", 0.3)

        async def main() -> None:
            async with linked() as (link, frames):
                link.send(Want(frozenset({L}), None))
                await until(lambda: frames)
                os.kill(link.pid, signal.SIGSTOP)
                flood(link)
                assert not link.over
                await until(lambda: link.over, within=2.0)
                link.send(Want(frozenset({M}), None))
                assert link._late_timer is None

        asyncio.run(main())

    def test_it_ends_while_a_command_waits_for_room(self) -> None:
        async def main() -> None:
            async with linked() as (link, frames):
                link.send(Want(frozenset({L}), None))
                await until(lambda: frames)
                os.kill(link.pid, signal.SIGSTOP)
                flood(link)
            assert link._late_timer is None

        asyncio.run(main())


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[CameraLink, list[EncodedFrame]]]:
    frames: list[EncodedFrame] = []
    link = CameraLink(
        "test",
        "",
        "auto",
        on_frame=frames.append,
        on_self_view=lambda view, rgb: None,
        on_status=lambda status: None,
        on_over=lambda: None,
    )
    try:
        yield link, frames
    finally:
        await link.end(kill=True)


def flood(link: CameraLink) -> None:
    """Send commands until one has to wait for room."""
    for _ in range(10_000):
        if link._late_timer is not None:
            return
        link.send(Keyframe(frozenset({L})))
    raise AssertionError("the socket takes everything")


def received(sock: socket.socket) -> Iterator[EncodedFrame]:
    """The encoded pictures that wait in a socket."""
    assembler = Assembler()
    with contextlib.suppress(BlockingIOError):
        while message := sock.recv(RECEIVE_BYTES):
            told = assembler.feed(message)
            if isinstance(told, EncodedFrame):
                yield told


class TestAnotherCamera:
    def test_it_is_used_at_once_and_what_is_wanted_flows_on(self, tmp_path: Path) -> None:
        path = clip(tmp_path / "clip.mp4")

        async def life() -> None:
            async with running() as watch:
                watch.camera.want(frozenset((L,)))
                await until(lambda: watch.of(L))
                first = watch.camera.stats()["pid"]
                await watch.camera.use(f"file:{path}", "Room 4")
                changed = time.monotonic()
                assert watch.camera.stats()["pid"] != first
                await until(lambda: watch.of(L, changed))
                assert watch.of(L, changed)[0].keyframe
                assert watch.camera.stats()["restarts"] == 0  # it is no failure
                assert watch.states[-1].label == path.name
                await watch.camera.use("none", "Room 4")
                assert watch.states[-1] == DeviceView("camera", "None")
                assert watch.camera.stats()["pid"] is None
                await watch.camera.use("test", "Room 4")
                changed = time.monotonic()
                await until(lambda: watch.of(L, changed))

        asyncio.run(life())

    def test_the_same_one_again_changes_nothing_and_nonsense_is_refused(self) -> None:
        async def life() -> None:
            async with running() as watch:
                await until(lambda: watch.states)
                first = watch.camera.stats()["pid"]
                await watch.camera.use("test", "Room 4")
                with pytest.raises(DeviceError):
                    await watch.camera.use("webcam", "Room 4")
                assert watch.camera.stats()["pid"] == first

        asyncio.run(life())
