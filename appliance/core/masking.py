"""What a support report may say: secrets never, addresses under other names.

The rules, in this order:

* A *known* secret, something that this machine keeps in a file for secrets, is masked wherever it appears: as
  it is, in hexadecimal, in base64, in a URL.
* What *looks like* one is masked without being known: private keys, the value after ``password =`` and the
  like, long runs of hexadecimal or base64.
* An address gets a name that says its kind, and the same one wherever it appears in one report. Of two
  reports nobody can tell whether an address is the same: the numbers count what came first.

What is masked can't be undone: no table of names is kept beside the report.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import quote

from appliance.core import limits

MASK = "[masked]"

# Addresses that every network has; they say nothing of this one.
_COMMON = frozenset(
    {
        "0.0.0.0",  # noqa: S104 - not bound to, only read
        "127.0.0.1",
        "224.0.0.1",
        "224.0.0.22",
        "224.0.0.251",
        "255.255.255.255",
        "::",
        "::1",
        "ff02::1",
        "ff02::2",
        "ff02::16",
        "ff02::fb",
    }
)
_COMMON_MACS = frozenset({"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"})

_PEM = re.compile(
    r"-----BEGIN [^\n-]*(?:PRIVATE|SECRET)[^\n-]*-----.*?(?:-----END [^\n-]*-----|\Z)", re.DOTALL
)
_WORDS = (
    r"pass(?:word|phrase|wd|code)?|psk|sae_password|wep_key\d?|secret|token|api_?key|private_?key"
    r"|pin(?:_hash)?|credentials?"
)
# `psk=...`, `"password": "..."`, `--token ...`, `pin is ...`: the value, in quotes or up to a blank.
_SAID = re.compile(
    rf"""(?ix) (?<![a-z]) ((?:{_WORDS}) ["']? \s* (?:[=:]|\bis\b|\s--?) \s*)
        ( "[^"\n]*" | '[^'\n]*' | [^\s,;&"'}}\]]+ )"""
)
_IN_A_URL = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@]+:)[^\s/@]+(?=@)")
_LONG = re.compile(
    r"(?<![0-9A-Za-z+/_=-])(?:[0-9A-Fa-f]{32,}|[0-9A-Za-z+/_-]{40,}={0,2})(?![0-9A-Za-z+/_=-])"
)
_MAC = re.compile(r"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![0-9A-Fa-f:])")
_V4 = re.compile(r"(?<![0-9.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9]|\.\d)")
_V6 = re.compile(
    r"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?![0-9A-Za-z:])"
)


class Masker:
    """One for a whole report, so that an address has one name in all of its files.

    ``secrets``: known ones. Those shorter than ``limits.MASK_SHORTEST`` would mask half of every text, and
    are taken only as whole words.
    """

    def __init__(self, secrets: Iterable[str | bytes] = ()) -> None:
        self._names: dict[str, str] = {}  # an address as it is written canonically -> its name
        self._counts: dict[str, int] = {}
        forms = {form for secret in secrets for form in _forms(secret)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(_pattern, ordered))) if ordered else None

    def mask(self, text: str) -> str:
        """The text as it may be handed on."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = _PEM.sub(MASK, text)
        text = _SAID.sub(rf"\g<1>{MASK}", text)
        text = _IN_A_URL.sub(rf"\g<1>{MASK}", text)
        text = _MAC.sub(self._mac, text)
        text = _V6.sub(self._v6, text)
        text = _V4.sub(self._v4, text)
        return _LONG.sub(_key, text)

    def _mac(self, found: re.Match[str]) -> str:
        address = found[0].lower().replace("-", ":")
        return found[0] if address in _COMMON_MACS else self._name("mac", address)

    def _v4(self, found: re.Match[str]) -> str:
        try:
            address = ipaddress.IPv4Address(found[0])
        except ValueError:
            return found[0]  # a version number, or nothing at all
        return self._address(address, found[0])

    def _v6(self, found: re.Match[str]) -> str:
        try:
            address = ipaddress.IPv6Address(found[0])
        except ValueError:
            return found[0]  # a time of day
        return self._address(address, found[0])

    def _address(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address, written: str) -> str:
        if str(address) in _COMMON:
            return written
        return self._name(_kind(address), str(address))

    def _name(self, kind: str, address: str) -> str:
        if address not in self._names:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[address] = f"{kind}-{number}"
        return self._names[address]


def _key(found: re.Match[str]) -> str:
    """A run of hexadecimal, or of what looks drawn by lot; a path in a file system is neither."""
    text = found[0]
    if re.fullmatch(r"[0-9A-Fa-f]+", text):
        return MASK
    drawn = all(re.search(kind, text) for kind in ("[0-9]", "[a-z]", "[A-Z]"))
    return MASK if drawn and len(text) / (text.count("/") + 1) >= limits.MASK_BETWEEN_SLASHES else text


def _kind(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.is_loopback:
        name = "loopback"
    elif address.is_multicast:
        name = "multicast"
    elif address.is_link_local:
        name = "link-local"
    else:
        name = "private" if address.is_private else "public"
    return f"{name}-ipv{address.version}"


def _forms(secret: str | bytes) -> set[str]:
    """The ways in which a secret may be written."""
    raw = secret.encode() if isinstance(secret, str) else secret
    forms = {raw.hex(), raw.hex().upper()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= {encode(raw).decode(), encode(raw).decode().rstrip("=")}
    forms.add(binascii.b2a_base64(raw, newline=False).decode())
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = ""
    if text.isprintable():
        forms |= {text, quote(text, safe="")}
    return {form for form in forms if len(form) >= limits.MASK_LEAST}


def _pattern(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= limits.MASK_SHORTEST else rf"(?<![0-9A-Za-z]){escaped}(?![0-9A-Za-z])"
