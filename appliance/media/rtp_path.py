"""What carries the RTP and RTCP packets of one connection. ``aiortc_seam`` has the real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class PacketPath(Protocol):
    """Seals packets and hands them to the socket, in the same call. Network thread only."""

    def send(self, packet: bytes) -> None:
        """Send an RTP packet. Raises ConnectionError while there is no connection."""

    def send_frame(self, packets: Sequence[bytes]) -> None:
        """Send the RTP packets of a frame. Raises ConnectionError while there is no connection."""

    def writable(self) -> bool:
        """Whether the socket keeps up."""

    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound RTCP packet. Raises ConnectionError while there is no connection."""
