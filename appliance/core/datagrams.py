"""Which datagrams can leave in one call: UDP_SEGMENT takes some of one size, the last may be shorter.

One call costs the kernel little more than one datagram does (udp(7), Linux 4.18).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from appliance.core.limits import SEGMENTS_MAX


def runs(datagrams: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Split ``datagrams`` into runs, in order, that can each leave in one call."""
    start, size = 0, 0
    for index, datagram in enumerate(datagrams):
        length = len(datagram)
        if index == start:
            size = length
            continue
        full = index - start == SEGMENTS_MAX
        if full or length > size or len(datagrams[index - 1]) < size:
            yield datagrams[start:index]
            start, size = index, length
    if datagrams:
        yield datagrams[start:]
