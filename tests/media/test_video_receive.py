"""Decode thread: exact tile size, sleep while hidden, errors and overflow end in a keyframe request."""

from __future__ import annotations

import asyncio
import time

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from link_helpers import encoded, grey_of, number_of, planes, until
from screen_helpers import Screen, frames

from appliance.core import h264, limits
from appliance.core.assembly import AssembledFrame
from appliance.core.layers import Codec, Layer
from appliance.core.picture import Picture
from appliance.core.rtp import Packet
from appliance.media.decoder import Decoder, Fit, fit_tile
from appliance.media.encoders.software import Vp8Encoder
from appliance.media.video_receive import Rate, VideoReceive


def vp8_frames(count: int = 3) -> list[AssembledFrame]:
    encoder, made = Vp8Encoder(Layer.M), []
    for number in range(count):
        picture = av.VideoFrame.from_ndarray(planes(Layer.M, number), format="yuv420p")
        (frame,) = encoder.encode(picture, number * 33_333_333, keyframe=not number)
        made.append(AssembledFrame(frame.data, frame.timestamp, frame.keyframe, Codec.VP8))
    return made


@pytest.mark.parametrize(
    ("source", "tile", "fit"),
    [
        ((640, 360), (640, 360), Fit(640, 360, 0, 0)),
        ((640, 360), (1280, 720), Fit(1280, 720, 0, 0)),
        ((640, 360), (604, 306), Fit(544, 306, 30, 0)),  # bars left and right
        ((640, 360), (400, 400), Fit(400, 225, 0, 87)),  # bars above and below
        ((640, 360), (604, 345), Fit(613, 345, -5, 0)),  # 1.5 % off: the sides are cropped
        ((640, 360), (604, 335), Fit(604, 340, 0, -3)),  # 1.4 % off: top and bottom are cropped
        ((640, 360), (514, 290), Fit(514, 290, 0, 0)),  # 0.3 % off: stretched
        ((640, 360), (604, 337), Fit(604, 337, 0, 0)),  # 0.8 % off, the other way
        ((320, 180), (1, 1), Fit(1, 1, 0, 0)),
    ],
)
def test_fit_tile(source, tile, fit):
    assert fit_tile(source, tile) == fit


@given(*[st.integers(16, 4000) for _ in range(4)])
def test_a_picture_fills_its_tile_or_touches_two_edges_and_keeps_its_aspect_within_1_percent(sw, sh, tw, th):
    fit = fit_tile((sw, sh), (tw, th))
    covers = fit.width >= tw and fit.height >= th
    inside = fit.width <= tw and fit.height <= th
    assert covers or inside
    assert fit.width == tw or fit.height == th
    if fit == Fit(tw, th, 0, 0):
        assert abs(sw * th - tw * sh) < 0.011 * sw * th or min(tw, th) < 100
    else:
        assert abs(fit.width / fit.height - sw / sh) * min(fit.height, fit.width) <= max(sw / sh, 1) * 2


@pytest.mark.parametrize(
    "tile", [(640, 360), (604, 306), (603, 307), (604, 345), (1280, 720), (161, 90), (17, 33)]
)
def test_pictures_have_the_tiles_exact_size_and_the_right_content(tile):
    with Screen(tile) as screen:
        for number, frame in enumerate(frames()[:5]):
            picture = screen.show(frame)
            assert (picture.width, picture.height) == tile
            assert len(picture.packed()) == tile[0] * tile[1] * 3
            assert picture.serial == number + 1
            if min(tile) > 50:
                assert number_of(picture) == number


def test_bars_are_black_and_the_picture_is_between_them():
    with Screen((604, 306)) as screen:
        picture = screen.show(frames()[0])
    rgb = np.frombuffer(picture.packed(), np.uint8).reshape(306, 604, 3)
    assert rgb[:, :29].max() == 0
    assert rgb[:, -29:].max() == 0
    expected = (grey_of(0) - 16) * 255 / 219
    assert abs(float(rgb[100:200, 300:500].mean()) - expected) < 3


def test_a_change_of_layer_changes_the_picture_but_not_its_size():
    with Screen((640, 360)) as screen:
        screen.show(frames(Layer.L)[0])
        assert screen.decoder.size == (320, 180)
        picture = screen.show(frames(Layer.M)[0])
        assert screen.decoder.size == (640, 360)
        assert (picture.width, picture.height) == (640, 360)


def test_a_hidden_tile_decodes_nothing_and_wakes_with_a_keyframe():
    stream = frames(key_every=30)
    with Screen() as screen:
        screen.show(stream[0])
        screen.decoder.set_tile(None)
        for frame in stream[1:10]:
            screen.decoder.push(frame)
        time.sleep(0.05)
        assert screen.decoder.counts.decoded == 1
        screen.decoder.set_tile((320, 180))
        assert screen.asked == 1
        screen.decoder.push(stream[10])  # not decodable: its references were never decoded
        picture = screen.show(stream[30])
        assert picture.width == 320
        assert screen.decoder.counts.decoded == 2


