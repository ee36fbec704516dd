"""A frame's datagrams in few calls, on real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from link_helpers import until

from appliance.media.aiortc_seam.burst import Burst

SO_NO_CHECK = 11  # <asm-generic/socket.h>: without checksums the kernel refuses runs of datagrams
FRAME = [bytes((n,)) * 1200 for n in range(5)] + [b"the end"]


class Protocol(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.errors: list[Exception] = []
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.came.append(data)

    def error_received(self, error: Exception) -> None:
        self.errors.append(error)


async def opened() -> Protocol:
    _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        Protocol, local_addr=("127.0.0.1", 0)
    )
    return protocol


@contextmanager
def calls(protocol: Protocol) -> Iterator[list[int]]:
    """How many datagrams each call to the socket took."""
    taken: list[int] = []
    sock = protocol.transport._sock

    class Counting:
        def sendmsg(self, run: Any, *rest: Any) -> int:
            taken.append(len(run))
            return sock.sendmsg(run, *rest)

        def __getattr__(self, name: str) -> Any:
            return getattr(sock, name)

    protocol.transport._sock = Counting()
    try:
        yield taken
    finally:
        protocol.transport._sock = sock


def test_a_frame_leaves_in_one_call_and_arrives_in_its_datagrams() -> None:
    async def main() -> None:
        a, b = await opened(), await opened()
        with calls(a) as taken:
            Burst(a).send(FRAME, b.transport.get_extra_info("sockname"))
        await until(lambda: len(b.came) == len(FRAME))
        assert b.came == FRAME
        assert taken == [len(FRAME)]
        a.transport.close(), b.transport.close()

    asyncio.run(main())


def test_where_the_kernel_refuses_each_datagram_goes_by_itself_from_then_on() -> None:
    async def main() -> None:
        a, b = await opened(), await opened()
        a.transport._sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        burst = Burst(a)
        with calls(a) as taken:
            burst.send(FRAME, b.transport.get_extra_info("sockname"))
            assert not burst.together
            burst.send(FRAME, b.transport.get_extra_info("sockname"))
        await until(lambda: len(b.came) == 2 * len(FRAME))
        assert b.came == [*FRAME, *FRAME]
        assert taken == [len(FRAME)]
        assert a.errors == []
        a.transport.close(), b.transport.close()

    asyncio.run(main())


def test_what_a_full_socket_does_not_take_waits_and_comes_in_order() -> None:
    async def main() -> None:
        a, b = await opened(), await opened()
        address = b.transport.get_extra_info("sockname")

        class Full:
            def __init__(self, sock: Any) -> None:
                self._sock, self.full = sock, 1

            def _take(self) -> None:
                if self.full:
                    self.full -= 1
                    raise BlockingIOError

            def sendmsg(self, *arguments: Any) -> int:
                self._take()
                return int(self._sock.sendmsg(*arguments))

            def sendto(self, *arguments: Any) -> int:
                self._take()
                return int(self._sock.sendto(*arguments))

            def __getattr__(self, name: str) -> Any:
                return getattr(self._sock, name)

        full = Full(a.transport._sock)
        a.transport._sock = full
        full.full = 2  # the call with all of them, and the first by itself
        burst = Burst(a)
        burst.send(FRAME, address)
        assert burst.together
        burst.send(FRAME, address)  # behind those that wait
        await until(lambda: len(b.came) == 2 * len(FRAME))
        assert b.came == [*FRAME, *FRAME]
        a.transport._sock = full._sock
        a.transport.close(), b.transport.close()

    asyncio.run(main())


def test_an_error_of_the_route_is_told_as_asyncio_does() -> None:
    async def main() -> None:
        a = await opened()
        burst = Burst(a)
        burst.send(FRAME, ("203.0.113.1", 0))  # port 0: EINVAL of one datagram, too
        assert burst.together is False
        assert a.errors
        a.transport.close()

    asyncio.run(main())
