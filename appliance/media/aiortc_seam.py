"""The only place that reaches into the privates of aiortc, aioice and asyncio's datagram transport.

We keep their ICE, DTLS, SRTP, SCTP and RTP parsing, and replace what is between them and the
picture. Everything is set on instances, nothing on modules or classes, so that two boxes can live
in one process and nothing happens at import. ``tests/media/test_seam.py`` pins what we rely on and
fails loudly when a new version changes it.

What is changed on each connection, and why:

- candidates are gathered on the addresses that we say, loopback included;
- datagrams are told apart by their first bytes (RFC 7983, RFC 5761) before anything is parsed: aioice
  raises on an empty or malformed one, which would end the connection; its queue gets a bound;
- an exception on a received packet is counted instead of ending the DTLS transport;
- a flight of the DTLS handshake that was lost is sent again after a quarter of a second, not after one;
- SCTP gets the time-outs of a LAN, whatever happens to the wall clock, and a bound on what it
  reassembles, and takes no channels that the other side opens;
- RTP goes from the socket through SRTP to our receiver, and from our sender through SRTP to the socket,
  each in one call: aiortc's way there is a queue, two tasks and a dozen objects per packet;
- senders and receivers are objects of ours: no encoder, no decoder thread, no track, no jitter buffer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
)
from aiortc.codecs.h264 import H264Encoder
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcdtlstransport import State as DtlsState
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpSendParameters
from aiortc.rtcsctptransport import WEBRTC_DCEP
from aiortc.rtp import RtcpPacket
from OpenSSL.SSL import Error as SslError
from pylibsrtp import Error as SrtpError

from appliance.core import limits, rtp
from appliance.media.rtp_receiver import PacketReceiver, PacketSink
from appliance.media.rtp_reports import Reports
from appliance.media.rtp_sender import PacketSender

log = logging.getLogger(__name__)

CONTROL_CHANNEL_ID = 0
_DTLS_HANDSHAKE = (20, 22)  # change_cipher_spec, handshake (RFC 5246 section 6.2.1)
H264_PROFILE = "42e01f"  # constrained baseline, level 3.1: 1280x720 at 30/s (RFC 6184 section 8.1)


def split_h264(data: bytes) -> list[bytes]:
    """Split an annex-B frame into RTP payloads (RFC 6184, mode 1), at most 1300 bytes each."""
    return H264Encoder._packetize(H264Encoder._split_bitstream(data))


@dataclass(slots=True)
class SeamCounts:
    """``bad_datagrams``: dropped before or while being parsed. ``refused_chunks``: SCTP data that is not
    for the control channel, or more than the window. ``failures``: packets on which our own code failed.
    """

    bad_datagrams: int = 0
    refused_chunks: int = 0
    failures: int = 0


# --- the connection -------------------------------------------------------------------------------


class _DropOldestQueue(asyncio.Queue[Any]):
    """A queue that loses its oldest item instead of growing past its bound."""

    def put_nowait(self, item: Any) -> None:
        if self.full():
            self.get_nowait()
        super().put_nowait(item)


@dataclass(slots=True)
class Connection:
    """A peer connection with one video and one audio section each way and the control channel."""

    pc: RTCPeerConnection
    video: RTCRtpTransceiver
    audio: RTCRtpTransceiver
    control: RTCDataChannel
    counts: SeamCounts = field(default_factory=SeamCounts)
    path: SrtpPath = field(init=False)
    reports: Reports = field(init=False)

    def __post_init__(self) -> None:
        self.path = SrtpPath(self.video.sender.transport, self.counts)
        self.reports = Reports(self.path)

    @property
    def _ice(self) -> Any:
        return self.video.sender.transport.transport._connection

    @property
    def fingerprint(self) -> str:
        """Our certificate's SHA-256 fingerprint, upper case with colons."""
        prints = self.video.sender.transport.getLocalParameters().fingerprints
        return next(p.value for p in prints if p.algorithm == "sha-256").upper()

    @property
    def candidates_complete(self) -> bool:
        """Whether the other side said that there are no more candidates."""
        return bool(self._ice._remote_candidates_end)

    def queues(self) -> dict[str, tuple[int, int]]:
        """(what waits, the most that may): bytes to be sent, of the pictures and the control channel, and
        datagrams that came.
        """
        return {
            "send": (self.path.backlog(), limits.SEND_BACKLOG_MAX + limits.ENCODED_FRAME_MAX_BYTES),
            "control": (self.control.bufferedAmount, limits.CONTROL_BUFFERED_MAX),
            "datagrams": (self._ice._queue.qsize(), limits.ICE_QUEUE_MAX),
        }

    async def close(self) -> None:
        """Say goodbye and close; abort the sockets of a connection that does not get there in time."""
        closing = asyncio.ensure_future(self.pc.close())
        _, pending = await asyncio.wait({closing}, timeout=limits.LINK_CLOSE_GRACE)
        if pending:
            for protocol in list(self._ice._protocols):
                protocol.transport.abort()
            _, pending = await asyncio.wait(
                {closing}, timeout=limits.LINK_CLOSE_MAX - limits.LINK_CLOSE_GRACE
            )
        if pending:
            closing.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await closing


