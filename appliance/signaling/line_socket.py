"""The wire of a direct line: binary messages both ways over one WebSocket, ``/line``.

What the messages say, and who the other side is, is decided elsewhere (``core``): this is the
socket with bounds. Its one piece of news is *how* a line ended, because a box whose line was reset
and whose server then refuses a new one is gone, while a silent one may only have lost its cable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode

from appliance.core import limits
from appliance.errors import MeetingBoxError
from appliance.signaling.dial import connect_first, peer_host, url_host

PATH = "/line"
UNKNOWN = 4404  # WebSocket close code: this box knows no pair of that line
_ENDED_IN_PEACE: tuple[int, ...] = (
    CloseCode.NORMAL_CLOSURE,
    CloseCode.GOING_AWAY,
)  # by close(), or our server stops


class LineClosed(MeetingBoxError):  # noqa: N818 - the field's word
    """The line ended.

    ``reset``: the other side's system ended it (a close, FIN or RST), so its program is gone or
    wanted this. False: it fell silent, or we closed it ourselves.
    """

    def __init__(self, code: str, sentence: str, *, reset: bool) -> None:
        super().__init__(code, sentence)
        self.reset = reset


class LineRefused(MeetingBoxError):  # noqa: N818 - the field's word
    """Nobody listens there: the machine answered and refused the connection."""

    def __init__(self) -> None:
        super().__init__("line.refused", "The other box does not run any more.")


class LineUnreachable(MeetingBoxError):  # noqa: N818 - the field's word
    """No line could be opened, and that says nothing about the other box: no route, no answer in
    time, or a server that does not want one now."""

    def __init__(self, why: str) -> None:
        super().__init__("line.unreachable", f"The other box could not be reached: {why}.")


class LineSocket:
    """One end of a line. Any number of tasks may send, one may receive."""

    def __init__(self, websocket: Connection) -> None:
        self._websocket = websocket
        self._sending = asyncio.Lock()
        self._closed_here = False
        peer = websocket.remote_address
        self.remote: str = peer[0] if peer else ""
        """The other end's IP address."""
        ours = websocket.local_address
        self.local: str = ours[0] if ours else ""
        """This end's."""

    async def send(self, message: bytes) -> None:
        """Send one message; waits while ``limits.LINE_BACKLOG_MAX`` bytes are unsent.

        Raises LineClosed, and ValueError for a message over ``limits.LINE_MESSAGE_MAX``.
        """
        if len(message) > limits.LINE_MESSAGE_MAX:
            raise ValueError(f"a message of {len(message)} bytes is too long for a line")
        try:
            async with self._sending:
                await self._websocket.send(message)
        except ConnectionClosed as closed:
            raise self._ended(closed) from None

    async def receive(self) -> bytes:
        """Return the next message. Raises LineClosed; cancelling it loses nothing."""
        try:
            message = await self._websocket.recv()
        except ConnectionClosed as closed:
            raise self._ended(closed) from None
        if isinstance(message, bytes):
            return message
        await self._websocket.close(CloseCode.UNSUPPORTED_DATA)
        raise LineClosed("line.text", "The other box sent text on a direct line.", reset=True)

    async def close(self, *, unknown: bool = False) -> None:
        """Close the line; returns within ``limits.LINE_CLOSE_WITHIN`` even when nobody answers.

        ``unknown``: tell the other end that nobody here knows whose line this is.
        """
        if self._websocket.close_code is None:
            self._closed_here = True
        if unknown:
            await self._websocket.close(UNKNOWN, "unknown line")
        else:
            await self._websocket.close()

    async def wait_closed(self) -> None:
        """Wait until the line has ended, whoever ended it."""
        await self._websocket.wait_closed()

    def _ended(self, closed: ConnectionClosed) -> LineClosed:
        if closed.rcvd is not None and closed.rcvd.code == UNKNOWN:
            return LineClosed("line.unknown", "The other box does not know this one any more.", reset=True)
        ours = None if closed.rcvd_then_sent else closed.sent  # we ended it, or had to
        if self._closed_here or (ours is not None and ours.code in _ENDED_IN_PEACE):
            return LineClosed("line.closed", "The direct line was closed.", reset=False)
        if closed.rcvd is None and _is_silence(closed):
            return LineClosed("line.silent", "The other box fell silent.", reset=False)
        if ours is not None:
            return LineClosed("line.malformed", "The other box broke the rules of the line.", reset=True)
        return LineClosed("line.reset", "The other box ended the direct line.", reset=True)


async def dial_line(hosts: Sequence[str], port: int, timeout: float) -> LineSocket:
    """Open a line to the box that has these addresses, within ``timeout`` seconds.

    Raises LineRefused or LineUnreachable.
    """
    try:
        async with asyncio.timeout(timeout):
            connection = await connect_first(hosts, port, within=timeout)
            websocket = await connect(
                f"ws://{url_host(peer_host(connection))}:{port}{PATH}",
                sock=connection,
                **client_settings(),
                open_timeout=timeout,
                ping_interval=limits.LINE_PING_EVERY,
                ping_timeout=limits.LINE_PING_WITHIN,
                close_timeout=limits.LINE_CLOSE_WITHIN,
                max_size=limits.LINE_MESSAGE_MAX,
                max_queue=limits.LINE_QUEUE_FRAMES,
                write_limit=limits.LINE_BACKLOG_MAX,
            )
    except ConnectionRefusedError:
        raise LineRefused from None
    except TimeoutError:
        raise LineUnreachable("no answer in time") from None
    except WebSocketException:
        raise LineUnreachable("its server refused the line") from None
    except (OSError, ValueError) as error:  # ValueError: a redirect, which is not followed
        raise LineUnreachable(getattr(error, "strerror", None) or type(error).__name__) from None
    return LineSocket(websocket)


def client_settings() -> dict[str, Any]:
    """Settings of websockets for every connection that we open.

    No proxy from the environment (nothing leaves the LAN), no compression (sealed text does not
    shrink, and a small frame must not unpack to a large one), and a logger that says nothing: what
    a neighbour sends is counted, never logged.
    """
    return {"proxy": None, "compression": None, "user_agent_header": None, "logger": quiet_logger()}


def quiet_logger() -> logging.Logger:
    """A logger for websockets that is not registered anywhere and drops everything."""
    return logging.Logger("websockets", logging.CRITICAL + 1)  # noqa: LOG001 - ours alone


def _is_silence(closed: ConnectionClosed) -> bool:
    if closed.sent is not None:  # only keepalive fails a connection with this code
        return closed.sent.code == CloseCode.INTERNAL_ERROR
    cause = closed.__cause__
    return isinstance(cause, OSError) and not isinstance(cause, ConnectionError)