def test_a_broken_frame_asks_for_a_keyframe_and_the_next_one_is_shown():
    stream = frames(key_every=10)
    with Screen() as screen:
        screen.show(stream[0])
        screen.decoder.push(AssembledFrame(b"\0\0\0\1\x67garbage\0\0\0\1\x65" + b"\xff" * 200, 0, True))
        screen.wait(lambda: screen.asked)
        screen.decoder.push(stream[1])
        assert number_of(screen.show(stream[10])) == 10
        assert screen.decoder.counts.errors >= 1


def test_a_full_queue_drops_to_the_next_keyframe_and_asks_for_one():
    stream = frames(key_every=40)
    with Screen() as screen:
        screen.hold.clear()
        screen.decoder.push(stream[0])
        screen.wait(lambda: screen.decoder.counts.pictures == 1)  # the thread waits in on_picture
        for frame in stream[1 : limits.DECODE_QUEUE_MAX + 5]:
            screen.decoder.push(frame)
        assert screen.asked == 1
        screen.hold.set()
        screen.wait(lambda: len(screen.pictures) == 1)
        assert number_of(screen.show(stream[40])) == 40 % 12
        assert screen.decoder.counts.dropped == limits.DECODE_QUEUE_MAX + 4


def test_behind_a_queue_only_the_latest_frame_is_converted():
    stream = frames()
    with Screen() as screen:
        screen.hold.clear()
        screen.decoder.push(stream[0])
        screen.wait(lambda: screen.decoder.counts.pictures == 1)
        for frame in stream[1:6]:
            screen.decoder.push(frame)
        screen.hold.set()
        screen.wait(lambda: screen.decoder.counts.decoded == 6)
        screen.wait(lambda: len(screen.pictures) == 2)
        assert number_of(screen.pictures[-1]) == 5


def test_vp8_is_shown_as_well():
    with Screen() as screen:
        for number, frame in enumerate(vp8_frames()):
            assert number_of(screen.show(frame)) == number


def test_a_sender_may_change_the_codec_at_a_keyframe():
    with Screen() as screen:
        for stream in (frames()[:3], vp8_frames(), frames()[:2]):
            for number, frame in enumerate(stream):
                assert number_of(screen.show(frame)) == number
        assert screen.decoder.counts.errors == 0


def test_another_codec_without_a_keyframe_asks_for_one():
    with Screen() as screen:
        screen.show(frames()[0])
        screen.decoder.push(vp8_frames()[1])
        screen.wait(lambda: screen.asked)
        assert number_of(screen.show(vp8_frames()[0])) == 0
        assert screen.decoder.counts.errors == 1


def test_a_header_that_claims_a_giant_picture_takes_no_memory():
    giant = b"\x10\x02\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(600)  # 16383 x 16383
    with Screen() as screen:
        screen.decoder.push(AssembledFrame(giant, 0, True, Codec.VP8))
        screen.wait(lambda: screen.asked)
        assert screen.decoder.counts.errors == 1
        assert screen.decoder.size == (0, 0)


def test_two_frames_that_came_together_are_both_shown_one_after_the_other():
    stream = frames()
    times = []
    with Screen() as screen:
        screen.decoder._on_picture = lambda picture: (
            times.append(time.monotonic()),
            screen._picture(picture),
        )
        for frame in stream[:4]:
            screen.show(frame)
        screen.decoder.push(stream[4])
        screen.decoder.push(stream[5])
        screen.wait(lambda: len(screen.pictures) == 6)
    assert [number_of(picture) for picture in screen.pictures] == [0, 1, 2, 3, 4, 5]
    assert times[5] - times[4] > 0.9 * limits.PICTURE_GAP_SHARE / 30


@pytest.fixture
def held(monkeypatch):
    """A screen where the second of two pictures that came together is held for half a minute."""
    monkeypatch.setattr(limits, "PICTURE_GAP_MAX", 30.0)
    monkeypatch.setattr(limits, "PICTURE_GAP_SHARE", 1000.0)
    stream = frames()
    with Screen() as screen:
        screen.show(stream[0])
        screen.decoder.push(stream[1])
        screen.decoder.push(stream[2])
        screen.wait(lambda: screen.decoder.counts.decoded == 3)
        screen.wait(lambda: len(screen.pictures) == 2)
        yield screen, stream


def test_a_picture_that_is_held_goes_out_when_more_frames_come(held):
    screen, stream = held
    screen.decoder.push(stream[3])
    screen.wait(lambda: len(screen.pictures) == 3)
    assert number_of(screen.pictures[-1]) == 2


