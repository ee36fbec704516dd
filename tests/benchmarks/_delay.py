"""A network with a round trip: a relay of datagrams that holds each for a while, in order.

It stands between two engines in the place of each: descriptions are changed so that each sends to the
relay, which sends on from the port that the other knows. ::

    with Delay(lan.hosts[2], 15.0) as relay:                # 15 ms each way
        connect(a, b, 0, offer_as=relay.near, answer_as=relay.far)

The relay is this file as a program of its own: one thread, asleep between packets; what it held back
leaves in the order it came.
"""

from __future__ import annotations

import json
import re
import select
import socket
import subprocess
import sys
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the relay itself is a small process
    from net.namespaces import Host

HELD_MAX = 4096  # datagrams: the newest is lost, as in a router
DATAGRAM_MAX = 2048
STOP_WITHIN = 3.0
CANDIDATE = re.compile(r"(a=candidate:\S+ 1 udp \d+) (\S+) (\d+) (typ host.*)")


class Delay:
    """A relay in ``host`` that holds every datagram for ``one_way_ms``; a context manager."""

    def __init__(self, host: Host, one_way_ms: float) -> None:
        self._address = host.address
        self._process = host.popen(
            [sys.executable, __file__, host.address, str(one_way_ms)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._ports: list[int] = json.loads(self._process.stdout.readline())

    def __enter__(self) -> Delay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(STOP_WITHIN)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def near(self, offer: str) -> str:
        """The offer as the other side is to see it."""
        return self._through(offer, 0)

    def far(self, answer: str) -> str:
        """The answer as the one who offered is to see it."""
        return self._through(answer, 1)

    def _through(self, description: str, side: int) -> str:
        found = CANDIDATE.search(description)
        if found is None:
            raise ValueError("a description without a candidate")
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([side, found[2], int(found[3])]).encode() + b"\n")
        self._process.stdin.flush()
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it knows
        return CANDIDATE.sub(rf"\1 {self._address} {self._ports[side]} \4", description)


def relay(address: str, one_way_s: float) -> None:
    """Relay until the end of stdin. Socket 0 stands for side 0: what arrives there goes to side 0."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for one in sockets:
        one.bind((address, 0))
        one.setblocking(False)
    print(json.dumps([one.getsockname()[1] for one in sockets]), flush=True)
    ends: dict[int, tuple[str, int]] = {}
    held: deque[tuple[float, int, bytes]] = deque()
    poll = select.epoll()
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    for one in sockets:
        poll.register(one.fileno(), select.EPOLLIN)
    sides = {one.fileno(): side for side, one in enumerate(sockets)}
    while True:
        now = time.monotonic()
        while held and held[0][0] <= now:
            _, side, data = held.popleft()
            if side in ends:
                try:
                    sockets[1 - side].sendto(data, ends[side])
                except OSError:
                    continue
        for descriptor, _ in poll.poll(max(0.0, held[0][0] - now) if held else -1):
            if descriptor not in sides:
                line = sys.stdin.readline()
                if not line:
                    return
                side, host, port = json.loads(line)
                ends[side] = (host, port)
                print("{}", flush=True)
                continue
            side = sides[descriptor]
            due = time.monotonic() + one_way_s
            try:
                while len(held) < HELD_MAX:
                    held.append((due, side, sockets[side].recv(DATAGRAM_MAX)))
            except OSError:
                continue


if __name__ == "__main__":
    relay(sys.argv[1], float(sys.argv[2]) / 1000)
