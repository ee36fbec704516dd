"""``meetingbox.toml`` on the card: the configuration's keys, and the machine's (``[network]``, ``[system]``).

Some of ``[system]`` are other names of keys that the configuration has in another place, because who writes
a card looks for them there; ``ALIASES`` names them. One of the two may be given, not both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from appliance import config as configuration
from appliance.config import Config, keys_of
from appliance.core import toml_places
from appliance.errors import ConfigError
from appliance.provision import card_checks, takeover

FILE = "meetingbox.toml"


class Ethernet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``method``: dhcp, static, link-local (a network without a router) or off. The others are of static:
    ``address`` with the length of its network, 10.1.2.3/24, ``gateway`` where there is one; both of IPv6 too.
    """

    method: str = "dhcp"
    address: str = ""
    gateway: str = ""
    address6: str = ""
    gateway6: str = ""


class Wifi(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``country``: ISO 3166, two letters. ``ssid``: empty for no Wi-Fi. ``security``: wpa2, wpa3 or open.

    ``hidden``: the network does not tell its name. The rest is Ethernet's.
    """

    country: str = ""
    ssid: str = ""
    passphrase: str = ""
    security: str = "wpa2"
    hidden: bool = False
    method: str = "dhcp"
    address: str = ""
    gateway: str = ""
    address6: str = ""
    gateway6: str = ""


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``ipv6``: auto (link-local addresses, and what a router says) or off."""

    ipv6: str = "auto"
    ethernet: Ethernet = Ethernet()
    wifi: Wifi = Wifi()


class System(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``time_zone``: of the IANA database. ``keyboard``: an XKB layout, de or ch(fr). ``rotation``: of the
    screen, 0, 90, 180 or 270 degrees clockwise. ``ssh_keys``: of the administrator, lines of authorized_keys.
    For the others see ``ALIASES``.
    """

    name: str = ""
    language: str = "en"
    microphone: str = "auto"
    speaker: str = "auto"
    admin_pin: str = ""
    time_zone: str = "Etc/UTC"
    keyboard: str = "us"
    rotation: int = 0
    ssh_keys: tuple[str, ...] = ()


class Schema(Config, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    network: Network = Network()
    system: System = System()


ALIASES = {
    "system.name": "name",
    "system.language": "display.language",
    "system.microphone": "audio.microphone",
    "system.speaker": "audio.speaker",
    "system.admin_pin": "admin.pin",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A card without a mistake.

    ``box``: the keys of the configuration that are given, as tables, aliases under their own name.
    ``text``: the file's; ``marked``: the secrets that were taken off it before (``takeover``).
    """

    text: str
    box: dict[str, Any]
    network: Network
    system: System
    given: frozenset[str]
    marked: frozenset[str]

    @property
    def config(self) -> Config:
        """The box's configuration, with the secrets that stand on the card."""
        return configuration.convert(self.box, FILE)


def parse(text: str, file: str = FILE) -> Card:
    """Read a card. Raises ConfigError, with the line of what is wrong."""
    data = configuration.decode(text, file)
    if not text.strip():
        raise ConfigError("config.empty", file, "", "settings, or a # before each of them", "an empty file")
    with configuration.naming_lines(text):
        schema = configuration.convert_as(Schema, data, file, card_checks.RULES)
        places = toml_places.find(text)
        marked = takeover.marked(places)
        given = _given(data)
        _refuse_doubles(file, given, places)
        card_checks.check_network(file, schema.network, "network.wifi.passphrase" in marked)
        card = Card(text, _box(data), schema.network, schema.system, given, marked)
        configuration.convert(card.box, file)
    return card


def _given(data: dict[str, Any]) -> frozenset[str]:
    """All keys that have a value, those of tables in tables too."""
    found = set(keys_of(data))
    for table in ("ethernet", "wifi"):
        inner = data.get("network", {}).get(table, {})
        found |= {f"network.{table}.{key}" for key in inner}
    return frozenset(found)


def _refuse_doubles(file: str, given: frozenset[str], places: toml_places.Places) -> None:
    for alias, key in ALIASES.items():
        if alias in given and key in given:
            found = f"{key} in line {places.line(key)} too"
            raise ConfigError("config.conflict", file, alias, f"it under one name, {alias} or {key}", found)
    if "system.admin_pin" in given and "admin.pin_hash" in given:
        words = "system.admin_pin or admin.pin_hash"
        raise ConfigError("config.conflict", file, "system.admin_pin", words, "both")


def _box(data: dict[str, Any]) -> dict[str, Any]:
    """The tables of the box's own configuration."""
    box = {
        key: dict(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if key not in ("network", "system")
    }
    for alias, key in ALIASES.items():
        name = alias.partition(".")[2]
        if name in data.get("system", {}):
            table, _, inner = key.rpartition(".")
            (box.setdefault(table, {}) if table else box)[inner] = data["system"][name]
    return box