def open_connection(hosts: Sequence[str]) -> Connection:
    """Make a connection that uses the addresses ``hosts`` and nothing else; call it in a running loop."""
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    video = pc.addTransceiver("video", direction="sendrecv")
    audio = pc.addTransceiver("audio", direction="sendrecv")
    control = pc.createDataChannel("control", ordered=True, negotiated=True, id=CONTROL_CHANNEL_ID)
    # All share one transport from the start; aiortc would take the first section's for another one, and
    # stop it, when the other side's first section is not its own first.
    video._bundled = True
    _prefer_codecs(video, audio)
    connection = Connection(pc, video, audio, control)
    _set_hosts(connection, tuple(hosts))
    _guard_transport(connection)
    _repeat_flights(connection)
    _guard_sctp(connection)
    return connection


def _prefer_codecs(video: RTCRtpTransceiver, audio: RTCRtpTransceiver) -> None:
    """Boxes speak H.264 with each other; VP8 is for a browser that has no H.264."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    video.setCodecPreferences(
        [c for c in codecs if c.parameters.get("profile-level-id") == H264_PROFILE]
        + [c for c in codecs if c.mimeType == "video/VP8"]
        + [c for c in codecs if c.mimeType == "video/rtx"]
    )
    audio.setCodecPreferences(
        [c for c in RTCRtpSender.getCapabilities("audio").codecs if c.mimeType == "audio/opus"]
    )


def _set_hosts(connection: Connection, hosts: tuple[str, ...]) -> None:
    """Gather host candidates on ``hosts`` whatever addresses the machine has."""
    ice = connection._ice
    ice._queue = _DropOldestQueue(limits.ICE_QUEUE_MAX)
    gather = ice.get_component_candidates

    async def get_component_candidates(component: int, addresses: list[str], timeout: int = 5) -> Any:  # noqa: ARG001
        candidates = await gather(component=component, addresses=list(hosts), timeout=timeout)
        for protocol in ice._protocols:
            _guard_protocol(connection, protocol)
        return candidates

    ice.get_component_candidates = get_component_candidates


def _guard_protocol(connection: Connection, protocol: Any) -> None:
    """Tell datagrams apart by their first byte (RFC 7983 section 7), survive what is none of ours."""
    stun = protocol.datagram_received
    data_received = protocol.receiver.data_received
    component = protocol.local_candidate.component
    counts, path = connection.counts, connection.path
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


def _guard_transport(connection: Connection) -> None:
    """Keep one bad packet from ending the DTLS transport's receive loop."""
    transport: Any = connection.video.sender.transport
    receive = transport._recv_next

    async def recv_next() -> None:
        try:
            await receive()
        except ConnectionError:
            raise
        except Exception:
            connection.counts.bad_datagrams += 1
            if connection.counts.bad_datagrams == 1:
                log.warning("a packet could not be handled; further ones are only counted", exc_info=True)

    transport._recv_next = recv_next


def _repeat_flights(connection: Connection) -> None:
    """Send a flight of the DTLS handshake again while nothing answers it.

    OpenSSL waits a second (RFC 6347 section 4.2.4.1), by the wall clock. The same datagram once more is
    what a network may do itself: it is dropped as a replay (section 4.1.2.6) unless the first was lost.
    """
    transport: Any = connection.video.sender.transport
    ice = transport.transport
    send = ice._send
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    async def send_flight(data: bytes) -> None:
        nonlocal timer
        await send(data)
        if data[0] in _DTLS_HANDSHAKE:
            if timer is not None:
                timer.cancel()
            timer = loop.call_later(limits.DTLS_REPEAT_AFTER, again, data, limits.DTLS_REPEATS)

    def again(data: bytes, left: int) -> None:
        nonlocal timer
        answered = transport._state is DtlsState.CONNECTED and transport._role == "client"
        pair = connection._ice._nominated.get(1)
        if answered or transport._state in (DtlsState.CLOSED, DtlsState.FAILED) or pair is None:
            return  # whoever has the last word, the server, can't know whether it was heard
        if pair.protocol.transport.is_closing():
            return
        pair.protocol.transport.sendto(data, pair.remote_addr)
        if left > 1:
            timer = loop.call_later(limits.DTLS_REPEAT_AFTER, again, data, left - 1)

    ice._send = send_flight


