"""What opens a server: its URL, with the token of the deployment, as it is shown to one that mDNS found.

A token keeps deployments on one LAN apart: boxes with different tokens don't meet. The default one
is the same for every box and no secret, so every server is shown it as it is. A configured one is
shown only to servers that a person configured: any neighbour can advertise a server, and would
collect it. A discovered server is shown a *relay key* instead, computed from the token and from
the address and port that were dialled. The server computes the same from its own token and the
address on which the connection reached it. So

* boxes with the same token meet without ``servers`` in the configuration, boxes with different
  ones are told "wrong API key",
* a rogue server gets a key that opens no other server, as no other is reached at its address,
* but it can test guesses of the token offline: a token that shall resist needs to be long
  (``openssl rand -hex 16``). The room's password has no part in this.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
from urllib.parse import parse_qs

from appliance.config import Signaling
from appliance.core import limits

ROOM_CLOSED = 4403  # WebSocket close code of a server: the room's door is closed to newcomers

DEFAULT_TOKEN = Signaling().token
_PURPOSE = b"meetingbox relay key 1"


def relay_key(token: str, address: str, port: int) -> str:
    """Return the ``apiKey`` for a discovered server at this IP address and port.

    The default token as it is; of any other, base64url without padding of
    HMAC-SHA256(token, purpose || 0 || address || 0 || port), where ``address`` is the canonical
    text of the IP address (RFC 5952 for IPv6) and ``port`` is decimal.
    """
    if token == DEFAULT_TOKEN:
        return token
    canonical = str(ipaddress.ip_address(address))
    message = b"\0".join([_PURPOSE, canonical.encode(), str(port).encode()])
    digest = hmac.new(token.encode(), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def key_opens(shown: str, token: str, address: str, port: int) -> bool:
    """Does the ``apiKey`` that a client showed open a server with this token, reached at this address?

    Both comparisons take the same time whatever was shown.
    """
    given = shown.encode("utf-8", "surrogatepass")
    plain = hmac.compare_digest(given, token.encode())
    derived = hmac.compare_digest(given, relay_key(token, address, port).encode())
    return plain or derived


def room_of(path: str, query: str, token: str, address: str, port: int) -> tuple[int, str]:
    """Which room the URL of a client opens, of a server with this token, reached at this address.

    Return (room, ""), or (0, the ancestor's error).
    """
    try:
        shown = parse_qs(query, max_num_fields=8, errors="surrogateescape").get("apiKey", [""])[0]
    except ValueError:  # more fields than any client of ours sends
        shown = ""
    if not shown:
        return 0, "apiKey is mandatory parameter"
    if not key_opens(shown, token, address, port):
        return 0, "wrong API key"
    if re.fullmatch(r"/[0-9]+", path) is None:
        return 0, "unknown id"
    digits = path[1:].lstrip("0")
    if len(digits) > len(str(limits.ROOM_MAX)):
        return 0, "out of range"
    room = int(digits or "0")
    if not limits.ROOM_MIN <= room <= limits.ROOM_MAX:
        return 0, "out of range"
    return room, ""
