"""What the values of ``[network]`` and ``[system]`` may be, and which of them go together."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import struct
from typing import TYPE_CHECKING

from appliance import config_checks
from appliance.core import limits
from appliance.errors import ConfigError

if TYPE_CHECKING:
    from appliance.provision.card import Ethernet, Network, Wifi

# ISO 3166-1, which Wi-Fi's rules of each country go by.
COUNTRIES = frozenset(
    re.findall(
        "[A-Z]{2}",
        """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
    """,
    )
)
METHODS = ("dhcp", "static", "link-local", "off")
KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
WIFI_KEY = re.compile(r"[0-9A-Fa-f]{64}")


def is_time_zone(text: str) -> bool:
    """May it be the name of a file of the IANA database? Which of them are there is the machine's to say."""
    return len(text) <= limits.TIME_ZONE_MAX_CHARS and bool(
        re.fullmatch(r"[A-Za-z][A-Za-z0-9+_-]*(/[A-Za-z0-9][A-Za-z0-9+_-]*){0,2}", text)
    )


def keyboard_parts(text: str) -> tuple[str, str] | None:
    """Layout and variant of ``de`` or ``ch(fr)``; None: neither."""
    match = re.fullmatch(r"([a-z]{2,8})(?:\(([A-Za-z0-9_-]{1,32})\))?", text)
    return (match[1], match[2] or "") if match else None


def is_ssh_key(text: str) -> bool:
    """One line of ``authorized_keys`` without options: type, key in base64, and a comment if any."""
    if len(text) > limits.SSH_KEY_MAX_CHARS or not text.isprintable():
        return False
    kind, _, rest = text.partition(" ")
    try:
        blob = base64.b64decode(rest.partition(" ")[0], validate=True)
        (length,) = struct.unpack_from(">I", blob)
    except (binascii.Error, struct.error, ValueError):
        return False
    return kind in KEY_TYPES and blob[4 : 4 + length] == kind.encode() and len(blob) > 4 + length


def is_passphrase(text: str) -> bool:
    """8 to 63 signs of ASCII, or the key itself: 64 digits of hexadecimal (IEEE 802.11, J.4)."""
    return (
        text == "" or WIFI_KEY.fullmatch(text) is not None or bool(re.fullmatch(r"[\x20-\x7e]{8,63}", text))
    )


def _interface4(text: str) -> bool:
    try:
        found = ipaddress.IPv4Interface(text)
    except ValueError:
        return False
    return "/" in text and _usable(found) and found.network.prefixlen <= 30


def _interface6(text: str) -> bool:
    try:
        found = ipaddress.IPv6Interface(text)
    except ValueError:
        return False
    return "/" in text and "%" not in text and _usable(found)


