"""RTP between the socket and us in one call: aiortc's SRTP session, none of its queues and objects."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiortc.rtcdtlstransport import State as DtlsState
from aiortc.rtp import RtcpPacket
from pylibsrtp import Error as SrtpError

from appliance.core import limits, rtp
from appliance.media.aiortc_seam.burst import Burst
from appliance.media.rtp_receiver import PacketReceiver
from appliance.media.rtp_sender import PacketSender

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SeamCounts:
    """``bad_datagrams``: dropped before or while being parsed. ``refused_chunks``: SCTP data that is not
    for the control channel, or more than the window. ``failures``: packets on which our own code failed.
    """

    bad_datagrams: int = 0
    refused_chunks: int = 0
    failures: int = 0


class SrtpPath:
    """Of one connection.

    ``on_turn(now)`` is called after the packets that came together were handed on.
    """

    def __init__(self, transport: Any, counts: SeamCounts) -> None:
        self.on_turn: Callable[[float], None] = lambda _: None
        self._transport = transport
        self._ice = transport.transport._connection
        self._counts = counts
        self._by_payload_type: dict[int, PacketReceiver] = {}  # a bundle repeats none
        self._streams: list[PacketReceiver | PacketSender] = []
        self._level_id = 0
        self._burst_of: Any = None
        self._burst: Burst

    def add_receiver(self, receiver: PacketReceiver) -> None:
        """Hand packets to a receiver that was started."""
        self._level_id = receiver.level_id or self._level_id
        for payload_type in receiver.all_payload_types:
            self._by_payload_type[payload_type] = receiver
        self._streams.append(receiver)

    def add_sender(self, sender: PacketSender) -> None:
        """Hand reports and requests to a sender that was started."""
        self._streams.append(sender)

    def receive(self, data: bytes, now: float) -> None:
        """Take a datagram that looks like RTP; never raises."""
        session = self._transport._rx_srtp
        try:
            if session is None:
                raise ValueError("before the handshake")
            packet = rtp.parse(session.unprotect(data), self._level_id)
            receiver = self._by_payload_type[packet.payload_type]
        except (SrtpError, ValueError, KeyError):  # forged, repeated, not RTP, of no stream
            self._counts.bad_datagrams += 1
            return
        try:
            receiver.take(packet, now)
        except Exception as error:
            self._failed(error)

    def receive_rtcp(self, data: bytes) -> None:
        """Take a datagram that looks like RTCP; never raises."""
        session = self._transport._rx_srtp
        try:
            if session is None:
                raise ValueError("before the handshake")
            packets = RtcpPacket.parse(session.unprotect_rtcp(data))
        except (SrtpError, ValueError, IndexError, struct.error):  # aiortc's parser lets some of its own out
            self._counts.bad_datagrams += 1
            return
        for packet in packets:
            for stream in self._streams:
                try:
                    stream.take_rtcp(packet)
                except ConnectionError:  # a repair that can't be sent: the link's state tells of it
                    pass
                except Exception as error:
                    self._failed(error)

    def _failed(self, error: Exception) -> None:
        """Our own code failed on a packet; the call goes on."""
        self._counts.failures += 1
        if self._counts.failures == 1:
            log.error("a packet could not be handled; further ones are only counted", exc_info=error)

    def send(self, packet: bytes) -> None:
        """Send an RTP packet. Raises ConnectionError while there is no connection."""
        self.send_frame((packet,))

    def send_frame(self, packets: Sequence[bytes]) -> None:
        """Send the RTP packets of a frame. Raises ConnectionError while there is no connection."""
        transport = self._transport
        if transport._state is not DtlsState.CONNECTED:
            raise ConnectionError("the media transport is not connected")
        protect = transport._tx_srtp.protect
        try:
            sealed = [protect(packet) for packet in packets]
        except (SrtpError, ValueError) as error:  # the latter for one that is too long
            raise ConnectionError("SRTP took no packet") from error
        self._write(sealed)

    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound RTCP packet. Raises ConnectionError while there is no connection."""
        if self._transport._state is not DtlsState.CONNECTED:
            raise ConnectionError("the media transport is not connected")
        try:
            sealed = self._transport._tx_srtp.protect_rtcp(packet)
        except (SrtpError, ValueError) as error:
            raise ConnectionError("SRTP took no packet") from error
        self._write((sealed,))

    def backlog(self) -> int:
        """Bytes that the socket of the chosen pair could not take yet."""
        pair = self._ice._nominated.get(1)
        return pair.protocol.transport._buffer_size if pair is not None else 0

    def writable(self) -> bool:
        """Whether the socket keeps up."""
        return self.backlog() <= limits.SEND_BACKLOG_MAX

    def _write(self, sealed: Sequence[bytes]) -> None:
        pair = self._ice._nominated.get(1)
        if pair is None:
            raise ConnectionError("no candidate pair is chosen")
        if len(sealed) == 1:
            pair.protocol.transport.sendto(sealed[0], pair.remote_addr)
            return
        if pair.protocol is not self._burst_of:  # another pair, another socket
            self._burst_of, self._burst = pair.protocol, Burst(pair.protocol)
        self._burst.send(sealed, pair.remote_addr)
