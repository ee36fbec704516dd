"""A direct line that another box dialed: find out which peer it is, and prove it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.app.session import Session
from appliance.core import limits
from appliance.core.line import LineAnswerer
from appliance.errors import RemoteProtocolError
from appliance.signaling.line_socket import LineClosed, LineSocket


async def answer_line(
    line: LineSocket,
    session: Callable[[], Session | None],
    answerer: LineAnswerer,
    now: Callable[[], float],
    count: Callable[[str], None],
) -> None:
    """Run the line's handshake and hand the line to its peer; close it when it is nobody's."""
    try:
        async with asyncio.timeout(limits.LINE_WITHIN):
            current = session()
            if current is None:
                raise RemoteProtocolError("line.no-meeting", "A line, but no meeting.")
            pending = answerer.first(await line.receive(), line.remote, current.line_secrets(), now())
            await line.send(pending.reply)
            channel = pending.finish(await line.receive(), now())
    except RemoteProtocolError as error:
        count(error.code)
        await line.close()
        return
    except (LineClosed, TimeoutError):
        count("line.unproven")
        await line.close()
        return
    shell = current.peers.get(pending.peer_id)
    if shell is None:
        await line.close()
        return
    shell.line_opened(line, channel)
