"""The RTCP reports of one connection: every stream's in one compound packet (RFC 3550 section 6.1)."""

from __future__ import annotations

import asyncio
import contextlib
import random

from aiortc.rtp import AnyRtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSourceInfo

from appliance.core import limits
from appliance.media.rtp_path import PacketPath
from appliance.media.rtp_receiver import PacketReceiver
from appliance.media.rtp_sender import PacketSender

SDES_CNAME = 1


class Reports:
    """Sends the reports of ``senders`` and ``receivers`` from ``start`` to ``stop``."""

    def __init__(self, path: PacketPath) -> None:
        self.senders: list[PacketSender] = []
        self.receivers: list[PacketReceiver] = []
        self._path = path
        self._cname = b""
        self._ssrc = 0
        self._task: asyncio.Task[None] | None = None

    def start(self, cname: str, ssrc: int) -> None:
        """Begin; ``ssrc`` speaks for streams that only receive. Idempotent."""
        if self._task is None:
            self._cname, self._ssrc = cname.encode(), ssrc
            self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Stop and wait for it; idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def compound(self) -> bytes:
        """The reports of this moment; empty when there is nothing to report."""
        sent = [sender.report() for sender in self.senders]
        packets: list[AnyRtcpPacket] = [report for report in sent if report is not None]
        received = [receiver.report() for receiver in self.receivers]
        if blocks := [block for block in received if block is not None]:
            packets.append(RtcpRrPacket(self._ssrc, blocks))
        if not packets:
            return b""
        packets.append(RtcpSdesPacket([RtcpSourceInfo(self._ssrc, [(SDES_CNAME, self._cname)])]))
        return b"".join(bytes(packet) for packet in packets)

    async def _run(self) -> None:
        while True:
            # RFC 3550 section 6.2: spread, so that boxes don't fall into step; by less than there, so that
            # two reports always come within a second.
            await asyncio.sleep(limits.REPORT_EVERY * (0.75 + random.random() / 2))  # noqa: S311
            if data := self.compound():
                with contextlib.suppress(ConnectionError):
                    self._path.send_rtcp(data)
