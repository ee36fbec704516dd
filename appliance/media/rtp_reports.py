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
    """Sends the reports of ``senders`` and ``receivers`` from ``start`` to ``stop``.

    While nothing is lost every ``REPORT_EVERY``; a loss is told within ``REPORT_LOSS_WITHIN``.
    """

    def __init__(self, path: PacketPath) -> None:
        self.senders: list[PacketSender] = []
        self.receivers: list[PacketReceiver] = []
        self._path = path
        self._cname = b""
        self._ssrc = 0
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self, cname: str, ssrc: int) -> None:
        """Begin; ``ssrc`` speaks for streams that only receive. Idempotent."""
        if self._timer is None and not self._stopped:
            self._cname, self._ssrc = cname.encode(), ssrc
            self._report_in(limits.REPORT_EVERY)

    async def stop(self) -> None:
        """Stop for good; idempotent."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def hurry(self) -> None:
        """Something was lost: the sender is to know soon."""
        if self._timer is None or self._stopped:
            return
        left = self._timer.when() - asyncio.get_running_loop().time()
        if left > limits.REPORT_LOSS_WITHIN:
            self._timer.cancel()
            self._report_in(limits.REPORT_LOSS_WITHIN * 0.8)

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

    def _report_in(self, seconds: float) -> None:
        # RFC 3550 section 6.2: spread, so that boxes don't fall into step.
        spread = seconds * (0.75 + random.random() / 2)  # noqa: S311
        self._timer = asyncio.get_running_loop().call_later(spread, self._report)

    def _report(self) -> None:
        self._report_in(limits.REPORT_EVERY)
        if data := self.compound():
            with contextlib.suppress(ConnectionError):
                self._path.send_rtcp(data)
