"""What somebody types to name another box: an IP address, perhaps with a port.

    10.20.0.14            10.20.0.14:9000
    fd00::14              [fd00::14]:9000

Names are not looked up: a box asks no DNS. An entry is a value; every function returns the next one, and
nothing typed is ever lost by an error.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from appliance.core import limits
from appliance.core.words import Text, say
from appliance.errors import ControlError

SIGNS = ".:[]"
EMPTY = say("Type the other box's address first.")
CHARACTERS = say("An address has digits, points and perhaps a colon and a port.")
TOO_LONG = say("An address has at most {most} characters.", most=limits.ADDRESS_MAX_CHARS)
MALFORMED = "That is no address. It is four numbers with points between them, like 10.20.0.14."
BAD_PORT = "After the colon comes a port number from 1 to 65535."


@dataclass(frozen=True, slots=True)
class Entry:
    """``problem``: a sentence about the last key, or None."""

    text: str = ""
    problem: Text | None = None


def typed(entry: Entry, char: str) -> Entry:
    """Return the entry after one character. A comma counts as a point: it is what some number pads have."""
    char = "." if char == "," else char.lower()
    if len(char) != 1 or char not in "0123456789abcdef" + SIGNS:
        return replace(entry, problem=CHARACTERS) if char.isprintable() else entry
    if len(entry.text) >= limits.ADDRESS_MAX_CHARS:
        return replace(entry, problem=TOO_LONG)
    return Entry(entry.text + char)


def deleted(entry: Entry) -> Entry:
    """Return the entry without its last character."""
    return Entry(entry.text[:-1])


def parse(text: str, default_port: int) -> tuple[str, int]:
    """Return (IP address in its canonical text, port). Raises ControlError (``address.malformed``)."""
    text = text.strip()
    if not text:
        raise ControlError("address.malformed", str(EMPTY))
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", text)
    if bracketed:
        host, port_text = bracketed[1], bracketed[2]
    elif text.count(":") == 1:
        host, _, port_text = text.partition(":")
    else:
        host, port_text = text, None
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        raise ControlError("address.malformed", MALFORMED) from None
    if port_text is None:
        return str(ip), default_port
    if re.fullmatch(r"[0-9]{1,5}", port_text) is None or not 1 <= int(port_text) <= 65535:
        raise ControlError("address.malformed", BAD_PORT)
    return str(ip), int(port_text)
