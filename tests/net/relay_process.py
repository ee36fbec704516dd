"""A signaling server that writes every frame it relays to a file, a line each: ADDRESS PORT TOKEN FILE."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

from appliance.signaling.server import SignalingServer


async def main(address: str, port: str, token: str, file: str) -> None:
    with open(file, "a", buffering=1) as log:  # noqa: ASYNC230 - lines to a local file
        server = SignalingServer(
            token,
            int(port),
            allow_room=lambda room: True,
            on_line=lambda line: line.close(),
            tap=lambda text: print(json.dumps(text), file=log),
        )
        await server.start([address])
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        print("listening", file=log)
        await stop.wait()
        await server.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
