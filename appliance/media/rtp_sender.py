"""One outgoing RTP stream: payloads that all peers share in, sealed packets out.

A frame goes out in the call that brought it: no task, no queue, no object per packet. Per peer there
is only the header, SRTP and the socket. The other side's reports and requests come back here.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpSendParameters
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)

from appliance.core import limits, rtp
from appliance.core.sent import SentFrame, SentFrames
from appliance.media.rtp_path import PacketPath

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


def ntp_from_ns(monotonic_ns: int) -> int:
    """A monotonic time as an NTP timestamp: 32 bits of seconds and 32 bits of fraction."""
    return (monotonic_ns << 32) // 1_000_000_000 & 0xFFFFFFFFFFFFFFFF


def _middle(ntp: int) -> int:
    """The middle 32 bits of an NTP timestamp: units of 1/65536 s."""
    return ntp >> 16 & 0xFFFFFFFF


@dataclass(slots=True)
class SenderFeedback:
    """What the other side reports of a stream of ours. ``fraction_lost``: 0 to 1 in its last report."""

    reports: int = 0
    reported_at: float = 0.0  # monotonic, of the last one
    fraction_lost: float = 0.0
    packets_lost: int = 0
    highest: int = 0  # the extended highest sequence number of its last report
    nacked: int = 0  # packets it asked for again
    repairs_refused: int = 0  # of them not sent: too often, too late, or no longer kept
    keyframe_requests: int = 0
    round_trip: float | None = None  # seconds, of its last report; None before it answered one of ours


class PacketSender:
    """Sends one stream from ``start`` to ``stop``; both are called by aiortc.

    ``ssrc``, ``rtx_ssrc``: as the description says them. ``on_keyframe``: the other side needs one.
    """

    def __init__(self, path: PacketPath, ssrc: int, rtx_ssrc: int, on_keyframe: Callable[[], None]) -> None:
        self.feedback = SenderFeedback()
        self.codec = ""  # the negotiated one's name, "" before the start
        self.packets = 0
        self._path = path
        self._ssrc = ssrc
        self._rtx_ssrc = rtx_ssrc
        self._on_keyframe = on_keyframe
        self._payload_type = 0
        self._rtx_payload_type: int | None = None
        self._extension = b""
        self._with_level: tuple[bytes, ...] = ()  # the extension of a sound, by its level
        self._sequence_number = secrets.randbelow(1 << 15)  # RFC 3550 section 5.1; room before the wrap
        self._rtx_sequence_number = secrets.randbelow(1 << 15)
        self._origin = secrets.randbits(32)  # added to every timestamp
        self._sent = SentFrames()
        self._clock_rate = 0
        self._octets = 0
        self._last = (0, 0)  # capture time and RTP timestamp of the last frame
        self._repairs = 0  # sent in the current second
        self._repairs_until = 0.0

    # --- sending --------------------------------------------------------------------------------

    def start(self, parameters: RTCRtpSendParameters) -> None:
        """Take what was negotiated."""
        codec = parameters.codecs[0]
        self.codec = codec.name
        self._payload_type = codec.payloadType or 0
        self._clock_rate = codec.clockRate
        for other in parameters.codecs:
            if is_rtx(other) and other.parameters.get("apt") == codec.payloadType:
                self._rtx_payload_type = other.payloadType
        level_id = 0
        mid: tuple[tuple[int, bytes], ...] = ()
        for extension in parameters.headerExtensions:
            if not 1 <= extension.id <= 14:
                continue  # it needs the two-byte form, which we don't speak
            if extension.uri == MID_URI and 1 <= len(parameters.muxId.encode()) <= 16:
                mid = ((extension.id, parameters.muxId.encode()),)
            elif extension.uri == LEVEL_URI:
                level_id = extension.id
        self._extension = rtp.extensions(*mid)
        self._with_level = tuple(
            rtp.extensions(*mid, (level_id, bytes((level,)))) if level_id else self._extension
            for level in range(128)
        )

    @property
    def started(self) -> bool:
        return self.codec != ""

    def send(
        self,
        payloads: Sequence[bytes],
        timestamp: int,
        captured_ns: int,
        level_dbov: int | None = None,
        *,
        marker: bool = True,
    ) -> None:
        """Send a frame, a packet for each payload, ``marker`` as the marker bit of the last.

        ``timestamp``: RTP units. ``captured_ns``: monotonic. ``level_dbov``: 0 (loud) to 127 (silent),
        None for pictures. Raises ConnectionError when there is no connection (any more), and when nothing
        was negotiated for this stream.
        """
        if not self.codec:
            raise ConnectionError("the other side takes no such stream")
        extension = self._extension if level_dbov is None else self._with_level[level_dbov & 0x7F]
        timestamp = (timestamp + self._origin) & 0xFFFFFFFF
        number = self._sequence_number
        self._sent.add(SentFrame(number, payloads, timestamp, extension, marker, time.monotonic_ns()))
        last = len(payloads) - 1
        packets = [
            rtp.serialize(
                self._payload_type,
                marker and index == last,
                (number + index) & 0xFFFF,
                timestamp,
                self._ssrc,
                payload,
                extension,
            )
            for index, payload in enumerate(payloads)
        ]
        self._sequence_number = (number + len(packets)) & 0xFFFF
        self._path.send_frame(packets)
        self._octets += sum(map(len, payloads))
        self.packets += len(packets)
        self._last = (captured_ns, timestamp)

    def stop(self) -> None:
        """Say goodbye (RFC 3550 section 6.6). Raises ConnectionError when there is nobody to say it to."""
        self._sent.clear()  # the garbage collector takes its time
        if self.packets:
            self._path.send_rtcp(bytes(RtcpByePacket([self._ssrc])))

    # --- what the other side says -----------------------------------------------------------------

    def take_rtcp(self, packet: AnyRtcpPacket) -> None:
        """Note a report or carry out a request; others' are passed over. Raises ConnectionError."""
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    self._note_report(report)
        elif not isinstance(packet, RtcpRtpfbPacket | RtcpPsfbPacket) or packet.media_ssrc != self._ssrc:
            return
        elif isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            self.feedback.nacked += len(packet.lost)
            for number in packet.lost:
                self._repair(number & 0xFFFF)  # aiortc's parser counts on past the wrap
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_PLI:
            self.feedback.keyframe_requests += 1
            self._on_keyframe()

    def _note_report(self, report: RtcpReceiverInfo) -> None:
        feedback, now_ns = self.feedback, time.monotonic_ns()
        feedback.reports += 1
        feedback.reported_at = now_ns / 1e9
        feedback.fraction_lost = report.fraction_lost / 256
        feedback.packets_lost = report.packets_lost
        feedback.highest = report.highest_sequence
        if report.lsr:
            # RFC 3550 section 6.4.1, in units of 1/65536 s. Unlike a heartbeat no report is ever repaired.
            took = (_middle(ntp_from_ns(now_ns)) - report.lsr - report.dlsr) & 0xFFFFFFFF
            feedback.round_trip = took / 65536 if took < 1 << 31 else 0.0

    def _repair(self, number: int) -> None:
        lost = self._sent.find(number)
        now = time.monotonic()
        if now >= self._repairs_until:
            self._repairs, self._repairs_until = 0, now + 1.0
        self._repairs += 1
        if (
            lost is None
            or self._repairs > limits.REPAIRS_PER_S
            or not self._path.writable()  # late is worse than lost: fresh pictures first
        ):
            self.feedback.repairs_refused += 1
            return
        payload, timestamp, extension, marker = lost
        payload_type, ssrc = self._payload_type, self._ssrc
        if self._rtx_payload_type is not None:
            payload_type, ssrc = self._rtx_payload_type, self._rtx_ssrc
            payload, number = rtp.repair(number, payload), self._rtx_sequence_number
            self._rtx_sequence_number = (number + 1) & 0xFFFF
        self._path.send(rtp.serialize(payload_type, marker, number, timestamp, ssrc, payload, extension))

    def report(self) -> RtcpSrPacket | None:
        """The sender report: which RTP timestamp the capture clock has now (RFC 3550 section 6.4.1).

        Any clock that sound and pictures share will do; ours counts from boot and is never set.
        """
        captured_ns, timestamp = self._last
        if not self.packets:
            return None
        now_ns = time.monotonic_ns()
        since = (now_ns - captured_ns) * self._clock_rate // 1_000_000_000
        return RtcpSrPacket(
            self._ssrc,
            RtcpSenderInfo(
                ntp_from_ns(now_ns),
                (timestamp + since) & 0xFFFFFFFF,
                self.packets & 0xFFFFFFFF,
                self._octets & 0xFFFFFFFF,
            ),
        )
