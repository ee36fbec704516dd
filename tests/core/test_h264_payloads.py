"""Frames to RTP payloads and back (RFC 6184)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import h264
from appliance.core.limits import PACKET_PAYLOAD


def unit(kind: int, size: int, importance: int = 0x60, fill: bytes = b"\x5a") -> bytes:
    return bytes((importance | kind,)) + fill * (size - 1)


@st.composite
def units(draw: st.DrawFn) -> bytes:
    size = draw(st.one_of(st.integers(2, 60), st.integers(1290, 1310), st.integers(2000, 6000)))
    kind = draw(st.sampled_from([1, 5, 6, 7, 8]))
    return unit(kind, size, draw(st.sampled_from([0, 0x20, 0x40, 0x60])))


@given(st.lists(units(), max_size=12), st.sampled_from([b"\0\0\1", b"\0\0\0\1"]), st.integers(0, 4))
def test_what_is_split_comes_together_again(parts: list[bytes], start: bytes, padding: int) -> None:
    payloads = h264.split(b"".join(start + part for part in parts) + bytes(padding))
    assert all(0 < len(payload) <= PACKET_PAYLOAD for payload in payloads)
    together, keyframe = h264.depacketize(payloads)
    assert together == b"".join(h264.START_CODE + part for part in parts)
    assert keyframe == any(part[0] & 0x1F == h264.NAL_IDR for part in parts)


def test_parameter_sets_share_a_payload_with_the_strictest_of_their_bits() -> None:
    sps, pps, small = unit(7, 20, 0x60), unit(8, 5, 0x20), unit(5, 300, 0x40)
    (payload,) = h264.split(b"".join(h264.START_CODE + part for part in (sps, pps, small)))
    assert payload[0] == 0x60 | h264.NAL_STAP_A
    assert h264.starts_keyframe(payload)
    large = unit(5, 2000)
    payloads = h264.split(b"".join(h264.START_CODE + part for part in (sps, pps, large)))
    assert [payload[0] & 0x1F for payload in payloads] == [h264.NAL_STAP_A, h264.NAL_FU_A, h264.NAL_FU_A]


def test_what_fits_is_left_whole_and_what_does_not_fit_together_is_not_put_together() -> None:
    whole = unit(1, PACKET_PAYLOAD)
    assert h264.split(h264.START_CODE + whole) == [whole]
    halves = unit(1, PACKET_PAYLOAD // 2), unit(1, PACKET_PAYLOAD // 2)
    assert h264.split(b"".join(h264.START_CODE + half for half in halves)) == list(halves)


@pytest.mark.parametrize("size", [PACKET_PAYLOAD + 1, 2597, 2598, 5000, 60_000])
def test_the_fragments_of_a_unit_have_one_size_but_for_the_last(size: int) -> None:
    fragments = h264.split(h264.START_CODE + unit(1, size))
    sizes = {len(fragment) for fragment in fragments[:-1]}
    assert len(sizes) == 1
    assert len(fragments[-1]) <= sizes.pop()
    assert [fragment[1] & 0xC0 for fragment in fragments] == [0x80, *[0] * (len(fragments) - 2), 0x40]


@pytest.mark.parametrize("data", [b"", b"\0\0\0\1", b"no start code", bytes(40)])
def test_what_is_no_frame_is_nothing(data: bytes) -> None:
    assert h264.split(data) == []