def _guard_sctp(connection: Connection) -> None:
    sctp: Any = connection.pc.sctp
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
            connection.counts.refused_chunks += 1
            return
        await receive_chunk(chunk)

    async def data_channel_receive(stream_id: int, pp_id: int, data: bytes) -> None:
        if pp_id == WEBRTC_DCEP:
            connection.counts.refused_chunks += 1
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


# --- packets ------------------------------------------------------------------------------------------


class SrtpPath:
    """RTP between the socket and us in one call: aiortc's SRTP session, none of its queues and objects.

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
        transport = self._transport
        if transport._state is not DtlsState.CONNECTED:
            raise ConnectionError("the media transport is not connected")
        try:
            sealed = transport._tx_srtp.protect(packet)
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
        self._write(sealed)

    def backlog(self) -> int:
        """Bytes that the socket of the chosen pair could not take yet."""
        pair = self._ice._nominated.get(1)
        return pair.protocol.transport._buffer_size if pair is not None else 0

    def writable(self) -> bool:
        """Whether the socket keeps up."""
        return self.backlog() <= limits.SEND_BACKLOG_MAX

    def _write(self, sealed: bytes) -> None:
        pair = self._ice._nominated.get(1)
        if pair is None:
            raise ConnectionError("no candidate pair is chosen")
        pair.protocol.transport.sendto(sealed, pair.remote_addr)


class _NoTrack(MediaStreamTrack):
    """Stands where aiortc wants a track: only its name is read, for the description."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    async def recv(self) -> Any:
        raise MediaStreamError


def attach_sender(
    connection: Connection, transceiver: RTCRtpTransceiver, on_keyframe: Callable[[], None]
) -> PacketSender:
    """Put our own sender where aiortc would start its tasks and encoder.

    Call it before the descriptions are exchanged. ``on_keyframe``: the other side asks for one.
    """
    theirs: Any = transceiver.sender
    theirs.replaceTrack(_NoTrack(transceiver.kind))
    ours = PacketSender(connection.path, theirs._ssrc, theirs._rtx_ssrc, on_keyframe)

    async def send(parameters: RTCRtpSendParameters) -> None:
        if not ours.started:
            ours.start(parameters)
            connection.path.add_sender(ours)
            connection.reports.senders.append(ours)
            connection.reports.start(parameters.rtcp.cname or "", theirs._ssrc)

    async def stop() -> None:
        await connection.reports.stop()
        with contextlib.suppress(ConnectionError):
            ours.stop()

    theirs.send = send
    theirs.stop = stop
    return ours


# What aiortc's receiver keeps for its own way of receiving: 2000 objects a connection, which every
# collection of garbage would walk over.
_UNUSED = (
    "_RTCRtpReceiver__jitter_buffer",
    "_RTCRtpReceiver__nack_generator",
    "_RTCRtpReceiver__remote_bitrate_estimator",
)


def attach_receiver(
    connection: Connection, transceiver: RTCRtpTransceiver, sink: PacketSink
) -> PacketReceiver:
    """Put our own receiver where aiortc would start a decoder thread and a track.

    Call it before the descriptions are exchanged. ``sink`` gets every packet.
    """
    theirs: Any = transceiver.receiver
    ours = PacketReceiver(connection.path, transceiver.kind, transceiver.sender._ssrc, sink)

    async def receive(parameters: RTCRtpReceiveParameters) -> None:
        if not ours.started:
            ours.start(parameters)
            connection.path.add_receiver(ours)
            connection.reports.receivers.append(ours)
            connection.reports.start(parameters.rtcp.cname or "", transceiver.sender._ssrc)
            ours.on_loss = connection.reports.hurry

    theirs.receive = receive
    theirs.stop = connection.reports.stop
    for unused in _UNUSED:
        setattr(theirs, unused, None)
    return ours
