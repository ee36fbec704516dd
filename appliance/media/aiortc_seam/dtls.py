"""aiortc's DTLS transport: a bad packet ends nothing, and a flight that was lost is sent again soon."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

# Named here, or pyOpenSSL imports them in the middle of the first handshake.
import cryptography.hazmat.backends.openssl.backend
import cryptography.hazmat.primitives.serialization  # noqa: F401
from aiortc.rtcdtlstransport import State as DtlsState

from appliance.core import limits
from appliance.media.aiortc_seam.srtp import SeamCounts

log = logging.getLogger(__name__)

_HANDSHAKE = (20, 22)  # change_cipher_spec, handshake (RFC 5246 section 6.2.1)


def guard_transport(transport: Any, counts: SeamCounts) -> None:
    """Keep one bad packet from ending the DTLS transport's receive loop."""
    receive = transport._recv_next

    async def recv_next() -> None:
        try:
            await receive()
        except ConnectionError:
            raise
        except Exception:
            counts.bad_datagrams += 1
            if counts.bad_datagrams == 1:
                log.warning("a packet could not be handled; further ones are only counted", exc_info=True)

    transport._recv_next = recv_next


def repeat_flights(transport: Any) -> None:
    """Send a flight of the DTLS handshake again while nothing answers it.

    OpenSSL waits a second (RFC 6347 section 4.2.4.1), by the wall clock. The same datagram once more is
    what a network may do itself: it is dropped as a replay (section 4.1.2.6) unless the first was lost.
    """
    ice = transport.transport
    send = ice._send
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    async def send_flight(data: bytes) -> None:
        nonlocal timer
        await send(data)
        if data[0] in _HANDSHAKE:
            if timer is not None:
                timer.cancel()
            timer = loop.call_later(limits.DTLS_REPEAT_AFTER, again, data, limits.DTLS_REPEATS)

    def again(data: bytes, left: int) -> None:
        nonlocal timer
        answered = transport._state is DtlsState.CONNECTED and transport._role == "client"
        pair = ice._connection._nominated.get(1)
        if answered or transport._state in (DtlsState.CLOSED, DtlsState.FAILED) or pair is None:
            return  # whoever has the last word, the server, can't know whether it was heard
        if pair.protocol.transport.is_closing():
            return
        pair.protocol.transport.sendto(data, pair.remote_addr)
        if left > 1:
            timer = loop.call_later(limits.DTLS_REPEAT_AFTER, again, data, left - 1)

    ice._send = send_flight
