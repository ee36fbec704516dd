"""A peer connection of aiortc, made as we want it and closed in time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
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

from appliance.core import limits
from appliance.media.aiortc_seam.dtls import guard_transport, repeat_flights
from appliance.media.aiortc_seam.ice import set_hosts
from appliance.media.aiortc_seam.sctp import CONTROL_CHANNEL_ID, guard_sctp
from appliance.media.aiortc_seam.srtp import SeamCounts, SrtpPath
from appliance.media.rtp_reports import Reports

H264_PROFILE = "42e01f"  # constrained baseline, level 3.1: 1280x720 at 30/s (RFC 6184 section 8.1)


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
    fingerprint: str = field(init=False)
    """Our certificate's SHA-256 fingerprint, upper case with colons."""

    def __post_init__(self) -> None:
        prints = self.video.sender.transport.getLocalParameters().fingerprints
        self.fingerprint = next(p.value for p in prints if p.algorithm == "sha-256").upper()
        self.path = SrtpPath(self.video.sender.transport, self.counts)
        self.reports = Reports(self.path)

    @property
    def _ice(self) -> Any:
        return self.video.sender.transport.transport._connection

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
    counts, transport = connection.counts, video.sender.transport
    set_hosts(connection._ice, tuple(hosts), counts, connection.path)
    guard_transport(transport, counts)
    repeat_flights(transport)
    guard_sctp(pc.sctp, counts)
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
