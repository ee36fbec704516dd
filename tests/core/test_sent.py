"""What is kept of a stream for repairs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.limits import RTP_HISTORY_FRAMES, RTP_HISTORY_NS
from appliance.core.sent import SentFrame, SentFrames, SentPacket

frames = st.lists(st.tuples(st.integers(1, 5), st.integers(0, RTP_HISTORY_NS), st.booleans()), max_size=100)


@given(st.integers(0, 0xFFFF), frames)
def test_every_packet_that_is_young_enough_is_found_and_no_other(first, stream):
    sent, all_of_them, number, now = SentFrames(), [], first, 0
    for count, later, marker in stream:
        now += later
        payloads = [bytes((number + index & 0xFF, index)) for index in range(count)]
        sent.add(SentFrame(number, payloads, now % 7, b"ext", marker, now))
        all_of_them.append((number, payloads, now, marker))
        number = number + count & 0xFFFF
    kept = [frame for frame in all_of_them[-RTP_HISTORY_FRAMES:] if frame[2] >= now - RTP_HISTORY_NS]
    assert len(sent) == len(kept)
    for number, payloads, at, marker in all_of_them:
        for index, payload in enumerate(payloads):
            found = sent.find(number + index & 0xFFFF)
            if (number, payloads, at, marker) in kept:
                assert found == SentPacket(payload, at % 7, b"ext", marker and index == len(payloads) - 1)
            else:
                assert found is None
    assert sent.find(first - 1 & 0xFFFF) is None


def test_of_a_number_that_was_used_twice_the_newer_packet_is_found():
    """A socket that failed in the middle of a frame: the next frame goes on where it stopped."""
    sent = SentFrames()
    sent.add(SentFrame(10, [b"a", b"b", b"c"], 1, b"", True, 0))
    sent.add(SentFrame(11, [b"d"], 2, b"", True, 1))
    assert sent.find(11) == SentPacket(b"d", 2, b"", True)
    assert sent.find(12) == SentPacket(b"c", 1, b"", True)


def test_nothing_is_found_after_the_end():
    sent = SentFrames()
    assert sent.find(0) is None
    sent.add(SentFrame(0, [b"a"], 1, b"", False, 0))
    sent.clear()
    assert sent.find(0) is None
