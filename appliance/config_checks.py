"""What each value in the configuration may be: ranges and small grammars.

One table, ``RULES``: the key, what is expected there in words, and the test. The type of every
value has been checked before, and lists are checked item by item.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from appliance.core import languages, limits, pin_hash
from appliance.core.pin_entry import is_pin
from appliance.errors import ConfigError

# Never quoted in an error; the last two stand on an appliance's card (provision/card.py).
SECRETS = frozenset(
    {"signaling.token", "admin.pin", "admin.pin_hash", "network.wifi.passphrase", "system.admin_pin"}
)
MASK = "********"

# Bidirectional overrides can make one name look like another.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_text(text: str, max_bytes: int) -> bool:
    """Tell whether ``text`` can be drawn and announced: bounded, one line, nothing invisible around it."""
    return (
        len(text.encode("utf-8", "replace")) <= max_bytes
        and text == text.strip()
        and not any(c in _BIDI or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text)
    )


def _path(text: str) -> bool:
    return 0 < len(text) <= limits.SOURCE_MAX_CHARS and "\0" not in text and "\n" not in text


def is_video_source(text: str) -> bool:
    """auto, test, none, picamera2, file:PATH or v4l2:/dev/NAME."""
    if text in ("auto", "test", "none", "picamera2"):
        return True
    kind, colon, rest = text.partition(":")
    if kind == "file" and colon:
        return _path(rest)
    return kind == "v4l2" and bool(re.fullmatch(r"/dev/[\w:.+-]+(/[\w:.+-]+)*", rest)) and ".." not in rest


def is_speaker(text: str) -> bool:
    """auto, none, device, device:ID, file:PATH or test."""
    if text in ("auto", "none", "device", "test"):
        return True
    kind, colon, rest = text.partition(":")
    return kind in ("file", "device") and colon != "" and _path(rest) and rest == rest.strip()


def is_microphone(text: str) -> bool:
    """What a speaker may be, or test:N, or test:N/M."""
    number = re.fullmatch(r"test:([0-9]{1,2})(?:/([0-9]{1,2}))?", text)
    if number is None:
        return is_speaker(text)
    voices = int(number[2]) if number[2] else limits.TEST_VOICE_MAX + 1
    return int(number[1]) < voices <= limits.TEST_VOICE_MAX + 1


def is_server(text: str) -> bool:
    """ws://HOST[:PORT], or a template: ws://HOST[:PORT]/PATH?QUERY with [CHANNEL_ID] in it."""
    if len(text) > limits.SERVER_URL_MAX_CHARS or not re.fullmatch(r"[\x21-\x7e]+", text):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    named = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?", host) or ":" in host
    if parts.scheme != "ws" or not named or "@" in parts.netloc or "#" in text or port == 0:
        return False
    rest = text[len("ws://") + len(parts.netloc) :]
    if rest in ("", "/"):
        return True
    literal = rest.replace("[CHANNEL_ID]", "").replace("[API_KEY]", "")
    return "[CHANNEL_ID]" in rest and "[" not in literal and "]" not in literal


def is_interface(text: str) -> bool:
    """A name that the kernel accepts for a network interface."""
    length = len(text.encode("utf-8", "replace"))
    plain = re.fullmatch(r"[^\s/:\x00-\x1f\x7f]+", text) is not None
    return plain and length <= limits.INTERFACE_NAME_MAX_BYTES and text not in (".", "..")


