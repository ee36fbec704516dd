"""A frame's datagrams to aioice's socket in as few calls as the kernel takes."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Sequence
from typing import Any

from appliance.core.datagrams import runs

_UDP_SEGMENT = 103  # <linux/udp.h>, not in Python's socket module
_NOT_HERE = (  # the kernel, or the network card that the route leads to, can't
    errno.EIO,
    errno.EINVAL,
    errno.EMSGSIZE,
    errno.ENOPROTOOPT,
    errno.EOPNOTSUPP,
)


class Burst:
    """Of one of aioice's sockets.

    Older kernels take runs of datagrams only for cards that compute checksums. Where the first try is
    refused every datagram is sent by itself, for the life of the socket.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self.together = True

    def send(self, datagrams: Sequence[bytes], address: tuple[Any, ...]) -> None:
        """Send them in order. What the socket does not take now waits in asyncio's transport."""
        sent = 0
        if self.together and not self._transport._buffer_size:
            sent = self._send_runs(datagrams, address)
        for datagram in datagrams[sent:]:
            self._transport.sendto(datagram, address)

    def _send_runs(self, datagrams: Sequence[bytes], address: tuple[Any, ...]) -> int:
        """Return how many are done with."""
        sendmsg = self._transport._sock.sendmsg
        sent = 0
        for run in runs(datagrams):
            size = len(run[0])
            how = [(socket.IPPROTO_UDP, _UDP_SEGMENT, struct.pack("=H", size))] if len(run) > 1 else []
            try:
                sendmsg(run, how, 0, address)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if len(run) > 1 and error.errno in _NOT_HERE:
                    self.together = False
                    break
                self._protocol.error_received(error)  # as asyncio's own sendto does
            sent += len(run)
        return sent
