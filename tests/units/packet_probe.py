"""One end of a wire, for the tests of the packet filter: ``listen PORTS`` answers, ``try`` asks.

``listen tcp:8787 udp:5353 ...`` takes every port on all addresses, IPv4 and IPv6, says ``ready`` and answers
until its standard input ends. ``try`` reads JSON lists ``[protocol, address, port, source, source port]``
from standard input and writes for each whether an answer came, or why not.
"""

from __future__ import annotations

import json
import select
import socket
import sys

WITHIN = 0.7  # seconds for an answer; what is dropped takes all of it

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def listen(ports: list[str]) -> None:
    listening: list[socket.socket] = []
    for wanted in ports:
        protocol, _, port = wanted.partition(":")
        sock = socket.socket(socket.AF_INET6, KINDS[protocol])
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("::", int(port)))
        if protocol == "tcp":
            sock.listen()
        listening.append(sock)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([*listening, sys.stdin], [], [])
        for sock in ready:
            if sock is sys.stdin:
                return
            if sock.type == socket.SOCK_STREAM:
                sock.accept()[0].close()
            else:
                _, sender = sock.recvfrom(64)
                sock.sendto(b"heard", sender)


def attempt(protocol: str, address: str, port: int, source: str = "", source_port: int = 0) -> str:
    family, _, _, _, there = socket.getaddrinfo(address, port, type=KINDS[protocol])[0]
    with socket.socket(family, KINDS[protocol]) as sock:
        sock.settimeout(WITHIN)
        try:
            if source or source_port:
                wildcard = "::" if family == socket.AF_INET6 else "0.0.0.0"
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(socket.getaddrinfo(source or wildcard, source_port)[0][4])
            sock.connect(there)
            if protocol == "udp":
                sock.send(b"hello")
                sock.recv(64)
        except TimeoutError:
            return "nothing"
        except OSError as error:
            return error.strerror
    return "answer"


def main() -> None:
    if sys.argv[1] == "listen":
        listen(sys.argv[2:])
    else:
        print(json.dumps([attempt(*asked) for asked in json.loads(sys.stdin.read())]))


if __name__ == "__main__":
    main()
