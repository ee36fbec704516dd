"""aiortc's SCTP, under the control channel: a LAN's time-outs, bounds, and no channels but that one."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from aiortc.rtcsctptransport import WEBRTC_DCEP
from OpenSSL.SSL import Error as SslError

from appliance.core import limits
from appliance.media.aiortc_seam.srtp import SeamCounts

CONTROL_CHANNEL_ID = 0


def guard_sctp(sctp: Any, counts: SeamCounts) -> None:
    """Bound what the other side makes us keep, and how long we wait for it."""
    sctp._advertised_rwnd = limits.SCTP_WINDOW_MAX
    sctp._rto = limits.SCTP_RTO_INITIAL
    receive_chunk = sctp._receive_data_chunk
    receive_message = sctp._data_channel_receive
    update_rto = sctp._update_rto
    transmit = sctp._transmit

    async def transmit_while_open() -> None:
        # A timer of SCTP's may fire after DTLS was shut down; nobody awaits what it starts.
        with contextlib.suppress(ConnectionError, SslError):
            await transmit()

    async def receive_data_chunk(chunk: Any) -> None:
        if chunk.stream_id != CONTROL_CHANNEL_ID or len(chunk.user_data) > sctp._advertised_rwnd:
            counts.refused_chunks += 1
            return
        await receive_chunk(chunk)

    async def data_channel_receive(stream_id: int, pp_id: int, data: bytes) -> None:
        if pp_id == WEBRTC_DCEP:
            counts.refused_chunks += 1
            return
        await receive_message(stream_id, pp_id, data)

    def lan_rto(round_trip: float) -> None:
        if not 0 <= round_trip <= limits.SCTP_RTT_MAX:  # by the wall clock: somebody has set it
            return
        update_rto(round_trip)
        rto = sctp._srtt + 4 * sctp._rttvar
        sctp._rto = max(limits.SCTP_RTO_MIN, min(rto, limits.SCTP_RTO_MAX))

    sctp._get_timestamp = lambda: int(time.monotonic())  # of the cookie: aiortc's is the wall clock
    sctp._receive_data_chunk = receive_data_chunk
    sctp._data_channel_receive = data_channel_receive
    sctp._update_rto = lan_rto
    sctp._transmit = transmit_while_open
