"""The only place that reaches into the privates of aiortc and aioice.

We keep their ICE, DTLS, SRTP, SCTP and RTP parsing, and replace what is between them and the
picture. Everything is set on instances, nothing on modules or classes, so that two boxes can live
in one process and nothing happens at import. ``tests/media/test_seam.py`` pins what we rely on and
fails loudly when a new version changes it.

What is changed on each connection, and why:

- candidates are gathered on the addresses that we say, loopback included;
- datagrams are told apart by their first byte (RFC 7983) before anything is parsed: aioice raises
  on an empty or malformed one, which would end the connection; its queue gets a bound;
- an exception on a received packet is counted instead of ending the DTLS transport;
- SCTP gets the time-outs of a LAN and a bound on what it reassembles, and takes no channels that
  the other side opens;
- a sender asks us for payloads that were made once for all peers, and tells us of keyframe requests;
- its sender reports map RTP timestamps to the capture clock;
- a receiver is an object of ours: no decoder thread, no track, no jitter buffer of aiortc's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
)
from aiortc.codecs import is_rtx
from aiortc.codecs.h264 import H264Encoder
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtcsctptransport import WEBRTC_DCEP
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    unwrap_rtx,
)

from appliance.core import limits
from appliance.core.reception import Reception

log = logging.getLogger(__name__)

CONTROL_CHANNEL_ID = 0
H264_PROFILE = "42e01f"  # constrained baseline, level 3.1: 1280x720 at 30/s (RFC 6184 section 8.1)


def split_h264(data: bytes) -> list[bytes]:
    """Split an annex-B frame into RTP payloads (RFC 6184, mode 1), at most 1300 bytes each."""
    return H264Encoder._packetize(H264Encoder._split_bitstream(data))


@dataclass(slots=True)
class SeamCounts:
    """``bad_datagrams``: dropped before or while being parsed. ``refused_chunks``: SCTP data that is not
    for the control channel, or more than the window.
    """

    bad_datagrams: int = 0
    refused_chunks: int = 0


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

    def backlog(self) -> int:
        """Bytes that the socket of the chosen pair could not take yet."""
        pair = self._ice._nominated.get(1)
        return pair.protocol.transport.get_write_buffer_size() if pair is not None else 0

    def queues(self) -> dict[str, tuple[int, int]]:
        """(what waits, the most that may): bytes to be sent, of the pictures and the control channel, and
        datagrams that came.
        """
        return {
            "send": (self.backlog(), limits.SEND_BACKLOG_MAX + limits.ENCODED_FRAME_MAX_BYTES),
            "control": (self.control.bufferedAmount, limits.CONTROL_BUFFERED_MAX),
            "datagrams": (self._ice._queue.qsize(), limits.ICE_QUEUE_MAX),
        }

    async def drained(self) -> None:
        """Wait until the socket takes packets again."""
        while self.backlog() > limits.SEND_BACKLOG_MAX:  # noqa: ASYNC110 - only asyncio's protocol is told
            await asyncio.sleep(limits.SEND_BACKLOG_POLL)

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
    _prefer_codecs(video, audio)
    connection = Connection(pc, video, audio, control)
    _set_hosts(connection, tuple(hosts))
    _guard_transport(connection)
    _guard_sctp(connection)
    return connection


def _prefer_codecs(video: RTCRtpTransceiver, audio: RTCRtpTransceiver) -> None:
    codecs = RTCRtpSender.getCapabilities("video").codecs
    video.setCodecPreferences(
        [c for c in codecs if c.parameters.get("profile-level-id") == H264_PROFILE]
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
    """Tell STUN from the rest by the first byte (RFC 7983 section 7), and survive what is neither."""
    stun = protocol.datagram_received
    data_received = protocol.receiver.data_received
    component = protocol.local_candidate.component
    counts = connection.counts

    def datagram_received(data: bytes, addr: tuple[Any, ...]) -> None:
        first = data[0] if data else 255
        if 20 <= first <= 63 or 128 <= first <= 191:
            data_received(data, component)
        elif first <= 3:
            try:
                stun(data, addr)
            except Exception:  # aioice lets struct.error and UnicodeDecodeError out
                counts.bad_datagrams += 1
        else:
            counts.bad_datagrams += 1

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


def _guard_sctp(connection: Connection) -> None:
    sctp: Any = connection.pc.sctp
    sctp._advertised_rwnd = limits.SCTP_WINDOW_MAX
    sctp._rto = limits.SCTP_RTO_INITIAL
    receive_chunk = sctp._receive_data_chunk
    receive_message = sctp._data_channel_receive
    update_rto = sctp._update_rto

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
        update_rto(round_trip)
        sctp._rto = max(limits.SCTP_RTO_MIN, min(sctp._srtt + 4 * sctp._rttvar, sctp._rto))

    sctp._receive_data_chunk = receive_data_chunk
    sctp._data_channel_receive = data_channel_receive
    sctp._update_rto = lan_rto


# --- sending --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a sender sends next. ``payloads``: one per packet, never changed here. ``timestamp``: RTP units.
    ``captured_ns``: monotonic. ``level_dbov``: 0 (loud) to 127 (silent), None for pictures.
    """

    payloads: list[bytes]
    timestamp: int
    captured_ns: int
    level_dbov: int | None = None


