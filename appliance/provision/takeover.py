"""Secrets on the card: which values they are, what the box keeps in their place, and the card without them.

A card can be read in any PC, so a secret stays on it only until the box has it. Its line becomes a comment,
the *mark*; everything else in the file stays as it was, to the last byte::

    passphrase = "open sesame"  # of the guests' network
    # passphrase = ""  # taken over by the box; [...]  # of the guests' network

A mark says: the value that the box keeps. So the file alone decides: a new value in it wins, and where the
mark is taken out too, the secret is forgotten. Of a passphrase the box keeps the key that it makes with the
network's name (WPA3 needs the passphrase itself), of the PIN a slow hash.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from appliance import config_checks
from appliance.config import Signaling
from appliance.core import limits, pin_hash, toml_places
from appliance.core.toml_places import Comment, Places, shown_path

if TYPE_CHECKING:
    from appliance.provision.card import Card, Wifi

SECRETS = ("network.wifi.passphrase", "system.admin_pin", "admin.pin", "signaling.token", "servers")
"""``signaling.token`` when it is not everybody's, ``servers`` when a key stands in the address of one."""

_MARK = "taken over by the box"
_HOW = "; to change it, take the first # away and write it here"
_HOW_IN_BRACES = '; to change it, write {key} = "..." between the braces below'
_MARKED = re.compile(rf"#[ \t]*([\w.\"'-][\w.\"' \t-]*?)[ \t]*(?:=[ \t]*(?:\"\"|\[\])[ \t]*#|:)[ \t]*{_MARK}")


class WifiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What opens one Wi-Fi network. ``psk``: 64 digits of hexadecimal; ``passphrase``: for WPA3 alone."""

    ssid: str
    psk: str
    passphrase: str = ""


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The secrets that the box keeps. ``pin_hash``: as ``core/pin_hash.py`` writes it."""

    wifi: WifiKey | None = None
    pin_hash: str = ""
    token: str = ""
    servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """``kept``: a card's secrets from now on; ``off``: the keys that leave it, ``text``: it without them;
    ``lost``: keys whose value was taken over and is gone.
    """

    kept: Kept
    off: tuple[str, ...]
    text: str
    lost: tuple[str, ...]


def take(card: Card, before: Kept, salt: bytes, again: bool = False) -> Taken:
    """Take a card's secrets over. ``before``: the last card's; ``salt``: ``PIN_SALT_BYTES`` random bytes.

    ``again``: it is the last card still, whose secrets could not leave it. Else a PIN on it was typed anew.
    """
    lost: list[str] = []
    kept = Kept(
        wifi=_wifi(card, before.wifi, lost),
        pin_hash=_pin(card, before.pin_hash, salt, again, lost),
        token=_token(card, before.token, lost),
        servers=_servers(card, before.servers, lost),
    )
    off = tuple(key for key in SECRETS if key in card.given and _is_secret(card, key))
    return Taken(kept, off, without(card.text, off) if off else card.text, tuple(lost))


def _is_secret(card: Card, key: str) -> bool:
    value = _value(card, key)
    if key == "signaling.token":
        return bool(value != Signaling().token)
    if key == "servers":
        return any(config_checks.mask_url(url) != url for url in value)
    return bool(value)


def _value(card: Card, key: str) -> Any:
    match key:
        case "network.wifi.passphrase":
            return card.network.wifi.passphrase
        case "system.admin_pin":
            return card.system.admin_pin
        case _:
            table, _, inner = key.rpartition(".")
            return (card.box[table] if table else card.box)[inner]


def _wifi(card: Card, before: WifiKey | None, lost: list[str]) -> WifiKey | None:
    wifi = card.network.wifi
    if not wifi.ssid or wifi.security == "open":
        return None
    if wifi.passphrase:
        passphrase = wifi.passphrase if wifi.security == "wpa3" else ""
        return WifiKey(wifi.ssid, psk(wifi.ssid, wifi.passphrase), passphrase)
    if before is not None and fits(before, wifi):
        return before
    lost.append("network.wifi.passphrase")
    return None


def fits(key: WifiKey, wifi: Wifi) -> bool:
    """Does a key open this network?"""
    return key.ssid == wifi.ssid and (wifi.security == "wpa2" or key.passphrase != "")


def psk(ssid: str, passphrase: str) -> str:
    """The key of a network in hexadecimal, as ``wpa_passphrase`` makes it (IEEE 802.11, J.4)."""
    if re.fullmatch(r"[0-9A-Fa-f]{64}", passphrase):
        return passphrase.lower()
    made = hashlib.pbkdf2_hmac(
        "sha1", passphrase.encode(), ssid.encode(), limits.WIFI_KEY_ROUNDS, limits.WIFI_KEY_BYTES
    )
    return made.hex()


