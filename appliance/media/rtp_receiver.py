"""One incoming RTP stream: packets to its sink, in the call that took them from the socket."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRtpfbPacket,
    RtcpSrPacket,
)

from appliance.core import rtp
from appliance.core.reception import Reception
from appliance.core.sender_clock import SenderClock
from appliance.media.rtp_path import PacketPath
from appliance.media.rtp_sender import LEVEL_URI

PacketSink = Callable[[rtp.Packet, float], None]  # repairs unwrapped; monotonic seconds of arrival


class PacketReceiver:
    """Our object where aiortc has its receiver: no decoder thread, no track, no queue.

    ``rtcp_ssrc``: whose reports and requests ours are. ``sink`` takes every packet of the stream.
    """

    def __init__(self, path: PacketPath, kind: str, rtcp_ssrc: int, sink: PacketSink) -> None:
        rate = 90_000 if kind == "video" else 48_000
        self.reception = Reception(rate)
        self.clock = SenderClock(rate)
        self.refused = 0  # packets of other streams or payload types
        self.nacks_sent = 0
        self.plis_sent = 0
        self.payload_types: dict[int, str] = {}  # negotiated: the names of the codecs
        self.level_id = 0
        self.on_loss: Callable[[], None] = lambda: None  # packets were asked for again
        self.on_report: Callable[[float], None] = lambda _now: None  # the sender's report came
        self._path = path
        self._sink = sink
        self._rtcp_ssrc = rtcp_ssrc
        self._ssrc: int | None = None  # of the stream; from the description, else from the first packet
        self._rtx_ssrc: int | None = None
        self._repairs_of: dict[int, int] = {}  # RTX payload type: the one that it repairs
        self._last_report = (0, 0.0)  # middle of the last sender report's NTP stamp, when it came

    def start(self, parameters: RTCRtpReceiveParameters) -> None:
        """Take what was negotiated."""
        for codec in parameters.codecs:
            number = codec.payloadType or -1
            if is_rtx(codec):
                self._repairs_of[number] = int(codec.parameters["apt"] or -1)
            else:
                self.payload_types[number] = codec.name
        for encoding in parameters.encodings:
            self._ssrc = encoding.ssrc
            if encoding.rtx:
                self._rtx_ssrc = encoding.rtx.ssrc
        for extension in parameters.headerExtensions:
            if extension.uri == LEVEL_URI:
                self.level_id = extension.id

    @property
    def started(self) -> bool:
        return bool(self.payload_types)

    @property
    def all_payload_types(self) -> tuple[int, ...]:
        """Those of the stream and of its repairs."""
        return (*self.payload_types, *self._repairs_of)

    def take(self, packet: rtp.Packet, now: float) -> None:
        """Take a packet that was meant for this stream, by its SSRC or its payload type."""
        kind = packet.payload_type
        if kind in self.payload_types:
            if packet.ssrc != self._ssrc:
                if self._ssrc is not None:
                    self.refused += 1
                    return
                self._ssrc = packet.ssrc
            self.reception.add(packet.sequence_number, packet.timestamp, now)
        elif (
            (of := self._repairs_of.get(kind)) is not None
            and packet.ssrc == self._rtx_ssrc
            and self._ssrc is not None
            and len(packet.payload) >= 2
        ):
            # RFC 4588 section 6.3: a repair is not part of the original stream's statistics
            packet = rtp.repaired(packet, of, self._ssrc)
        else:
            self.refused += 1
            return
        self._sink(packet, now)

    # --- what we say to the sender -----------------------------------------------------------------

    def send_nack(self, lost: Sequence[int]) -> None:
        """Ask for packets again (RFC 4585 section 6.2.1). Raises ConnectionError."""
        if self._ssrc is not None and lost:
            self.nacks_sent += 1
            self.on_loss()
            # aiortc packs neighbours into a bit mask and needs them ascending, so no wrap.
            packet = RtcpRtpfbPacket(RTCP_RTPFB_NACK, self._rtcp_ssrc, self._ssrc, sorted(lost))
            self._path.send_rtcp(bytes(packet))

    def send_pli(self) -> None:
        """Ask for a keyframe (RFC 4585 section 6.3.1). Raises ConnectionError."""
        if self._ssrc is not None:
            self.plis_sent += 1
            self._path.send_rtcp(bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, self._rtcp_ssrc, self._ssrc)))

    def report(self) -> RtcpReceiverInfo | None:
        """The report block: how much came since the last one (RFC 3550 section 6.4.1)."""
        if self._ssrc is None or not self.reception.received:
            return None
        fraction, lost, highest, jitter = self.reception.report()
        middle, at = self._last_report
        since = int((time.monotonic() - at) * 65536) if middle else 0
        return RtcpReceiverInfo(self._ssrc, fraction, lost, highest, jitter, middle, since & 0xFFFFFFFF)

    # --- what the sender says -----------------------------------------------------------------------

    def take_rtcp(self, packet: AnyRtcpPacket) -> None:
        """Note the sender's report, which ours refer to; others' are passed over."""
        if isinstance(packet, RtcpSrPacket) and packet.ssrc == self._ssrc:
            info, now = packet.sender_info, time.monotonic()
            self._last_report = (info.ntp_timestamp >> 16 & 0xFFFFFFFF, now)
            self.clock.report(info.ntp_timestamp, info.rtp_timestamp)
            self.on_report(now)
