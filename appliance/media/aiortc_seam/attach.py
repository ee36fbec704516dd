"""Our own sender and receiver where aiortc would start its tasks, encoder, decoder thread and track."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpTransceiver
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpSendParameters

from appliance.media.aiortc_seam.connection import Connection
from appliance.media.rtp_receiver import PacketReceiver, PacketSink
from appliance.media.rtp_sender import PacketSender


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
