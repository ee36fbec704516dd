"""aioice's sockets: candidates on the addresses that we say, datagrams told apart, a queue with a bound."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

from appliance.core import limits, rtp
from appliance.media.aiortc_seam.srtp import SeamCounts, SrtpPath


class _DropOldestQueue(asyncio.Queue[Any]):
    """A queue that loses its oldest item instead of growing past its bound."""

    def put_nowait(self, item: Any) -> None:
        if self.full():
            self.get_nowait()
        super().put_nowait(item)


def set_hosts(ice: Any, hosts: tuple[str, ...], counts: SeamCounts, path: SrtpPath) -> None:
    """Gather host candidates on ``hosts`` whatever addresses the machine has."""
    ice._queue = _DropOldestQueue(limits.ICE_QUEUE_MAX)

    async def gather_candidates() -> None:
        # aioice asks the system for all of its addresses first, which costs more than the rest of this.
        if ice._local_candidates_start:
            return
        ice._local_candidates_start = True
        for component in ice._components:
            ice._local_candidates += await ice.get_component_candidates(component, list(hosts))
        for protocol in ice._protocols:
            _guard_protocol(protocol, counts, path)
        ice._local_candidates_end = True

    ice.gather_candidates = gather_candidates


def _guard_protocol(protocol: Any, counts: SeamCounts, path: SrtpPath) -> None:
    """Tell datagrams apart by their first byte (RFC 7983 section 7), survive what is none of ours."""
    stun = protocol.datagram_received
    data_received = protocol.receiver.data_received
    component = protocol.local_candidate.component
    transport = protocol.transport
    transport.max_size = limits.DATAGRAM_MAX  # asyncio's own 256 KiB are allocated for every datagram
    sock = transport._sock
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.DATAGRAMS_BYTES)

    def take(data: bytes, addr: tuple[Any, ...], now: float) -> bool:
        """Whether more of the same frame is to be expected."""
        first = data[0] if data else 255
        if 128 <= first <= 191:
            if rtp.is_rtcp(data):
                path.receive_rtcp(data)
                return False
            path.receive(data, now)
            return len(data) > 1 and data[1] < 128  # the header is in the clear: no marker bit
        if 20 <= first <= 63:
            data_received(data, component)
        elif first <= 3:
            try:
                stun(data, addr)
            except Exception:  # aioice lets struct.error and UnicodeDecodeError out
                counts.bad_datagrams += 1
        else:
            counts.bad_datagrams += 1
        return False

    def datagram_received(data: bytes, addr: tuple[Any, ...]) -> None:
        now = time.monotonic()
        more = take(data, addr, now)
        # A frame's packets come together; one turn of the loop for each costs more than the packet.
        try:
            for _ in range(limits.DATAGRAMS_PER_WAKE):
                if not more:
                    break
                data, addr = sock.recvfrom(limits.DATAGRAM_MAX)
                more = take(data, addr, now)
        except BlockingIOError:
            pass
        except OSError as error:
            protocol.error_received(error)
        path.on_turn(now)

    protocol.datagram_received = datagram_received
