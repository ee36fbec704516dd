"""Everything that passes the interfaces of this network namespace, a JSON line a frame: FILE.

``{"on": interface, "frame": hex of at most 120 bytes}``. Says "listening" on its first line.
"""

from __future__ import annotations

import json
import socket
import sys

ALL = 0x0003  # ETH_P_ALL
KEPT = 120  # bytes: the headers, and the name in a DNS query


def main(file: str) -> None:
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL)) as sniffer,
        open(file, "w") as out,
    ):
        sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        seen: set[bytes] = set()
        print(json.dumps("listening"), file=out, flush=True)
        while True:
            frame, (interface, *_) = sniffer.recvfrom(65535)
            # Of a stream of pictures one packet is enough: what counts is who speaks to whom, and how.
            kind = interface.encode() + frame[:24] + frame[26:38]
            if kind not in seen or len(seen) > 10_000:
                seen.add(kind)
                print(json.dumps({"on": interface, "frame": frame[:KEPT].hex()}), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
