"""What we accept in another box's SDP, and what ours says (RFC 8866, RFC 8839, RFC 8122).

Our checks come before the WebRTC library's parser sees a byte. A description is refused unless

- it is printable ASCII in lines of ``x=...``, within the size bounds (so that no two parsers can
  disagree on where a line ends);
- it has at most one audio, one video and one application section, and nothing else;
- all its sections share one SHA-256 fingerprint, which is neither ours nor in use on another link,
  one ICE user fragment and one password;
- its candidates are literal UDP host addresses that ``allowed`` takes, at most ``CANDIDATES_MAX``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from appliance.core import limits
from appliance.errors import RemoteProtocolError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

KINDS = ("audio", "video", "application")

_TEXT = re.compile(r"[\x20-\x7e\r\n]*")
_FINGERPRINT = re.compile(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}")
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_MEDIA = re.compile(r"m=([a-z]+) ([0-9]{1,5}) ([A-Z/]+) ([A-Za-z0-9 -]+)")
_HIDDEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class SdpFacts:
    """What matters of a description. ``fingerprint``: upper case, with colons, without the algorithm's
    name. ``candidates``: (address, port). ``kinds``: of the sections, in their order.
    """

    fingerprint: str
    ufrag: str
    pwd: str = field(repr=False)
    candidates: tuple[tuple[str, int], ...]
    kinds: tuple[str, ...]


def lan_address(address: IPAddress) -> bool:
    """Whether an address can only be on this machine or in a private network (RFC 1918, 3927, 4193)."""
    return any(address.version == network.version and address in network for network in _LAN)


_LAN = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "::1/128",
    )
)


def only_sha256(sdp: str) -> str:
    """Take the fingerprints of every other algorithm out of a description of ours."""
    return "".join(
        line
        for line in sdp.splitlines(keepends=True)
        if not line.startswith("a=fingerprint:") or line.startswith("a=fingerprint:sha-256 ")
    )


def check_remote(
    sdp: str, *, allowed: Callable[[IPAddress], bool], used_fingerprints: Collection[str]
) -> SdpFacts:
    """Check a description that another box sent.

    ``allowed``: may we send datagrams to this address? ``used_fingerprints``: ours, and those of
    other links, as in ``SdpFacts``. Raises RemoteProtocolError (codes ``sdp.*``).
    """
    session, sections = _lines(sdp)
    kinds = tuple(_kind(section[0]) for section in sections)
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise _refused("sections", f"more than one {kind} section")
    if not kinds:
        raise _refused("sections", "no media section")

    fingerprint = _agreed("fingerprint", session, sections, _fingerprint)
    if fingerprint in used_fingerprints:
        raise _refused("fingerprint.used", "a fingerprint that is already in use")
    ufrag = _agreed("ice-ufrag", session, sections, lambda value: _matching("ufrag", _UFRAG, value))
    pwd = _agreed("ice-pwd", session, sections, lambda value: _matching("pwd", _PWD, value))

    candidates: dict[tuple[str, int], None] = {}
    for lines in (session, *sections):
        for value in _values("candidate", lines):
            candidates[check_candidate(value, allowed=allowed)] = None
    if len(candidates) > limits.CANDIDATES_MAX:
        raise _refused("candidates", f"more than {limits.CANDIDATES_MAX} candidates")
    return SdpFacts(fingerprint, ufrag, pwd, tuple(candidates), kinds)


def without_foreign(sdp: str, *, allowed: Callable[[IPAddress], bool]) -> str:
    """Leave out host candidates that this box can't use: the other box may be on more networks than
    this one, and a browser offers TCP, and names that only mDNS can resolve, beside its addresses.

    Only well-formed ones; anything else stays, for ``check_remote`` to refuse, and so do all
    addresses when none would be left.
    """
    lines = [line for line in sdp.splitlines(keepends=True) if not _only_for_browsers(line)]
    sdp = "".join(lines)
    kept = []
    usable = False
    for line in lines:
        bits = line.split()
        if line.startswith("a=candidate:") and len(bits) > 4:
            try:
                if not allowed(ipaddress.ip_address(bits[4])):
                    continue
                usable = True
            except ValueError:
                pass
        kept.append(line)
    return "".join(kept) if usable else sdp


def check_candidate(value: str, *, allowed: Callable[[IPAddress], bool]) -> tuple[str, int]:
    """Check one candidate attribute's value (without ``candidate:``); return (address, port).

    RFC 8839 section 5.1. Raises RemoteProtocolError (``sdp.candidate``).
    """
    bits = value.split()
    if len(bits) < 8 or bits[1] != "1" or bits[2].lower() != "udp" or bits[6] != "typ" or bits[7] != "host":
        raise _refused("candidate", "a candidate that is not a UDP host address")
    if not all(bit.isdecimal() for bit in (bits[3], bits[5])) or not _PORT.fullmatch(bits[5]):
        raise _refused("candidate", "a candidate without a port or priority")
    if len(bits[3]) > 10 or len(bits[0]) > 32:
        raise _refused("candidate", "a candidate with a strange priority or foundation")
    port = int(bits[5])
    try:
        address = ipaddress.ip_address(bits[4])
    except ValueError:
        raise _refused("candidate", "a candidate that is not a literal address") from None
    if not 0 < port < 65536:
        raise _refused("candidate", "a candidate with port 0 or above 65535")
    scoped = isinstance(address, ipaddress.IPv6Address) and (address.scope_id or address.ipv4_mapped)
    if scoped or address.is_unspecified or address.is_multicast or str(address) == "255.255.255.255":
        raise _refused("candidate", "a candidate that no box can have")
    if not allowed(address):
        raise _refused("candidate", "a candidate outside of the local networks")
    return str(address), port


# --- inside ---------------------------------------------------------------------------------------


def _only_for_browsers(line: str) -> bool:
    """Whether this is a host candidate over TCP (RFC 6544), or an address hidden behind a random name."""
    bits = line.split()
    if not line.startswith("a=candidate:") or len(bits) < 8 or bits[6:8] != ["typ", "host"]:
        return False
    return (bits[2].lower() == "tcp" and bits[8:9] == ["tcptype"]) or bool(_HIDDEN.fullmatch(bits[4]))


def _refused(code: str, what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"sdp.{code}", f"The other box's media description has {what}")


def _lines(sdp: str) -> tuple[list[str], list[list[str]]]:
    """Split into session lines and sections, each with its ``m=`` line first."""
    if len(sdp) > limits.SDP_MAX_BYTES:
        raise _refused("size", f"more than {limits.SDP_MAX_BYTES} bytes")
    text = sdp.replace("\r\n", "\n")
    if not _TEXT.fullmatch(text) or "\r" in text:
        raise _refused("characters", "characters that don't belong there")
    session: list[str] = []
    sections: list[list[str]] = []
    for line in text.split("\n"):
        if not line:
            continue
        if len(line) > limits.SDP_LINE_MAX_BYTES or len(line) < 2 or line[1] != "=" or not line[0].isalpha():
            raise _refused("line", "a malformed line")
        if line.startswith("m="):
            sections.append([line])
        else:
            (sections[-1] if sections else session).append(line)
    return session, sections


def _kind(line: str) -> str:
    media = _MEDIA.fullmatch(line)
    if media is None or media[1] not in KINDS:
        raise _refused("sections", "a section that is not audio, video or application")
    return media[1]


def _values(attribute: str, lines: Iterable[str]) -> list[str]:
    prefix = f"a={attribute}:"
    if f"a={attribute}" in lines:
        raise _refused("line", f"an {attribute} without a value")
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]


def _agreed(
    attribute: str, session: list[str], sections: list[list[str]], parse: Callable[[str], str]
) -> str:
    """The one value that an attribute has in every section, be it its own or the session's."""
    common = _values(attribute, session)
    values = {parse(value) for value in common}
    for section in sections:
        own = _values(attribute, section)
        if not own and not common:
            raise _refused(attribute, f"a section without {attribute}")
        values.update(parse(value) for value in own)
    if len(values) != 1:
        raise _refused(attribute, f"more than one {attribute}")
    return values.pop()


def _fingerprint(value: str) -> str:
    algorithm, _, digest = value.partition(" ")
    digest = digest.strip().upper()
    if algorithm.lower() != "sha-256" or not _FINGERPRINT.fullmatch(digest):
        raise _refused("fingerprint", "a fingerprint that is not SHA-256")
    return digest


def _matching(name: str, pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise _refused(name, f"a malformed {name}")
    return value