def _usable(found: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> bool:
    edges = isinstance(found, ipaddress.IPv4Interface) and found.ip in (
        found.network.network_address,
        found.network.broadcast_address,
    )
    return _host(found.ip) and not edges


def _host(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not (address.is_multicast or address.is_loopback or address.is_unspecified)


def _gateway4(text: str) -> bool:
    try:
        return _host(ipaddress.IPv4Address(text))
    except ValueError:
        return False


def _gateway6(text: str) -> bool:
    try:
        return "%" not in text and _host(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def _or_empty(test: config_checks.Test) -> config_checks.Test:
    return lambda text: text == "" or test(text)


def _lan_rules(table: str) -> dict[str, tuple[str, config_checks.Test]]:
    return {
        f"{table}.method": (", ".join(METHODS[:-1]) + f" or {METHODS[-1]}", lambda text: text in METHODS),
        f"{table}.address": (
            "an IPv4 address with the length of its network, like 192.168.7.21/24",
            _or_empty(_interface4),
        ),
        f"{table}.gateway": ("the IPv4 address of a router, like 192.168.7.1", _or_empty(_gateway4)),
        f"{table}.address6": (
            "an IPv6 address with the length of its network, like fd00:7::21/64",
            _or_empty(_interface6),
        ),
        f"{table}.gateway6": ("the IPv6 address of a router, like fd00:7::1", _or_empty(_gateway6)),
    }


RULES: config_checks.Rules = {
    **config_checks.RULES,
    # The firewall lets this port in: it must be known before the box takes it.
    "signaling.port": ("a port number from 1 to 65535", lambda port: 1 <= port <= 65535),
    "network.ipv6": ("auto or off", lambda text: text in ("auto", "off")),
    **_lan_rules("network.ethernet"),
    **_lan_rules("network.wifi"),
    "network.wifi.country": (
        'the country in which the box stands, as two letters: "DE", "GB", "US"',
        lambda text: text == "" or text.upper() in COUNTRIES,
    ),
    "network.wifi.ssid": (
        f"the name of the network, at most {limits.SSID_MAX_BYTES} bytes",
        lambda text: len(text.encode("utf-8", "replace")) <= limits.SSID_MAX_BYTES and "\0" not in text,
    ),
    "network.wifi.passphrase": ("8 to 63 letters, digits and signs of ASCII", is_passphrase),
    "network.wifi.security": ("wpa2, wpa3 or open", lambda text: text in ("wpa2", "wpa3", "open")),
    "system.name": config_checks.RULES["name"],
    "system.language": config_checks.RULES["display.language"],
    "system.microphone": config_checks.RULES["audio.microphone"],
    "system.speaker": config_checks.RULES["audio.speaker"],
    "system.admin_pin": config_checks.RULES["admin.pin"],
    "system.time_zone": ('the name of a time zone, like "Europe/Berlin"', is_time_zone),
    "system.keyboard": (
        'a keyboard layout, like "de", or "ch(fr)" with its variant',
        lambda text: keyboard_parts(text) is not None,
    ),
    "system.rotation": ("0, 90, 180 or 270", lambda value: value in (0, 90, 180, 270)),
    "system.ssh_keys": (
        f"at most {limits.SSH_KEYS_MAX} keys",
        lambda items: len(items) <= limits.SSH_KEYS_MAX,
    ),
    "system.ssh_keys[]": ('a public SSH key, like "ssh-ed25519 AAAA... name"', is_ssh_key),
}


def check_network(file: str, network: Network, passphrase_kept: bool) -> None:
    """Raise ConfigError for values that contradict each other, or miss another one.

    ``passphrase_kept``: the passphrase was taken off this card before.
    """
    _check_wifi(file, network.wifi, passphrase_kept)
    for table, lan in (("network.ethernet", network.ethernet), ("network.wifi", network.wifi)):
        _check_addresses(file, table, lan, network.ipv6)


def _check_wifi(file: str, wifi: Wifi, passphrase_kept: bool) -> None:
    table = "network.wifi"
    if not wifi.ssid:
        for key, value in (("passphrase", wifi.passphrase), ("hidden", wifi.hidden)):
            if value:
                words = f"{table}.ssid beside it, the name of the network"
                raise ConfigError("config.missing-key", file, f"{table}.{key}", words, "none")
        return
    if not wifi.country:
        words = RULES[f"{table}.country"][0]
        raise ConfigError("config.country", file, f"{table}.country", words, "nothing")
    if wifi.security == "open" and wifi.passphrase:
        words = 'no passphrase with security = "open"'
        raise ConfigError("config.conflict", file, f"{table}.passphrase", words, "one")
    if wifi.security != "open" and not wifi.passphrase and not passphrase_kept:
        words = RULES[f"{table}.passphrase"][0] + ', or security = "open"'
        raise ConfigError("config.missing-key", file, f"{table}.passphrase", words, "nothing")
    if wifi.security == "wpa3" and WIFI_KEY.fullmatch(wifi.passphrase):
        words = "the passphrase itself, which wpa3 needs"
        raise ConfigError("config.value", file, f"{table}.passphrase", words, "its key")


def _check_addresses(file: str, table: str, lan: Ethernet | Wifi, ipv6: str) -> None:
    if lan.method == "static" and not lan.address and not lan.address6:
        words = RULES[f"{table}.address"][0]
        raise ConfigError("config.missing-key", file, f"{table}.address", words, "nothing")
    if lan.method != "static":
        for key in ("address", "gateway", "address6", "gateway6"):
            if getattr(lan, key):
                words = 'method = "static" beside it'
                found = f'method = "{lan.method}"'
                raise ConfigError("config.conflict", file, f"{table}.{key}", words, found)
    if ipv6 == "off" and (lan.address6 or lan.gateway6):
        key = "address6" if lan.address6 else "gateway6"
        raise ConfigError("config.conflict", file, f"{table}.{key}", "no such one with ipv6 = off", "one")
    for suffix in ("", "6"):
        address, gateway = getattr(lan, f"address{suffix}"), getattr(lan, f"gateway{suffix}")
        if not gateway:
            continue
        if not address:
            words = f"{table}.address{suffix} beside it"
            raise ConfigError("config.missing-key", file, f"{table}.gateway{suffix}", words, "nothing")
        network = ipaddress.ip_interface(address).network
        inside = ipaddress.ip_address(gateway)
        # A router may be named by its link-local address, whatever the network (RFC 4861).
        if inside not in network and not (inside.version == 6 and inside.is_link_local):
            words = f"a router in {network}, the network of {table}.address{suffix}"
            raise ConfigError("config.conflict", file, f"{table}.gateway{suffix}", words, gateway)
        if inside == ipaddress.ip_interface(address).ip:
            words = f"another address than {table}.address{suffix}"
            raise ConfigError("config.conflict", file, f"{table}.gateway{suffix}", words, "the same")