class _NoTrack(MediaStreamTrack):
    """Stands where aiortc wants a track: a sender without one sends nothing."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    async def recv(self) -> Any:
        raise MediaStreamError


@dataclass(slots=True)
class SenderFeedback:
    """What the other side reports of a stream of ours. ``fraction_lost``: 0 to 1 in its last report."""

    reports: int = 0
    fraction_lost: float = 0.0
    packets_lost: int = 0
    nacked: int = 0  # packets it asked for again
    keyframe_requests: int = 0


def attach_sender(
    transceiver: RTCRtpTransceiver,
    next_outgoing: Callable[[], Awaitable[Outgoing]],
    on_keyframe: Callable[[], None],
) -> SenderFeedback:
    """Have a sender take its payloads from ``next_outgoing`` and report keyframe requests.

    Call it before the descriptions are exchanged. The sender awaits ``next_outgoing`` in a task of
    its own, which ``close`` cancels.
    """
    sender: Any = transceiver.sender
    sender.replaceTrack(_NoTrack(transceiver.kind))
    feedback = SenderFeedback()
    captured_ns = 0
    handle_rtcp = sender._handle_rtcp_packet
    send_rtcp = sender._send_rtcp

    async def next_encoded_frame(codec: RTCRtpCodecParameters) -> RTCEncodedFrame:  # noqa: ARG001
        nonlocal captured_ns
        outgoing = await next_outgoing()
        captured_ns = outgoing.captured_ns
        level = None if outgoing.level_dbov is None else -outgoing.level_dbov
        return RTCEncodedFrame(outgoing.payloads, outgoing.timestamp, level)  # type: ignore[arg-type]

    def send_keyframe() -> None:
        feedback.keyframe_requests += 1
        on_keyframe()

    async def handle_rtcp_packet(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == sender._ssrc:
                    feedback.reports += 1
                    feedback.fraction_lost = report.fraction_lost / 256
                    feedback.packets_lost = report.packets_lost
        elif isinstance(packet, RtcpRtpfbPacket):
            feedback.nacked += len(packet.lost)
        await handle_rtcp(packet)

    async def send_reports(packets: list[AnyRtcpPacket]) -> None:
        # RFC 3550 section 6.4.1: any clock that audio and video share will do; ours counts from
        # boot and is never set. aiortc's stamps say when a packet was sent, not captured.
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and captured_ns:
                packet.sender_info.ntp_timestamp = ntp_from_ns(captured_ns)
        await send_rtcp(packets)

    sender._next_encoded_frame = next_encoded_frame
    sender._send_keyframe = send_keyframe
    sender._handle_rtcp_packet = handle_rtcp_packet
    sender._send_rtcp = send_reports
    return feedback


def ntp_from_ns(monotonic_ns: int) -> int:
    """A monotonic time as an NTP timestamp: 32 bits of seconds and 32 bits of fraction."""
    return (monotonic_ns << 32) // 1_000_000_000 & 0xFFFFFFFFFFFFFFFF


# --- receiving ------------------------------------------------------------------------------------


class PacketSink(Protocol):
    """Takes the packets of one stream, RTX unwrapped. ``level_dbov``: from RFC 6464, None without it."""

    def __call__(
        self, sequence_number: int, timestamp: int, marker: bool, payload: bytes, level_dbov: int | None
    ) -> None: ...


class PacketReceiver:
    """Our object where aiortc registers its own receiver: hands packets on, reports, asks again."""

    def __init__(self, transceiver: RTCRtpTransceiver, sink: PacketSink) -> None:
        self._transceiver = transceiver
        self._sink = sink
        self._rtcp_ssrc: int = transceiver.sender._ssrc
        self._ssrc: int | None = None  # of the stream; from the SDP, else from the first packet
        self._rtx_ssrc: int | None = None
        self._payload_type = -1
        self._rtx_payload_type = -1
        self._last_report = (0, 0.0)  # middle of the last sender report's NTP stamp, when it came
        self._reporting: asyncio.Task[None] | None = None
        self.reception = Reception(90_000 if transceiver.kind == "video" else 48_000)
        self.refused = 0  # packets of other streams or payload types
        self.nacks_sent = 0
        self.plis_sent = 0

    @property
    def _transport(self) -> Any:
        return self._transceiver.receiver.transport

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Start; aiortc calls it once the DTLS transport is connected, perhaps more than once."""
        if self._reporting is not None:
            return
        for codec in parameters.codecs:
            if is_rtx(codec):
                self._rtx_payload_type = codec.payloadType or -1
            else:
                self._payload_type = codec.payloadType or -1
        for encoding in parameters.encodings:
            self._ssrc = encoding.ssrc
            if encoding.rtx:
                self._rtx_ssrc = encoding.rtx.ssrc
        self._transport._register_rtp_receiver(self, parameters)
        self._reporting = asyncio.ensure_future(self._report())

    async def stop(self) -> None:
        """Stop for good; aiortc calls it in ``close``."""
        self._transport._unregister_rtp_receiver(self)
        if self._reporting is not None:
            self._reporting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reporting

    async def send_nack(self, lost: Sequence[int]) -> None:
        """Ask for packets again (RFC 4585 section 6.2.1)."""
        if self._ssrc is not None and lost:
            # aiortc packs neighbours into a bit mask and needs them ascending, so no wrap.
            packet = RtcpRtpfbPacket(RTCP_RTPFB_NACK, self._rtcp_ssrc, self._ssrc, sorted(lost))
            self.nacks_sent += 1
            await self._send(packet)

    async def send_pli(self) -> None:
        """Ask for a keyframe (RFC 4585 section 6.3.1)."""
        if self._ssrc is not None:
            self.plis_sent += 1
            await self._send(RtcpPsfbPacket(RTCP_PSFB_PLI, self._rtcp_ssrc, self._ssrc))

    # --- aiortc's RtpReceiver protocol -----------------------------------------------------------

    def _handle_disconnect(self) -> None:
        """The transport went away; nothing here depends on it."""

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket) and packet.ssrc == self._ssrc:
            middle = packet.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF
            self._last_report = (middle, time.monotonic())

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:  # noqa: ARG002
        repaired = packet.payload_type == self._rtx_payload_type
        if repaired:
            if packet.ssrc != self._rtx_ssrc or self._ssrc is None or len(packet.payload) < 2:
                self.refused += 1
                return
            packet = unwrap_rtx(packet, self._payload_type, self._ssrc)
        elif packet.payload_type != self._payload_type:
            self.refused += 1
            return
        if packet.ssrc != self._ssrc:
            if self._ssrc is not None:
                self.refused += 1
                return
            self._ssrc = packet.ssrc
        if not repaired:  # RFC 4588 section 6.3: a repair is not part of the original stream's statistics
            self.reception.add(packet.sequence_number, packet.timestamp, time.monotonic())
        level = packet.extensions.audio_level
        self._sink(
            packet.sequence_number,
            packet.timestamp,
            bool(packet.marker),
            packet.payload,
            level[1] if level is not None else None,
        )

    # --- inside ----------------------------------------------------------------------------------

    async def _report(self) -> None:
        while True:
            # RFC 3550 section 6.2: spread, so that boxes don't fall into step.
            await asyncio.sleep(limits.REPORT_EVERY * (0.5 + random.random()))  # noqa: S311
            if self._ssrc is None or not self.reception.received:
                continue
            fraction, lost, highest, jitter = self.reception.report()
            middle, at = self._last_report
            since = int((time.monotonic() - at) * 65536) if middle else 0
            info = RtcpReceiverInfo(self._ssrc, fraction, lost, highest, jitter, middle, since & 0xFFFFFFFF)
            await self._send(RtcpRrPacket(self._rtcp_ssrc, [info]))

    async def _send(self, packet: AnyRtcpPacket) -> None:
        with contextlib.suppress(ConnectionError):
            await self._transport._send_rtp(bytes(packet))


def attach_receiver(transceiver: RTCRtpTransceiver, sink: PacketSink) -> PacketReceiver:
    """Put our own receiver where aiortc would start a decoder thread and a track.

    Call it before the descriptions are exchanged.
    """
    ours = PacketReceiver(transceiver, sink)
    receiver: Any = transceiver.receiver
    receiver.receive = ours.receive
    receiver.stop = ours.stop
    return ours
