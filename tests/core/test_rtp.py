"""RTP packets: what we write aiortc reads, what aiortc writes we read, and garbage is a ValueError."""

from __future__ import annotations

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, unwrap_rtx
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import rtp

MID, LEVEL, TIME = 1, 2, 3
THEIRS = HeaderExtensionsMap()
THEIRS.configure(
    RTCRtpParameters(
        headerExtensions=[
            RTCRtpHeaderExtensionParameters(MID, "urn:ietf:params:rtp-hdrext:sdes:mid"),
            RTCRtpHeaderExtensionParameters(LEVEL, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
            RTCRtpHeaderExtensionParameters(
                TIME, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
            ),
        ]
    )
)
u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
fields = st.fixed_dictionaries(
    {
        "payload_type": st.integers(0, 127),
        "marker": st.booleans(),
        "sequence_number": u16,
        "timestamp": u32,
        "ssrc": u32,
        "payload": st.binary(max_size=80),
    }
)


@given(
    fields, st.one_of(st.none(), st.integers(0, 127)), st.one_of(st.none(), st.just("0"), st.just("video"))
)
def test_what_we_write_aiortc_reads(packet, level, mid):
    elements = [] if mid is None else [(MID, mid.encode())]
    if level is not None:
        elements.append((LEVEL, bytes((level,))))
    data = rtp.serialize(**packet, extension=rtp.extensions(*elements))
    theirs = RtpPacket.parse(data, THEIRS)
    assert theirs.extensions.mid == mid
    assert theirs.extensions.audio_level == (None if level is None else (False, level))
    assert {name: getattr(theirs, name) for name in packet} == packet
    assert rtp.parse(data, LEVEL) == rtp.Packet(**packet, level=level)
    assert rtp.parse(data) == rtp.Packet(**packet)


@given(
    fields,
    st.lists(u32, max_size=3),
    st.integers(0, 20),
    st.one_of(st.none(), st.tuples(st.booleans(), st.integers(0, 127))),
    st.one_of(st.none(), st.integers(0, 0xFFFFFF)),
)
def test_what_aiortc_writes_we_read(packet, csrc, padding, level, sent_at):
    theirs = RtpPacket(**packet)
    theirs.csrc, theirs.padding_size = csrc, padding
    theirs.extensions.audio_level, theirs.extensions.abs_send_time = level, sent_at
    ours = rtp.parse(theirs.serialize(THEIRS), LEVEL)
    assert ours == rtp.Packet(**packet, level=None if level is None else level[1])


@given(fields, u16, u32, st.integers(0, 127), st.sampled_from((b"", rtp.extensions((MID, b"0")))))
def test_a_repair_carries_its_packet(packet, number, ssrc, payload_type, extension):
    again = rtp.repair(packet["sequence_number"], packet["payload"])
    repair = rtp.serialize(
        payload_type, packet["marker"], number, packet["timestamp"], ssrc, again, extension
    )
    theirs = RtpPacket.parse(repair, THEIRS)
    assert (theirs.payload_type, theirs.sequence_number, theirs.ssrc) == (payload_type, number, ssrc)
    back = unwrap_rtx(theirs, packet["payload_type"], packet["ssrc"])
    assert {name: getattr(back, name) for name in packet} == packet
    ours = rtp.repaired(rtp.parse(repair), packet["payload_type"], packet["ssrc"])
    assert ours == rtp.Packet(**packet, repair=True)


@given(st.one_of(st.binary(max_size=60), st.builds(lambda tail: b"\x90" + tail, st.binary(max_size=60))))
def test_garbage_is_a_value_error_or_a_packet_inside_it(data):
    try:
        packet = rtp.parse(data, LEVEL)
    except ValueError:
        return
    assert len(packet.payload) <= len(data) - rtp.HEADER_BYTES
    assert packet.payload in data
    assert packet.level is None or 0 <= packet.level <= rtp.LEVEL_SILENT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        b"\x40" + bytes(11),  # version 1
        b"\x82" + bytes(11),  # two contributing sources that are not there
        b"\x90" + bytes(11),  # an extension that is not there
        b"\x90" + bytes(11) + b"\xbe\xde\x00\x01",  # ... and one that is cut
        b"\xa0" + bytes(12),  # padding of nothing
        b"\xa0" + bytes(12) + b"\x03",  # more padding than payload
    ],
)
def test_a_broken_header_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        rtp.parse(data, LEVEL)


def test_the_reserved_extension_id_ends_the_search():
    body = bytes((15 << 4, 0, LEVEL << 4, 5))
    data = b"\x90" + bytes(11) + b"\xbe\xde\x00\x01" + body
    assert rtp.parse(data, LEVEL).level is None


@pytest.mark.parametrize("element", [(0, b"x"), (15, b"x"), (1, b""), (1, bytes(17))])
def test_an_extension_that_has_no_one_byte_form_is_refused(element):
    with pytest.raises(ValueError, match="one-byte"):
        rtp.extensions(element)


def test_a_retransmission_without_a_packet_is_refused():
    with pytest.raises(ValueError, match="without"):
        rtp.repaired(rtp.Packet(1, True, 2, 3, 4, b"\x00"), 5, 6)


@pytest.mark.parametrize(("data", "rtcp"), [(b"\x80\xc8", True), (b"\x80\xdf", True), (b"\x80\xbf", False)])
def test_rtcp_is_told_by_its_second_byte(data, rtcp):
    assert rtp.is_rtcp(data) is rtcp
    assert rtp.is_rtcp(data[:1]) is False
