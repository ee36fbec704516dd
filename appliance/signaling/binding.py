"""One port on many addresses: what the signaling server binds, and the sentence when it can't."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from appliance.core import limits
from appliance.signaling.gate import GatedSocket

_BUSY = (errno.EADDRINUSE,)
_NOT_THERE = (errno.EADDRNOTAVAIL, errno.ENODEV, errno.EAFNOSUPPORT)
_FREE_PORT_TRIES = 20  # a port that is free on one address may be taken on another


def bind_all(addresses: Iterable[str], port: int) -> tuple[int, dict[str, GatedSocket], dict[str, OSError]]:
    """Listen on ``port`` of these addresses; 0 takes one that is free on all of them.

    Returns (the port, the listening sockets, why the other addresses could not be bound).
    """
    addresses = tuple(addresses)
    for tries_left in reversed(range(_FREE_PORT_TRIES if port == 0 else 1)):
        chosen = port
        bound: dict[str, GatedSocket] = {}
        failed: dict[str, OSError] = {}
        for address in addresses:
            try:
                bound[address] = _listen(address, chosen)
            except OSError as error:
                failed[address] = error
            else:
                chosen = bound[address].getsockname()[1]
        if not tries_left or not any(why.errno in _BUSY for why in failed.values()):
            break
        for listener in bound.values():
            listener.close()
    return chosen, bound, failed


def _listen(address: str, port: int) -> GatedSocket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only where it reads TCP there.
    kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    listener = GatedSocket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Accepted sockets inherit it: what one slow reader keeps in the kernel is bounded as well.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.RELAY_BACKLOG_MAX)
        listener.bind((address, port))
        listener.listen(limits.RELAY_LISTEN_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def bind_code(error: OSError) -> str:
    """The stable code of a failed bind."""
    if error.errno in _BUSY:
        return "signaling.port-in-use"
    return "signaling.address-missing" if error.errno in _NOT_THERE else "signaling.port-denied"


def bind_sentence(address: str, port: int, error: OSError) -> str:
    """A failed bind, for a person, with what to do."""
    if error.errno in _BUSY:
        return (
            f"Port {port} on {address} is in use by another program. Stop that program, "
            "or choose another port under [signaling] in the configuration."
        )
    if error.errno in _NOT_THERE:
        return f"The address {address} is not there any more; the signaling server waits for it."
    return (
        f"The signaling server may not use port {port} on {address} ({error.strerror}). "
        "Choose a port above 1023 under [signaling] in the configuration."
    )
