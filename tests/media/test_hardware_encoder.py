"""The hardware encoder as far as it can be tested without one.

x264 stands in for it where its habits matter: parameter sets once, pictures that come out calls later.
"""

from __future__ import annotations

import logging
import time

import av
import pytest
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from test_encoder import decode, encode, nal_types, pictures

from appliance.core import limits
from appliance.core.layers import Codec, Layer, LayerSpec, Stream
from appliance.media.encoder import StreamEncoders
from appliance.media.encoders import hardware
from appliance.media.encoders.choice import EncoderChoice, SafeEncoder
from appliance.media.encoders.hardware import HardwareEncoder, encodes_h264, is_there, model_has_encoder
from appliance.media.encoders.software import Vp8Encoder, X264Encoder

M, L = Stream(Layer.M), Stream(Layer.L)


class Like(HardwareEncoder):
    """x264 with the habits of the hardware."""

    name = "libx264"
    lookahead = 3

    def _set_up(self, context: VideoCodecContext, spec: LayerSpec) -> None:
        super()._set_up(context, spec)
        context.flags |= Flags.global_header
        context.options = {
            "preset": "ultrafast",
            "forced-idr": "1",
            "x264-params": f"rc-lookahead={self.lookahead}:sync-lookahead={self.lookahead}:mbtree=1",
            "bf": "0",
        }


class Fails(Like):
    """Gives out four pictures and then an error."""

    calls = 0

    def encode(self, frame, captured_ns, *, keyframe):
        self.calls += 1
        if self.calls > 4:
            raise av.error.ExternalError(-1, "the device is gone")
        return super().encode(frame, captured_ns, keyframe=keyframe)


class Silent(Like):
    lookahead = 60


def choice(kind: type[HardwareEncoder]) -> EncoderChoice:
    made = EncoderChoice("h264_v4l2m2m")
    made.__dict__["hardware"] = kind
    return made


@pytest.mark.parametrize(
    ("model", "has"),
    [
        ("Raspberry Pi Model B Rev 2", True),
        ("Raspberry Pi Model A Plus Rev 1.1", True),
        ("Raspberry Pi Zero W Rev 1.1", True),
        ("Raspberry Pi Zero 2 W Rev 1.0", True),
        ("Raspberry Pi 2 Model B Rev 1.1", True),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", True),
        ("Raspberry Pi 4 Model B Rev 1.4", True),
        ("Raspberry Pi 400 Rev 1.0", True),
        ("Raspberry Pi Compute Module Rev 1.0", True),
        ("Raspberry Pi Compute Module 3 Plus Rev 1.0", True),
        ("Raspberry Pi Compute Module 4 Rev 1.1", True),
        ("Raspberry Pi Compute Module 4S Rev 1.0", True),
        ("Raspberry Pi 5 Model B Rev 1.0", False),
        ("Raspberry Pi 500 Rev 1.0", False),
        ("Raspberry Pi Compute Module 5 Rev 1.0", False),
        ("Raspberry Pi Compute Module 5 Lite Rev 1.0", False),
        ("Radxa ROCK 4C+", False),
        ("", False),
    ],
)
def test_which_boards_have_it(model, has) -> None:
    assert model_has_encoder(model) is has