def _pin(card: Card, before: str, salt: bytes, again: bool, lost: list[str]) -> str:
    pin = card.system.admin_pin or card.box.get("admin", {}).get("pin", "")
    if pin:
        # The box takes over every hash that is new to it, and forgets the PIN that was set on its screen.
        same = again and before != "" and pin_hash.from_text(before).fits(pin)
        return before if same else pin_hash.to_text(pin_hash.make(pin, salt))
    key = next((key for key in ("system.admin_pin", "admin.pin") if key in card.marked), "")
    if not key or key in card.given or "admin.pin_hash" in card.given:
        return ""
    if not before:
        lost.append(key)
    return before


def _token(card: Card, before: str, lost: list[str]) -> str:
    key = "signaling.token"
    if key in card.given:
        return str(card.box["signaling"]["token"]) if _is_secret(card, key) else ""
    if key not in card.marked:
        return ""
    if not before:
        lost.append(key)
    return before


def _servers(card: Card, before: tuple[str, ...], lost: list[str]) -> tuple[str, ...]:
    if "servers" in card.given:
        return tuple(card.box["servers"]) if _is_secret(card, "servers") else ()
    if "servers" not in card.marked:
        return ()
    if not before:
        lost.append("servers")
    return before


# --- The text ---------------------------------------------------------------------------------------


def marked(places: Places) -> frozenset[str]:
    """The secrets whose mark stands in a text."""
    return frozenset(key for comment in places.comments if (key := _marked_key(comment)) is not None)


def _marked_key(comment: Comment) -> str | None:
    match = _MARKED.match(comment.text)
    if match is None:
        return None
    name = re.sub(r"[\"' \t]", "", match[1])
    key = ".".join(part for part in (shown_path(comment.table), name) if part)
    return key if key in SECRETS else None


def without(text: str, keys: tuple[str, ...]) -> str:
    """The same text with marks in the place of these keys' values, which must be there."""
    places = toml_places.find(text)
    # Older marks of the same keys, now that there is a new value beside them.
    edits = [
        _unmark(text, comment)
        for comment in places.comments
        if comment.alone and _marked_key(comment) in keys
    ]
    for key in keys:
        entry = places.entries[key]
        if entry.start == entry.statement:
            name = text[entry.start : entry.value].rstrip().removesuffix("=").rstrip()
            empty = "[]" if text[entry.value] == "[" else '""'
            # The space and the comment behind it, if any, stay where they are.
            rest = text[entry.end :].partition("\n")[0]
            note = "" if _MARK in rest else f"  # {_MARK}{_HOW}"
            # Comments inside a list stay, each on a line of its own.
            inside = "".join(
                _newline(text) + comment.text
                for comment in places.comments
                if entry.value < comment.start < entry.end
            )
            edits.append((entry.start, entry.end, f"# {name} = {empty}{note}{inside}"))
        else:
            edits += _out_of_braces(text, places, key)
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _unmark(text: str, comment: Comment) -> tuple[int, int, str]:
    """Take a mark out: its whole line, but for what a person wrote behind it."""
    match = _MARKED.match(comment.text)
    left = comment.text[match.end() :] if match else ""
    for how in (_HOW, *(_HOW_IN_BRACES.format(key=key.rpartition(".")[2]) for key in SECRETS)):
        left = left.removeprefix(how)
    left = left.strip()
    if left:
        return comment.start, comment.end, left if left.startswith("#") else f"# {left}"
    end = text.find("\n", comment.end)
    return text.rfind("\n", 0, comment.start) + 1, len(text) if end < 0 else end + 1, ""


def _out_of_braces(text: str, places: Places, key: str) -> list[tuple[int, int, str]]:
    """No comment can stand in an inline table of TOML 1.0: the pair goes, the mark stands above the line."""
    entry = places.entries[key]
    if entry.before >= 0:
        gone = (entry.before, entry.end)
    elif entry.after >= 0:
        gone = (entry.start, entry.after)
    else:
        gone = (entry.start, entry.end)
    start = text.rfind("\n", 0, entry.statement) + 1
    table = _table_around(places, entry.statement)
    name = key.removeprefix(f"{table}.") if table else key
    mark = f"# {name}: {_MARK}{_HOW_IN_BRACES.format(key=key.rpartition('.')[2])}{_newline(text)}"
    return [(*gone, ""), (start, start, text[start : entry.statement] + mark)]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _table_around(places: Places, offset: int) -> str:
    """The [table] whose statements stand at an offset."""
    headers = [(start, name) for name, start in places.tables.items() if start < offset]
    return max(headers)[1] if headers else ""
