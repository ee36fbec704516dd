"""The VP8 payload format, against aiortc's packetizer and descriptor, and against garbage."""

from __future__ import annotations

import random

import pytest
from aiortc.codecs.vpx import Vp8Encoder, VpxPayloadDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import limits, vp8

KEYFRAME = b"\x10\x02\x00\x9d\x01\x2a\x80\x02\x68\x01"  # 640x360
INTER = b"\x11\x02\x00"

descriptors = st.builds(
    VpxPayloadDescriptor,
    partition_start=st.just(1),
    partition_id=st.just(0),
    picture_id=st.none() | st.integers(0, 0x7FFF),
    tl0picidx=st.none() | st.integers(0, 255),
    tid=st.none() | st.tuples(st.integers(0, 3), st.integers(0, 1)),
    keyidx=st.none() | st.integers(0, 31),
)


class TestDescriptor:
    @given(descriptors, st.binary(min_size=1, max_size=20))
    def test_its_size_is_what_aiortc_makes(self, descriptor, data) -> None:
        payload = bytes(descriptor) + data
        assert payload[vp8.descriptor_size(payload) :] == data

    @given(st.binary(max_size=12))
    @settings(max_examples=500)
    def test_it_is_refused_where_aiortc_refuses_it_or_finds_no_data(self, payload) -> None:
        try:
            _, data = VpxPayloadDescriptor.parse(payload)
        except ValueError:
            data = b""
        if data:
            assert payload[vp8.descriptor_size(payload) :] == data
        else:
            with pytest.raises(ValueError, match="without data"):
                vp8.descriptor_size(payload)

    def test_a_short_picture_number_takes_one_octet(self) -> None:
        assert vp8.descriptor_size(b"\x90\x80\x7fdata") == 3
        assert vp8.descriptor_size(b"\x90\x80\x80\x01data") == 4


class TestKeyframe:
    @given(descriptors)
    def test_it_is_seen_behind_every_descriptor(self, descriptor) -> None:
        assert vp8.starts_keyframe(bytes(descriptor) + KEYFRAME)
        assert not vp8.starts_keyframe(bytes(descriptor) + INTER + b"more")

    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            b"\x10",
            b"\x10" + KEYFRAME[:5],  # too short to say so
            b"\x00" + KEYFRAME,  # not the start of a partition
            b"\x11" + KEYFRAME,  # the start of another partition
            b"\x10\x10\x02\x00\x9d\x01\x2b\x80\x02",  # no start code
            b"\x90\x80",
        ],
    )
    def test_nothing_else_is_one(self, payload) -> None:
        assert not vp8.starts_keyframe(payload)

    @given(st.binary(max_size=40))
    def test_garbage_raises_nothing(self, payload) -> None:
        vp8.starts_keyframe(payload)


class TestFrames:
    @given(st.binary(max_size=9000), st.booleans())
    @settings(max_examples=100)
    def test_what_was_split_comes_together(self, body, keyframe) -> None:
        frame = (KEYFRAME if keyframe else INTER) + body
        payloads = vp8.split(frame)
        assert max(map(len, payloads)) <= limits.PACKET_PAYLOAD
        assert len(payloads) == -(-len(frame) // (limits.PACKET_PAYLOAD - 1))
        assert vp8.depacketize(payloads) == (frame, keyframe)
        assert [vp8.starts_keyframe(p) for p in payloads] == [keyframe] + [False] * (len(payloads) - 1)
        parsed = [VpxPayloadDescriptor.parse(payload) for payload in payloads]
        assert b"".join(data for _, data in parsed) == frame
        assert [d.partition_start for d, _ in parsed] == [1] + [0] * (len(parsed) - 1)

    @pytest.mark.parametrize("size", [1, 1298, 1299, 1300, 2598, 2599, 100_000])
    def test_sizes_around_the_bound(self, size) -> None:
        frame = (KEYFRAME + random.Random(size).randbytes(size))[:size] if size > 10 else INTER[:size]
        assert vp8.depacketize(vp8.split(frame))[0] == frame

    @given(st.binary(min_size=1, max_size=6000), st.integers(0, 0x7FFF))
    @settings(max_examples=50)
    def test_what_aiortc_splits_comes_together(self, body, number) -> None:
        frame = INTER + body
        assert vp8.depacketize(Vp8Encoder._packetize(frame, number)) == (frame, False)

    def test_nothing_is_split_into_nothing(self) -> None:
        assert vp8.split(b"") == []
        assert vp8.depacketize([b"", b""]) == (b"", False)

    def test_further_partitions_and_padding_belong_to_the_frame(self) -> None:
        payloads = [b"\x10" + INTER, b"", b"\x11ab", b"\x01cd", b"\x12ef"]
        assert vp8.depacketize(payloads) == (INTER + b"abcdef", False)

    @pytest.mark.parametrize(
        "payloads",
        [
            [b"\x10"],  # no data
            [b"\x90\xf0\x80"],  # a truncated descriptor
            [b"\x00data"],  # no start
            [b"\x11data"],  # the start of another partition
            [b"\x10" + INTER, b"\x10" + INTER],  # two frames under one timestamp
            [b"\x10\x10\x02\x00\x9d\x01\x2b\x80\x02"],  # a keyframe without its start code
            [b"\x10" + KEYFRAME[:5]],
        ],
    )
    def test_depacketize_refuses(self, payloads) -> None:
        with pytest.raises(ValueError, match=r".+"):
            vp8.depacketize(payloads)

    @given(st.lists(st.binary(max_size=30), max_size=8))
    @settings(max_examples=500)
    def test_garbage_raises_nothing_but_value_error(self, payloads) -> None:
        try:
            frame, keyframe = vp8.depacketize(payloads)
        except ValueError:
            return
        assert len(frame) <= sum(map(len, payloads))
        assert not keyframe or frame[3:6] == b"\x9d\x01\x2a"