def test_a_picture_that_is_held_goes_out_at_a_new_size_or_not_at_all(held):
    screen, stream = held
    screen.decoder.set_tile((320, 180))
    screen.wait(lambda: len(screen.pictures) == 3)
    assert (screen.pictures[-1].width, screen.pictures[-1].height) == (320, 180)
    for frame in stream[3:5]:
        screen.decoder.push(frame)
    screen.wait(lambda: screen.decoder.counts.decoded == 5)
    screen.decoder.set_tile(None)
    screen.decoder.set_tile((320, 180))
    screen.show(stream[0])  # a keyframe
    assert [number_of(picture) for picture in screen.pictures] == [0, 1, 2, 3, 0]


def test_stop_does_not_wait_for_a_picture_that_is_held(held):
    screen, _ = held
    screen.decoder.stop()
    screen.decoder.join()
    assert not screen.decoder._thread.is_alive()


def test_a_handler_that_fails_does_not_end_the_thread():
    shown = []

    def on_picture(picture: Picture) -> None:
        shown.append(picture)
        raise ZeroDivisionError

    decoder = Decoder(on_picture=on_picture, on_keyframe_needed=lambda: None)
    decoder.set_tile((64, 36))
    decoder.start()
    try:
        for number, frame in enumerate(frames()[:3]):
            decoder.push(frame)
            deadline = time.monotonic() + 5
            while len(shown) <= number and time.monotonic() < deadline:
                time.sleep(0.001)
        assert len(shown) == 3
    finally:
        decoder.stop()
        decoder.join()


def test_stop_joins_the_thread_even_before_it_was_started():
    decoder = Decoder(on_picture=lambda _: None, on_keyframe_needed=lambda: None)
    decoder.stop()
    decoder.join()


def test_a_rate_counts_the_last_second():
    rate = Rate()
    for number in range(60):
        rate.note(number / 30)
    assert rate.read(2.0) == pytest.approx(30, abs=1)
    assert rate.read(10.0) == 0


class Far:
    """The sender's side of the feedback."""

    def __init__(self) -> None:
        self.nacks: list[int] = []
        self.plis = 0

    def send_nack(self, lost) -> None:
        self.nacks += lost

    def send_pli(self) -> None:
        self.plis += 1


def test_a_lost_packet_is_asked_for_by_the_timer_alone():
    async def run():
        far, pictures = Far(), []
        receive = VideoReceive(on_picture=pictures.append)
        receive.set_tile((640, 360))
        receive.start(far)
        packets = []
        for number, (_, data) in enumerate(encoded(Layer.M)[:2]):
            payloads = h264.split(data)
            packets += [(p, number * 3000, i == len(payloads) - 1) for i, p in enumerate(payloads)]
        lost = 1
        try:
            for seq, (payload, timestamp, marker) in enumerate(packets):
                if seq != lost:
                    receive.push(Packet(96, marker, seq, timestamp, 1, payload), time.monotonic())
            receive.settle(time.monotonic())
            await until(lambda: far.nacks)
            assert set(far.nacks) == {lost}
            payload, timestamp, marker = packets[lost]
            receive.push(Packet(96, marker, lost, timestamp, 1, payload), time.monotonic())
            await until(lambda: pictures)
            assert receive.assembly.recovered == 1
        finally:
            await receive.stop()

    asyncio.run(run())


def test_a_hole_that_is_not_repaired_becomes_a_pli():
    async def run():
        far = Far()
        receive = VideoReceive(on_picture=lambda _: None)
        receive.set_tile((640, 360))
        receive.start(far)
        try:
            await until(lambda: far.plis == 1)  # at the start
            payloads = h264.split(encoded(Layer.M)[0][1])
            for seq, payload in enumerate(payloads):
                if seq != 1:
                    last = seq == len(payloads) - 1
                    receive.push(Packet(96, last, seq, 0, 1, payload), time.monotonic())
            receive.settle(time.monotonic())
            await until(lambda: far.plis == 2)
            assert 1 <= len(far.nacks) <= limits.NACK_TRIES_MAX
        finally:
            await receive.stop()

    asyncio.run(run())


def test_a_hidden_tile_sends_no_feedback():
    async def run():
        far = Far()
        receive = VideoReceive(on_picture=lambda _: None)
        receive.start(far)
        try:
            for seq in (1, 5, 9):
                receive.push(Packet(96, True, seq, 0, 1, b"\x41xx"), time.monotonic())
                receive.settle(time.monotonic())
            await asyncio.sleep(0.05)
            assert (far.nacks, far.plis) == ([], 0)
        finally:
            await receive.stop()

    asyncio.run(run())
