"""What a card would do, in words, for who writes it on a computer of his own."""

from __future__ import annotations

import re
from pathlib import Path

from appliance import config as configuration
from appliance.core.languages import NAMES
from appliance.provision import apply, disk, takeover
from appliance.provision import card as card_
from appliance.provision.card import Card, Ethernet, Wifi
from appliance.provision.takeover import Kept

_SALT = bytes(16)  # nothing is kept here


def check(path: Path) -> Card:
    """Read a card as a box would, and touch nothing. Raises ConfigError."""
    text, _ = disk.read_card(path, repair=False)
    return card_.parse(text, str(path))


def lines(card: Card) -> list[str]:
    """What a box does with a card."""
    config = card.config
    pairs = [
        ("name", config.name or "the host name, meetingbox- and the board's serial number"),
        ("language", NAMES[config.display.language]),
        ("time zone", card.system.time_zone),
        ("keyboard", card.system.keyboard),
        ("screen", f"turned by {card.system.rotation} degrees" if card.system.rotation else "not turned"),
        ("microphone", config.audio.microphone),
        ("loudspeaker", config.audio.speaker),
        ("camera", config.video.source),
        ("Ethernet", _lan(card.network.ethernet)),
        ("Wi-Fi", _wifi(card)),
        ("IPv6", card.network.ipv6),
        ("settings", "behind a PIN" if _pin(card) else "open to everybody"),
        ("SSH", _ssh(card)),
    ]
    found = [f"  {name + ':':13}{_printable(value)}" for name, value in pairs]
    off = takeover.take(card, Kept(), _SALT).off
    if off:
        found.append(f"  taken off the card by the box: {', '.join(off)}")
    return found + [f"  note: {note}" for note in notes(card)]


def notes(card: Card) -> list[str]:
    """What is no mistake, and worth knowing."""
    found = [
        f"{key} is a box's that took it over before: another box does not have it"
        for key in sorted(card.marked - card.given)
    ]
    machine = apply.machine(Path("/"))
    if not machine.zones(card.system.time_zone):
        found.append(f"this computer knows no time zone {card.system.time_zone}")
    if not machine.keyboards(card.system.keyboard):
        found.append(f"this computer knows no keyboard {card.system.keyboard}")
    for server in card.config.servers:
        host = re.sub(r"^ws://(\[[^\]]*\]|[^:/?]*).*", r"\1", server)
        if re.search(r"[A-Za-z]", host.rpartition(".")[2]) and not host.startswith("["):
            found.append(f"{host} is a name, and an appliance asks no DNS: write the server's address")
    if not (card.network.ethernet.method != "off" or card.network.wifi.ssid):
        found.append("there is no network at all: neither Ethernet nor Wi-Fi")
    return found


def _lan(lan: Ethernet | Wifi) -> str:
    match lan.method:
        case "static":
            parts = [lan.address, lan.gateway and f"router {lan.gateway}", lan.address6, lan.gateway6]
            return ", ".join(part for part in parts if part)
        case "dhcp":
            return "address by DHCP, link-local where no server answers"
        case "link-local":
            return "link-local address"
        case _:
            return "off"


def _wifi(card: Card) -> str:
    wifi = card.network.wifi
    if not wifi.ssid:
        return "off"
    hidden = ", hidden" if wifi.hidden else ""
    return f'"{wifi.ssid}" ({wifi.country.upper()}, {wifi.security}{hidden}), {_lan(wifi)}'


def _pin(card: Card) -> bool:
    admin = card.config.admin
    return bool(admin.pin or admin.pin_hash) or bool(
        card.marked & {"system.admin_pin", "admin.pin"} - card.given
    )


def _ssh(card: Card) -> str:
    count = len(card.system.ssh_keys)
    return f"for {count} key{'s' if count > 1 else ''}" if count else "off"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def template() -> str:
    """The commented ``meetingbox.toml`` that a new card has."""
    return (Path(__file__).parent / "card.toml").read_text(encoding="utf-8")


def effective(card: Card) -> str:
    """The box's configuration under a card, as ``meetingbox config`` prints it; secrets masked."""
    return configuration.effective_toml(card.config)
