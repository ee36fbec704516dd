"""Is there a signaling server of ours at an address? Asked when a person typed it."""

from __future__ import annotations

import asyncio
import enum
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from appliance.core import limits
from appliance.signaling.access import relay_key
from appliance.signaling.dial import connect_first, url_host
from appliance.signaling.line_socket import client_settings


class Answer(enum.Enum):
    """What is there."""

    SERVER = "server"  # a signaling server that our token opens
    OTHER_TOKEN = "other-token"  # noqa: S105 - one of another deployment
    SOMETHING = "something"  # somebody listens, and is no signaling server
    NOBODY = "nobody"  # the machine refused the connection
    SILENCE = "silence"  # nothing came back, or there is no way there


async def look_at(address: str, port: int, token: str) -> Answer:
    """Look what answers at an IP address and port, within ``limits.DIAL_WITHIN``.

    Asked for room 0, a server of ours says that it is out of range: nobody in any room notices.
    """
    url = f"ws://{url_host(address)}:{port}/0?apiKey={quote(relay_key(token, address, port), safe='')}"
    try:
        async with asyncio.timeout(limits.DIAL_WITHIN):
            connection = await connect_first((address,), port, within=limits.DIAL_WITHIN)
            websocket = await connect(
                url,
                sock=connection,
                **client_settings(),
                open_timeout=limits.DIAL_WITHIN,
                close_timeout=limits.RELAY_CLOSE_WITHIN,
                max_size=4 * limits.RELAY_ERROR_MAX_CHARS,
            )
            try:
                text = await websocket.recv()
            finally:
                await websocket.close()
    except ConnectionRefusedError:
        return Answer.NOBODY
    except TimeoutError:
        return Answer.SILENCE
    except (WebSocketException, ValueError, EOFError):  # ValueError: a redirect, which is not followed
        return Answer.SOMETHING
    except OSError:
        return Answer.SILENCE
    if text == '{"error": "out of range"}':
        return Answer.SERVER
    return Answer.OTHER_TOKEN if text == '{"error": "wrong API key"}' else Answer.SOMETHING