def test_it_is_chosen_only_where_board_and_device_are_there(tmp_path) -> None:
    (tmp_path / "model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    assert not is_there(str(tmp_path / "model"), str(tmp_path))
    (tmp_path / "video11").symlink_to("/dev/null")  # a device that is no encoder
    (tmp_path / "video12").write_bytes(b"")
    assert not is_there(str(tmp_path / "model"), str(tmp_path))
    assert not is_there(str(tmp_path / "missing"), str(tmp_path))
    assert not any(encodes_h264(tmp_path / name) for name in ("video11", "video12", "video13"))


def test_auto_is_x264_where_there_is_no_hardware(monkeypatch) -> None:
    assert EncoderChoice("libx264").hardware is None
    assert EncoderChoice("h264_v4l2m2m").hardware is HardwareEncoder
    monkeypatch.setattr("appliance.media.encoders.choice.is_there", lambda: False)
    assert EncoderChoice().hardware is None
    monkeypatch.setattr("appliance.media.encoders.choice.is_there", lambda: True)
    assert EncoderChoice().hardware is HardwareEncoder


def test_vp8_is_never_given_to_the_hardware() -> None:
    encoder = choice(Like).open(Stream(Layer.L, Codec.VP8))
    assert isinstance(encoder, Vp8Encoder)


def test_pictures_that_come_out_later_keep_their_times_and_every_keyframe_its_sets() -> None:
    encoder = Like(Layer.M)
    captured = pictures(24)
    frames = []
    delays = []
    for index, one in enumerate(captured):
        given = encoder.encode(one.frame, one.captured_ns, keyframe=index in (0, 10))
        delays += [one.captured_ns - frame.captured_ns for frame in given]
        frames += given
    assert min(delays) > 0  # it does hold pictures back
    assert [f.captured_ns for f in frames] == [one.captured_ns for one in captured[: len(frames)]]
    assert [index for index, frame in enumerate(frames) if frame.keyframe] == [0, 10]
    for frame in (frames[0], frames[10]):
        kinds = nal_types(frame.data)
        assert kinds[:2] == [7, 8]
        assert kinds.count(7) == 1
    assert len(decode(frames[10:])) == len(frames) - 10


def test_requests_until_the_keyframe_comes_out_are_answered_by_it() -> None:
    encoder = Like(Layer.M)
    frames = []
    requested = come = False
    for index, one in enumerate(pictures(30)):
        requested = requested or index == 10
        given = encoder.encode(one.frame, one.captured_ns, keyframe=not index or (requested and not come))
        come = come or (requested and any(frame.keyframe for frame in given))
        frames += given
    assert come
    assert [index for index, frame in enumerate(frames) if frame.keyframe] == [0, 10]


class LeavesOut(Like):
    """The picture that is to be the keyframe never comes out."""

    out = 0

    def _access_unit(self, packet):
        unit = super()._access_unit(packet)
        self.out += 1
        return None if self.out == 11 else unit


def test_where_hardware_leaves_the_keyframe_out_exactly_one_other_comes() -> None:
    encoder = LeavesOut(Layer.M)
    captured = pictures(40)
    frames = []
    for index, one in enumerate(captured):
        frames += encoder.encode(one.frame, one.captured_ns, keyframe=index in (0, 10))
    times = [one.captured_ns for one in captured]
    keyframes = [times.index(frame.captured_ns) for frame in frames if frame.keyframe]
    assert keyframes[0] == 0
    assert len(keyframes) == 2
    assert 11 < keyframes[1] < 20


class Early(Like):
    """Gives the wish to a picture that it took before."""

    def encode(self, frame, captured_ns, *, keyframe):
        self.early = keyframe or getattr(self, "early", False)
        return super().encode(frame, captured_ns, keyframe=keyframe)

    def _access_unit(self, packet):
        unit = super()._access_unit(packet)
        if unit is None or not self.early:
            return unit[0], False
        self.early = False
        return unit[0], True


def test_a_keyframe_that_comes_earlier_than_asked_answers_too() -> None:
    encoder = Early(Layer.M)
    frames = []
    for index, one in enumerate(pictures(30)):
        frames += encoder.encode(one.frame, one.captured_ns, keyframe=index in (0, 10))
    keyframes = [index for index, frame in enumerate(frames) if frame.keyframe]
    assert keyframes[0] == 0
    assert len(keyframes) == 2
    assert keyframes[1] < 10


def test_without_hardware_it_can_t_be_opened() -> None:
    with pytest.raises(av.FFmpegError):
        HardwareEncoder(Layer.M)


def test_hardware_that_can_t_be_opened_gives_way_for_that_layer_with_one_line(caplog) -> None:
    made = EncoderChoice("h264_v4l2m2m")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            encoder = made.open(M)
            assert isinstance(encoder, X264Encoder)
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "h264_v4l2m2m fails at layer M, which gets libx264"
    ]
    assert made.failures == 1


@pytest.mark.parametrize("kind", [Fails, Silent])
def test_hardware_that_fails_on_its_way_is_replaced_and_the_stream_goes_on(kind, caplog) -> None:
    made = choice(kind)
    encoder = SafeEncoder(M, made)
    with caplog.at_level(logging.WARNING):
        given = [
            encoder.encode(one.frame, one.captured_ns, keyframe=not n) for n, one in enumerate(pictures(40))
        ]
    assert encoder.name == "libx264"
    assert isinstance(encoder._encoder, X264Encoder)
    replaced = 4 if kind is Fails else limits.ENCODER_SILENT_PICTURES
    after = [frame for frames in given[replaced:] for frame in frames]
    assert [frame.keyframe for frame in after] == [True] + [False] * (39 - replaced)
    assert len(decode(after)) == len(after)
    assert len(caplog.records) == 1
    assert isinstance(made.open(L), kind)  # another layer may still work
    assert isinstance(made.open(M), X264Encoder)


def test_two_layers_open_two_encoders() -> None:
    encoders = StreamEncoders(choice(Like))
    encoders.want({M, L})
    frames = [frame for one in pictures(30) for frame in encoders.encode(one)]
    assert {frame.layer for frame in frames} == {Layer.M, Layer.L}
    assert encoders.failures == 0


@pytest.mark.parametrize("layer", list(Layer))
def test_our_layers_have_the_lines_that_the_hardware_reads(layer) -> None:
    encoder = Like(layer)
    frame = av.VideoFrame(layer.spec.width, layer.spec.height, "yuv420p")
    assert encoder._fitting(frame) is frame


def test_a_picture_with_longer_lines_is_copied() -> None:
    encoders = StreamEncoders()
    encoders.want({L})
    decoded = decode(encode(encoders, pictures(3)))[-1]  # a decoder pads its lines
    assert not hardware.has_its_lines(decoded)
    copy = Like(Layer.L)._fitting(decoded)
    assert hardware.has_its_lines(copy)
    assert copy.to_ndarray().tobytes() == decoded.to_ndarray().tobytes()


def test_a_picture_of_a_size_that_it_can_t_read_is_refused() -> None:
    with pytest.raises(av.FFmpegError):
        Like(Layer.M)._fitting(av.VideoFrame(650, 360, "yuv420p"))


def test_a_picture_that_is_no_younger_is_passed_over() -> None:
    encoder = Like(Layer.L)
    frame, now = av.VideoFrame(320, 180, "yuv420p"), time.monotonic_ns()
    encoder.encode(frame, now, keyframe=True)
    assert encoder.encode(frame, now, keyframe=False) == []


def test_hardware_that_nobody_needs_is_given_back():
    encoders = StreamEncoders(choice(Like))
    encoders.want({M})
    encode(encoders, pictures(4))
    hardware_encoder = encoders._work[Layer.M].streams[Codec.H264].encoder._encoder
    encoders.want(())
    assert hardware_encoder._context is None
    assert not encoders._work[Layer.M].streams
    encoders.want({M})
    assert encode(encoders, pictures(8))[0].keyframe
    encoders.close()
