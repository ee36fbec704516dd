"""What leaves the encoder: constrained baseline H.264 that any receiver can begin at any keyframe."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from itertools import pairwise

import av
import pytest
from av.video.frame import PictureType
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import vp8
from appliance.core.keyframes import KeyframeMerger
from appliance.core.layers import Codec, Layer, Stream
from appliance.core.limits import CAMERA_MESSAGE_MAX_BYTES, ENCODED_FRAME_MAX_BYTES, ENCODER_VBV_SECONDS
from appliance.errors import LocalProtocolError
from appliance.media import wire
from appliance.media.encoded import EncodedFrame, rtp_timestamp
from appliance.media.encoder import RateGate, StreamEncoders
from appliance.media.encoders.software import X264Encoder
from appliance.media.scale import Scaler
from appliance.media.sources.pattern import PatternSource
from appliance.media.sources.source import CapturedFrame

STEP_NS = 1_000_000_000 // 30
L, M, H = Stream(Layer.L), Stream(Layer.M), Stream(Layer.H)
M8 = Stream(Layer.M, Codec.VP8)


def pictures(count: int, size: tuple[int, int] = (640, 360)) -> list[CapturedFrame]:
    """Test pictures of ``count`` / 30 seconds, at once."""
    source = PatternSource("Room")
    source.want_size(*size)
    source.read()
    start = time.monotonic_ns()
    times = [start + index * STEP_NS for index in range(count)]
    return [CapturedFrame(source._artwork.picture(at), at) for at in times]


def encode(encoders: StreamEncoders, captured: Iterable[CapturedFrame]) -> list[EncodedFrame]:
    return [encoded for one in captured for encoded in encoders.encode(one)]


def nal_types(data: bytes) -> list[int]:
    """The types of the NAL units of an Annex B access unit."""
    assert data.startswith(b"\0\0\0\1")
    starts = [at + 3 for at in range(len(data) - 3) if data[at : at + 3] == b"\0\0\1"]
    return [data[at] & 31 for at in starts]


def decode(frames: Iterable[EncodedFrame], codec: str = "h264") -> list[av.VideoFrame]:
    decoder = av.CodecContext.create(codec, "r")
    decoder.thread_count = 1
    decoder.flags |= av.codec.context.Flags.low_delay
    return [picture for frame in frames for picture in decoder.decode(av.Packet(frame.data))]


class TestStream:
    def test_it_is_constrained_baseline_without_b_frames(self) -> None:
        encoders = StreamEncoders()
        encoders.want({M})
        frames = encode(encoders, pictures(20))
        sps = frames[0].data.index(b"\0\0\0\1\x67") + 5
        profile, constraints = frames[0].data[sps], frames[0].data[sps + 1]
        assert profile == 66
        assert constraints & 0xC0 == 0xC0
        decoded = decode(frames)
        assert {PictureType(picture.pict_type) for picture in decoded} == {PictureType.I, PictureType.P}
        assert len(decoded) == 20
        assert (decoded[0].width, decoded[0].height) == (640, 360)

    def test_every_picture_leaves_in_the_call_it_entered_by(self) -> None:
        encoders = StreamEncoders()
        encoders.want({M})
        for captured in pictures(10):
            (frame,) = encoders.encode(captured)
            assert frame.captured_ns == captured.captured_ns
            assert frame.timestamp == rtp_timestamp(captured.captured_ns)

    def test_a_keyframe_brings_its_parameter_sets_and_comes_at_once(self) -> None:
        encoders = StreamEncoders()
        encoders.want({M})
        captured = pictures(30)
        encode(encoders, captured[:20])
        encoders.keyframe(M)
        frames = encode(encoders, captured[20:])
        assert [frame.keyframe for frame in frames] == [True] + [False] * 9
        assert [kind for kind in nal_types(frames[0].data) if kind != 6] == [7, 8, 5]
        assert nal_types(frames[1].data) == [1]
        assert len(decode(frames)) == 10

    def test_a_request_outlasts_a_picture_that_is_passed_over(self) -> None:
        encoder = X264Encoder(Layer.M)
        captured = pictures(4)
        taken = [
            encoder.encode(captured[at].frame, captured[at].captured_ns, keyframe=keyframe)
            for at, keyframe in ((0, True), (1, False), (1, True), (2, False), (3, False))
        ]
        assert [[frame.keyframe for frame in given] for given in taken] == [
            [True],
            [False],
            [],
            [True],
            [False],
        ]

    def test_without_a_request_keyframes_are_rare(self) -> None:
        encoders = StreamEncoders()
        encoders.want({L})
        frames = encode(encoders, pictures(330, (320, 180)))
        keyframes = [index for index, frame in enumerate(frames) if frame.keyframe]
        assert keyframes == [0, 150]

    @pytest.mark.parametrize("layer", [Layer.L, Layer.M, Layer.H])
    def test_the_bitrate_is_capped(self, layer: Layer) -> None:
        encoders = StreamEncoders()
        encoders.want({Stream(layer)})
        spec = layer.spec
        hard = []
        start = time.monotonic_ns()
        noise = [bytes((i * 7919 >> 3 ^ i * i >> 7) & 255 for i in range(spec.width * 3 + k)) for k in (0, 1)]
        for index in range(60):
            frame = av.VideoFrame(spec.width, spec.height, "yuv420p")
            for plane in frame.planes:
                row = noise[index & 1][index % 50 :]
                plane.update((row * (plane.buffer_size // len(row) + 1))[: plane.buffer_size])
            hard.append(CapturedFrame(frame, start + index * 1_000_000_000 // spec.fps))
        frames = encode(encoders, hard)
        seconds = 60 / spec.fps
        assert sum(len(frame.data) for frame in frames) * 8 <= spec.bitrate * (seconds + 1.0)

    def test_time_stamps_are_90_khz_and_wrap(self) -> None:
        assert rtp_timestamp(1_000_000_000) == 90_000
        assert rtp_timestamp(2**32 * 100_000 // 9 + 11_112) < 10


class TestLayers:
    def test_each_wanted_layer_is_encoded_once_at_its_rate_and_size(self) -> None:
        encoders = StreamEncoders()
        encoders.want({M, L})
        frames = encode(encoders, pictures(60))
        by_layer = {layer: [f for f in frames if f.layer is layer] for layer in Layer}
        assert {layer: len(found) for layer, found in by_layer.items()} == {
            Layer.L: 30,
            Layer.M: 60,
            Layer.H: 0,
        }
        for layer in (Layer.L, Layer.M):
            picture = decode(by_layer[layer])[-1]
            assert (picture.width, picture.height) == (layer.spec.width, layer.spec.height)
        assert {f.timestamp for f in by_layer[Layer.L]} <= {f.timestamp for f in by_layer[Layer.M]}

    def test_a_layer_that_comes_back_begins_with_a_keyframe(self) -> None:
        encoders = StreamEncoders()
        captured = pictures(12)
        encoders.want({M, L})
        encode(encoders, captured[:4])
        encoders.want({M})
        assert encoders.names == {M: "libx264"}
        assert {f.layer for f in encode(encoders, captured[4:8])} == {Layer.M}
        encoders.want({M, L})
        frames = encode(encoders, captured[8:])
        assert next(f.keyframe for f in frames if f.layer is Layer.L)
        assert not any(f.keyframe for f in frames if f.layer is Layer.M)

    @pytest.mark.parametrize("stream", [M, M8])
    def test_an_encoder_that_slept_for_an_hour_goes_on_within_its_bitrate(self, stream: Stream) -> None:
        captured = pictures(90)
        later = [
            CapturedFrame(one.frame, one.captured_ns + 3_600_000_000_000, one.pixel_aspect)
            for one in captured[45:]
        ]
        slept = StreamEncoders()
        slept.want({stream})
        encode(slept, captured[:45])
        opened = slept._work[stream.layer].streams[stream.codec].encoder
        slept.want(())
        assert encode(slept, captured[45:48]) == []
        assert slept.names == {}
        slept.want({stream})
        assert slept._work[stream.layer].streams[stream.codec].encoder is opened
        frames = encode(slept, later)
        assert [f.keyframe for f in frames] == [True] + [False] * 44
        assert len(decode(frames, {M: "h264", M8: "vp8"}[stream])) == 45
        bytes_per_s = stream.layer.spec.bitrate / 8
        assert max(len(f.data) for f in frames) < bytes_per_s * ENCODER_VBV_SECONDS
        assert sum(len(f.data) for f in frames) < bytes_per_s * (1.5 + ENCODER_VBV_SECONDS)

    def test_nothing_wanted_is_nothing_encoded(self) -> None:
        encoders = StreamEncoders()
        encoders.want({M})
        encoders.close()
        assert encode(encoders, pictures(3)) == []
        assert encoders.names == {}

    def test_a_layer_in_two_codecs_is_scaled_once(self, monkeypatch) -> None:
        scaled = []
        scale = Scaler.scale
        monkeypatch.setattr(
            Scaler, "scale", lambda self, *a: (scaled.append(self.height), scale(self, *a))[1]
        )
        encoders = StreamEncoders()
        encoders.want({M, M8, L})
        frames = encode(encoders, pictures(4))
        assert scaled.count(360) == 4
        by_stream = {stream: [f for f in frames if f.stream == stream] for stream in (M, M8, L)}
        assert [len(found) for found in by_stream.values()] == [4, 4, 2]
        assert [f.timestamp for f in by_stream[M]] == [f.timestamp for f in by_stream[M8]]
        assert encoders.names == {M: "libx264", M8: "libvpx", L: "libx264"}
        encoders.want({M8})
        assert encoders.names == {M8: "libvpx"}


class TestVp8:
    def test_every_picture_leaves_in_the_call_it_entered_by_and_decodes(self) -> None:
        encoders = StreamEncoders()
        encoders.want({M8})
        frames = []
        captured = pictures(12)
        for one in captured:
            (frame,) = encoders.encode(one)
            assert (frame.codec, frame.captured_ns) == (Codec.VP8, one.captured_ns)
            frames.append(frame)
        decoded = decode(frames, "vp8")
        assert [(p.width, p.height) for p in decoded] == [(640, 360)] * 12
        ours = captured[-1].frame.reformat(width=640, height=360).to_ndarray(format="gray").astype(int)
        assert abs(decoded[-1].to_ndarray(format="gray").astype(int) - ours).mean() < 6

    def test_a_keyframe_comes_when_asked_and_a_receiver_can_begin_there(self) -> None:
        encoders = StreamEncoders()
        encoders.want({M8})
        captured = pictures(30)
        first = encode(encoders, captured[:20])
        encoders.keyframe(M8)
        frames = encode(encoders, captured[20:])
        assert [frame.keyframe for frame in first] == [True] + [False] * 19
        assert [frame.keyframe for frame in frames] == [True] + [False] * 9
        for frame in (*first, *frames):
            assert vp8.depacketize(vp8.split(frame.data)) == (frame.data, frame.keyframe)
        assert len(decode(frames, "vp8")) == 10

    @pytest.mark.parametrize("layer", list(Layer))
    def test_the_bitrate_is_kept(self, layer: Layer) -> None:
        encoders = StreamEncoders()
        encoders.want({Stream(layer, Codec.VP8)})
        frames = encode(encoders, pictures(120, (layer.spec.width, layer.spec.height)))
        assert sum(len(frame.data) for frame in frames) * 8 <= layer.spec.bitrate * (4 + 1)


class TestRate:
    @pytest.mark.parametrize(
        ("camera", "layer", "expected"),
        [
            (30, 30, 30),
            (30, 15, 15),
            (60, 30, 30),
            (60, 15, 15),
            (25, 30, 25),
            (25, 15, 15),
            (15, 15, 15),
            (10, 15, 10),
        ],
    )
    def test_a_layer_gets_its_rate_or_the_cameras(self, camera: int, layer: int, expected: int) -> None:
        gate = RateGate(layer)
        passed = sum(gate.passes(index * 1_000_000_000 // camera) for index in range(camera * 20))
        assert passed / 20 == pytest.approx(expected, abs=0.2)

    @given(st.lists(st.integers(-9, 9), min_size=90, max_size=90))
    @settings(max_examples=50)
    def test_jitter_of_9_ms_does_not_change_it(self, jitter: list[int]) -> None:
        gate = RateGate(15)
        times = [1_000_000_000 + i * STEP_NS + j * 1_000_000 for i, j in enumerate(jitter)]
        passed = [index for index, at in enumerate(times) if gate.passes(at)]
        assert len(passed) == pytest.approx(45, abs=3)
        assert max(b - a for a, b in pairwise(passed)) <= 3

    def test_after_a_pause_it_begins_at_once_and_does_not_catch_up(self) -> None:
        gate = RateGate(15)
        for index in range(30):
            gate.passes(index * STEP_NS)
        later = 60_000_000_000
        passed = [gate.passes(later + index * STEP_NS) for index in range(8)]
        assert passed == [True, False] * 4


class TestKeyframeRequests:
    def test_the_first_is_served_at_once_and_repeats_together_after_500_ms(self) -> None:
        merger = KeyframeMerger()
        assert merger.request(M, 10.0)
        assert [merger.request(M, 10.1 + index / 100) for index in range(5)] == [False] * 5
        assert merger.due(10.4) == frozenset()
        assert merger.next_due() == pytest.approx(10.5)
        assert merger.due(10.51) == {M}
        assert merger.due(11.5) == frozenset()
        assert merger.request(M, 11.6)

    def test_a_keyframe_that_comes_anyway_answers_who_waits(self) -> None:
        merger = KeyframeMerger()
        merger.request(M, 10.0)
        merger.request(M, 10.1)
        merger.keyframe(M, 10.2)
        assert merger.next_due() is None
        assert merger.due(12.0) == frozenset()

    def test_layers_do_not_wait_for_each_other(self) -> None:
        merger = KeyframeMerger()
        assert merger.request(M, 10.0)
        assert merger.request(L, 10.1)
        merger.request(L, 10.2)
        merger.forget(L)
        assert merger.next_due() is None

    @given(st.lists(st.floats(0, 5), min_size=1, max_size=60))
    def test_no_request_waits_longer_than_500_ms_and_no_two_answers_are_closer(self, times) -> None:
        merger, answers = KeyframeMerger(), []
        asked = sorted(times)
        for tick in range(600):
            now = tick / 100
            while asked and asked[0] <= now:
                asked.pop(0)
                if merger.request(M, now):
                    answers.append(now)
            answers += [now] * len(merger.due(now))
        gaps = [b - a for a, b in pairwise(answers)]
        assert all(gap >= 0.5 - 1e-9 for gap in gaps)
        assert all(any(at - 1e-9 <= answer <= at + 0.53 for answer in answers) for at in times)


class TestWire:
    @given(
        st.sampled_from([Stream(layer, codec) for layer in Layer for codec in Codec]),
        st.booleans(),
        st.integers(0, 3 * CAMERA_MESSAGE_MAX_BYTES),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**63),
    )
    @settings(max_examples=30, deadline=None)
    def test_a_picture_of_any_size_arrives_as_it_was(
        self, stream, keyframe, size, timestamp, captured
    ) -> None:
        layer, codec = stream
        frame = EncodedFrame(layer, keyframe, bytes(size), timestamp, captured, 640, 360, codec)
        messages = list(wire.pack_frame(frame))
        assert max(map(len, messages)) <= wire.RECEIVE_BYTES
        assembler = wire.Assembler()
        told = [assembler.feed(message) for message in messages]
        assert told[:-1] == [None] * (len(messages) - 1)
        assert told[-1] == frame

    def test_a_picture_whose_end_was_dropped_is_given_up(self) -> None:
        large = EncodedFrame(Layer.M, True, bytes(150_000), 1, 2, 640, 360)
        small = EncodedFrame(Layer.M, True, b"whole", 3, 4, 640, 360)
        assembler = wire.Assembler()
        assert assembler.feed(next(wire.pack_frame(large))) is None
        (message,) = wire.pack_frame(small)
        assert assembler.feed(message) == small

    @pytest.mark.parametrize(
        "command",
        [
            wire.Want(frozenset(), None),
            wire.Want(frozenset({L, H, M8}), (401, 225)),
            wire.Want(frozenset({L}), None, 5),
            wire.Keyframe(frozenset({M})),
        ],
    )
    def test_commands_arrive_as_they_were(self, command) -> None:
        assert wire.unpack_command(wire.pack_command(command)) == command

    def test_status_and_self_view_arrive_as_they_were(self) -> None:
        status = wire.Status(
            wire.Phase.MISSING,
            "Kamera Ä",
            "device.camera.missing",
            "Plug it in.",
            ((M, "h264_v4l2m2m"), (M8, "libvpx")),
        )
        view = wire.SelfView(1, 4, 320, 180, 123456789)
        assembler = wire.Assembler()
        assert assembler.feed(wire.pack_status(status)) == status
        assert assembler.feed(wire.pack_self_view(view)) == view

    @given(st.binary(max_size=80))
    def test_nonsense_raises_nothing_but_a_refusal(self, message: bytes) -> None:
        for read in (wire.Assembler().feed, wire.unpack_command):
            with contextlib.suppress(LocalProtocolError):
                read(message)

    def test_a_picture_beyond_the_bound_is_refused(self) -> None:
        frame = EncodedFrame(Layer.H, True, bytes(ENCODED_FRAME_MAX_BYTES + 1), 0, 0, 1280, 720)
        with pytest.raises(LocalProtocolError):
            wire.Assembler().feed(next(wire.pack_frame(frame)))
