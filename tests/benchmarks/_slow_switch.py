"""A switch with a round trip, and one that loses frames: this kernel has no netem.

It takes the place of a ``net.namespaces.Lan``'s bridge: every frame that comes out of one port goes into all
others after ``delay`` seconds, but for a share that is lost. ::

    with SlowSwitch(lan, delay_ms=30, loss=0.05):        # 30 ms each way, on every frame
        ...

The switch is this file as a program of its own in the switch's namespace. Frames keep their virtio header, so
that checksums and segments that a veth leaves to the hardware stay as they are.
"""

from __future__ import annotations

import contextlib
import heapq
import random
import select
import socket
import subprocess
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the switch itself is a small process
    from net.namespaces import Lan

ETH_P_ALL = 3
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
HEADER = 10  # bytes of a virtio header
FRAME_MAX = 70_000
HELD_MAX = 20_000  # frames
STOP_WITHIN = 3.0


class SlowSwitch:
    """Stands between the hosts of a LAN from ``with`` to its end; see the module's docstring."""

    def __init__(self, lan: Lan, *, delay_ms: float, loss: float) -> None:
        self._lan = lan
        self._ports = [f"p{number}" for number in range(1, len(lan.hosts) + 1)]
        self._argv = [sys.executable, __file__, str(delay_ms / 1000), str(loss), *self._ports]

    def __enter__(self) -> SlowSwitch:
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", self._lan.name, *self._argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it listens
        for port in self._ports:
            self._lan.switch("link", "set", port, "nomaster")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for port in self._ports:
            self._lan.switch("link", "set", port, "master", "br0")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(STOP_WITHIN)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def switch(delay: float, loss: float, ports: list[str]) -> None:
    """Pass frames on until the end of stdin."""
    sockets = {}
    for port in ports:
        one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        one.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        one.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        one.bind((port, ETH_P_ALL))
        one.setblocking(False)
        sockets[one.fileno()] = one
    print("ready", flush=True)
    rng = random.Random(20)
    where: dict[bytes, int] = {}  # the port of an address, as a switch learns it
    held: list[tuple[float, int, int, bytes]] = []
    number = 0
    poll = select.poll()
    for descriptor in (sys.stdin.fileno(), *sockets):
        poll.register(descriptor, select.POLLIN)
    while True:
        now = time.monotonic()
        while held and held[0][0] <= now:
            _, _, port, frame = heapq.heappop(held)
            with contextlib.suppress(OSError):  # a full queue loses it, as anywhere
                sockets[port].send(frame)
        wait = max(0.0, held[0][0] - now) * 1000 if held else None
        for descriptor, _ in poll.poll(wait):
            if descriptor == sys.stdin.fileno():
                return
            with contextlib.suppress(OSError):
                while len(held) < HELD_MAX:
                    frame = sockets[descriptor].recv(FRAME_MAX)
                    target, source = frame[HEADER : HEADER + 6], frame[HEADER + 6 : HEADER + 12]
                    where[source] = descriptor
                    if rng.random() < loss:
                        continue
                    known = where.get(target)
                    for port in [known] if known is not None else sockets:
                        if port != descriptor:
                            number += 1
                            heapq.heappush(held, (time.monotonic() + delay, number, port, frame))


if __name__ == "__main__":
    switch(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