def _within(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: low <= value <= high


def _size(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: value == 0 or low <= value <= high


def _joining(value: float) -> bool:
    return math.isfinite(value) and 0 < value <= limits.JOINING_MINUTES_MAX


def _idle_minutes(value: float) -> bool:
    return math.isfinite(value) and 0 <= value <= limits.IDLE_MINUTES_MAX


def _token(text: str) -> bool:
    return re.fullmatch(r"[\x21-\x7e]+", text) is not None and len(text) <= limits.TOKEN_MAX_CHARS


def _socket(text: str) -> bool:
    length = len(text.encode("utf-8", "replace"))
    return text == "" or (text.startswith("/") and _path(text) and length <= limits.SOCKET_PATH_MAX_BYTES)


Test = Callable[[Any], bool]
Rules = Mapping[str, tuple[str, Test]]
"""By key (``presets[].room`` for all in a list): what is expected there in words, and the test."""

RULES: Rules = {
    "name": (
        f"a name of at most {limits.NAME_MAX_BYTES} bytes on one line, without spaces around it",
        lambda text: clean_text(text, limits.NAME_MAX_BYTES),
    ),
    "interfaces": (
        f"at most {limits.INTERFACES_MAX} interfaces",
        lambda items: len(items) <= limits.INTERFACES_MAX,
    ),
    "interfaces[]": (
        f"the name of a network interface (like eth0), at most {limits.INTERFACE_NAME_MAX_BYTES} bytes",
        is_interface,
    ),
    "servers": (f"at most {limits.SERVERS_MAX} servers", lambda items: len(items) <= limits.SERVERS_MAX),
    "servers[]": (
        "ws://HOST:PORT, or a template like ws://HOST:PORT/[CHANNEL_ID]?apiKey=[API_KEY]",
        is_server,
    ),
    "presets": (f"at most {limits.PRESETS_MAX} rooms", lambda items: len(items) <= limits.PRESETS_MAX),
    "presets[].label": (
        f"a label of 1 to {limits.NAME_MAX_BYTES} bytes on one line, without spaces around it",
        lambda text: text != "" and clean_text(text, limits.NAME_MAX_BYTES),
    ),
    "presets[].room": (
        f"a room number from {limits.ROOM_MIN} to {limits.ROOM_MAX}",
        _within(limits.ROOM_MIN, limits.ROOM_MAX),
    ),
    "signaling.port": ("a port number from 0 to 65535 (0: a free one)", _within(0, 65535)),
    "signaling.token": (
        f"1 to {limits.TOKEN_MAX_CHARS} letters, digits and signs, without spaces",
        _token,
    ),
    "video.source": (
        "auto, test, none, picamera2, file:PATH or v4l2:/dev/videoN",
        is_video_source,
    ),
    "video.encoder": (
        "auto, libx264 or h264_v4l2m2m",
        lambda text: text in ("auto", "libx264", "h264_v4l2m2m"),
    ),
    "video.uplink_kbps": (
        f"0 (no limit) or {limits.UPLINK_KBPS_MIN} to {limits.UPLINK_KBPS_MAX} kbit/s",
        _size(limits.UPLINK_KBPS_MIN, limits.UPLINK_KBPS_MAX),
    ),
    "audio.microphone": (
        f"auto, none, device, device:ID, file:PATH, test, test:N, test:N/M with N <= {limits.TEST_VOICE_MAX}",
        is_microphone,
    ),
    "audio.speaker": ("auto, none, device, device:ID, file:PATH or test", is_speaker),
    "audio.same_room": ("auto, on or off", lambda text: text in ("auto", "on", "off")),
    "audio.echo_control": ("auto, on or off", lambda text: text in ("auto", "on", "off")),
    "display.mode": (
        "auto, fullscreen, window or headless",
        lambda text: text in ("auto", "fullscreen", "window", "headless"),
    ),
    "display.width": (
        f"0 (the screen's) or {limits.SCREEN_SIDE_MIN} to {limits.SCREEN_SIDE_MAX} pixels",
        _size(limits.SCREEN_SIDE_MIN, limits.SCREEN_SIDE_MAX),
    ),
    "display.height": (
        f"0 (the screen's) or {limits.SCREEN_SIDE_MIN} to {limits.SCREEN_SIDE_MAX} pixels",
        _size(limits.SCREEN_SIDE_MIN, limits.SCREEN_SIDE_MAX),
    ),
    "display.dim_after_minutes": (
        f"0 (never) or up to {limits.IDLE_MINUTES_MAX} minutes",
        _idle_minutes,
    ),
    "display.off_after_minutes": (
        f"0 (never) or up to {limits.IDLE_MINUTES_MAX} minutes",
        _idle_minutes,
    ),
    "display.theme": ("dark or light", lambda text: text in ("dark", "light")),
    "display.language": (
        " or ".join((", ".join(list(languages.NAMES)[:-1]), list(languages.NAMES)[-1])),
        lambda text: text in languages.NAMES,
    ),
    "admin.pin": (
        f"{limits.PIN_DIGITS_MIN} to {limits.PIN_DIGITS_MAX} digits in quotes, or nothing",
        lambda text: text == "" or is_pin(text),
    ),
    "admin.pin_hash": (
        "the hash of a PIN as an appliance makes it, or nothing",
        lambda text: text == "" or pin_hash.is_text(text),
    ),
    "call.joining_minutes": (
        f"minutes, more than 0 and at most {limits.JOINING_MINUTES_MAX}",
        _joining,
    ),
    "control.socket": (
        f"an absolute path of at most {limits.SOCKET_PATH_MAX_BYTES} bytes, or nothing",
        _socket,
    ),
}


def mask_url(url: str) -> str:
    """Hide the API key in a server's URL; the template's own [API_KEY] stays."""
    return re.sub(r"(?i)(apikey=)(?!\[API_KEY\])[^&#]*", rf"\1{MASK}", url)


def expected(key: str, rules: Rules = RULES) -> str:
    """What belongs under a key, in words; list indices in ``key`` don't matter."""
    return rules[re.sub(r"\[\d+\]", "[]", key)][0]


def shown(value: object) -> str:
    """A value as an error quotes it: short, on one line, with its type where that is the point."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            text = repr(value)
            return text if len(text) <= 40 else text[:40] + "…"
        case str():
            text = value if len(value) <= 60 else value[:60] + "…"
            return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text) + '"'
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return "a table"
        case _:
            return f"the {type(value).__name__} {value}"


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]")


def check(config: dict[str, Any], file: str, rules: Rules = RULES) -> None:
    """Raise ConfigError for the first value that its rule refuses."""
    for key, value in _walk(config, ""):
        words, test = rules.get(re.sub(r"\[\d+\]", "[]", key), ("", None))
        if test is not None and not test(value):
            found = "something else" if key in SECRETS else mask_url(shown(value))
            raise ConfigError("config.value", file, key, words, found)
    width, height = config["display"]["width"], config["display"]["height"]
    if (width == 0) != (height == 0):
        words = "display.width and display.height, both or neither"
        raise ConfigError("config.value", file, "display.height", words, f"{width} x {height}")
    if config["admin"]["pin"] and config["admin"]["pin_hash"]:
        words = "admin.pin or admin.pin_hash"
        raise ConfigError("config.conflict", file, "admin.pin_hash", words, "both")
