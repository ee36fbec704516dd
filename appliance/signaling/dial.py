"""Open a TCP connection to the first of a server's addresses that answers (RFC 8305, in short)."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Sequence

from appliance.core import limits


async def connect_first(
    hosts: Sequence[str], port: int, *, within: float, stagger: float = limits.DIAL_STAGGER
) -> socket.socket:
    """Connect to ``port`` on one of ``hosts`` and return the non-blocking socket.

    Addresses are tried in their order, the next one as soon as one failed or ``stagger`` seconds
    passed, so that a dead address costs little. A single one is tried again then: a lost SYN is
    repeated by the kernel only after a second. A name is resolved first (only the configuration has
    names). ``within`` bounds the whole.

    Raises ConnectionRefusedError when every address that answered at all refused (and one did):
    the machine is there and nobody listens. Raises TimeoutError or another OSError otherwise.
    """
    if not hosts:
        raise OSError("no address to dial")
    attempts: set[asyncio.Task[socket.socket]] = set()
    alone = len(hosts) == 1
    waiting = [*hosts, *hosts] if alone else list(hosts)
    refused = False
    last: OSError = TimeoutError("timed out while connecting")
    try:
        async with asyncio.timeout(within):
            while waiting or attempts:
                if waiting:
                    attempts.add(asyncio.create_task(_connect(waiting.pop(0), port)))
                done, attempts = await asyncio.wait(
                    attempts,
                    timeout=stagger if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                winner: socket.socket | None = None
                for task in done:
                    try:
                        connected = task.result()
                    except ConnectionRefusedError:
                        refused = True
                        waiting = [] if alone else waiting  # it would say so again
                    except OSError as error:
                        last = error
                        waiting = [] if alone else waiting
                    else:
                        if winner is None:
                            winner = connected
                        else:
                            connected.close()
                if winner is not None:
                    return winner
    except TimeoutError:
        last = TimeoutError("timed out while connecting")
    finally:
        for task in attempts:
            task.cancel()
        for task in attempts:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                (await task).close()  # it won in the very moment we gave up
    if refused:
        raise ConnectionRefusedError("connection refused")
    raise last


def peer_host(connection: socket.socket) -> str:
    """Return the address that was dialled. When the other end went meanwhile: close ours, raise OSError."""
    try:
        host: str = connection.getpeername()[0]
    except OSError:
        connection.close()
        raise
    return host


def url_host(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


async def _connect(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        family, _, _, _, address = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
    else:
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
        address = (host, port)
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection
