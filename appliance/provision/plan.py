"""What a card means: every file that is to be there, and what in it can't be done on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from appliance import config as configuration
from appliance.config import Config
from appliance.core.words import Words, say
from appliance.provision import networkd, system, wifi
from appliance.provision.card import FILE, Card
from appliance.provision.takeover import Kept, fits

CONFIG = "/etc/meetingbox/meetingbox.toml"
SUPPLICANT = "/etc/wpa_supplicant/wpa_supplicant.conf"
SSHD = "/etc/ssh/sshd_config.d/meetingbox.conf"
SYSUSERS = "/etc/sysusers.d/meetingbox-admin.conf"
LOCALTIME = "/etc/localtime"
ZONES = "/usr/share/zoneinfo"
HOSTNAME = "/etc/hostname"
SESSION = f"{configuration.PROVISION_RUN}/session.env"
FIREWALL = f"{configuration.PROVISION_RUN}/nftables.conf"
OPTIONAL = (SUPPLICANT, SSHD, SYSUSERS, system.AUTHORIZED_KEYS)
"""Files that one card asks for and another one does not."""


@dataclass(frozen=True, slots=True)
class File:
    """A file's text. ``group``: who may read it beside root, where its ``mode`` says so."""

    text: str
    mode: int = 0o644
    group: str = "root"


@dataclass(frozen=True, slots=True)
class Machine:
    """What a plan must know of the machine. ``zones``, ``keyboards``, ``locales``: is there such a one?"""

    host_name: str = "meetingbox"
    zones: Callable[[str], bool] = lambda _: True
    keyboards: Callable[[str], bool] = lambda _: True
    locales: Callable[[str], bool] = lambda _: False


@dataclass(frozen=True, slots=True)
class Problem:
    """What of a card could not be done. ``code`` stable, ``sentence`` for the screen."""

    code: str
    key: str
    sentence: Words


@dataclass(frozen=True, slots=True)
class Plan:
    """``files`` by path; ``links``: symbolic links with their targets; ``host_name``: the kernel's too."""

    files: dict[str, File]
    links: dict[str, str]
    host_name: str
    problems: tuple[Problem, ...] = field(default=())


def make(card: Card, kept: Kept, lost: tuple[str, ...], machine: Machine) -> Plan:
    """The plan for a card whose secrets were taken over. ``lost``: those that are not there any more."""
    problems = [_lost(key) for key in lost]
    zone, keyboard = card.system.time_zone, card.system.keyboard
    if not machine.zones(zone):
        problems.append(_unknown("system.time_zone", zone))
        zone = "Etc/UTC"
    if not machine.keyboards(keyboard):
        problems.append(_unknown("system.keyboard", keyboard))
        keyboard = "us"
    box = box_config(card, kept)
    config = configuration.convert(box, FILE)
    files = {
        CONFIG: File(networkd.HEADER + "\n" + _to_toml(box), 0o640, "meetingbox"),
        HOSTNAME: File(machine.host_name + "\n"),
        "/etc/hosts": File(system.hosts(machine.host_name)),
        "/etc/systemd/network/10-meetingbox-ethernet.network": File(networkd.wired(card.network)),
        "/etc/systemd/network/20-meetingbox-wifi.network": File(networkd.wireless(card.network)),
        "/etc/systemd/networkd.conf.d/meetingbox.conf": File(networkd.DAEMON),
        "/etc/locale.conf": File(system.locale(config.display.language, machine.locales)),
        "/etc/default/keyboard": File(system.keyboard(keyboard)),
        "/etc/vconsole.conf": File(system.console(keyboard)),
        SESSION: File(system.session(keyboard, card.system.rotation)),
        FIREWALL: File(system.firewall(config.signaling.port, bool(card.system.ssh_keys))),
        **_wifi(card, kept),
    }
    if card.system.ssh_keys:
        files[SSHD] = File(system.sshd())
        files[SYSUSERS] = File(system.administrator())
        files[system.AUTHORIZED_KEYS] = File(system.authorized_keys(card.system.ssh_keys))
    return Plan(files, {LOCALTIME: f"{ZONES}/{zone}"}, machine.host_name, tuple(problems))


def box_config(card: Card, kept: Kept) -> dict[str, Any]:
    """The keys of the box's own configuration, with the secrets that it keeps, and without its PIN."""
    box = {key: dict(value) if isinstance(value, dict) else value for key, value in card.box.items()}
    admin = box.get("admin", {})
    admin.pop("pin", None)
    if kept.pin_hash:
        admin["pin_hash"] = kept.pin_hash
    if admin:
        box["admin"] = admin
    if kept.token:
        box.setdefault("signaling", {})["token"] = kept.token
    if kept.servers:
        box["servers"] = list(kept.servers)
    return {key: value for key, value in box.items() if value != {}}


def config_of(card: Card, kept: Kept) -> Config:
    """The box's configuration under a card."""
    return configuration.convert(box_config(card, kept), FILE)


def _to_toml(box: dict[str, Any]) -> str:
    return configuration.to_toml(msgspec.to_builtins(box))


def _wifi(card: Card, kept: Kept) -> dict[str, File]:
    network = card.network.wifi
    key = kept.wifi if kept.wifi is not None and fits(kept.wifi, network) else None
    if not network.ssid or network.method == "off" or (network.security != "open" and key is None):
        return {}
    return {SUPPLICANT: File(wifi.supplicant(network, key), 0o600)}


def _lost(key: str) -> Problem:
    sentence = say("Write {key} into {file} again: this box does not have it any more.", key=key, file=FILE)
    return Problem("provision.secret-lost", key, sentence)


def _unknown(key: str, value: str) -> Problem:
    sentence = say("{file}: this box knows no {value} for {key}.", file=FILE, value=value, key=key)
    return Problem("provision.unknown-value", key, sentence)
