"""Texts for the rest of the system: host name, language, keyboard, screen, administrator, firewall."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from appliance.provision.card_checks import keyboard_parts
from appliance.provision.networkd import HEADER

ADMIN = "admin"
HOST_KEY = "/data/ssh/ssh_host_ed25519_key"
AUTHORIZED_KEYS = f"/etc/ssh/authorized_keys/{ADMIN}"

# The territory that a locale needs beside the language; which of them does not show on our screen.
_LOCALES = {"en": "en_GB", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "zh": "zh_CN", "ar": "ar_EG"}


def host_name(serial: str, machine_id: str) -> str:
    """``meetingbox-`` and the end of the board's serial number.

    A PC's serial number is often the same on all of a kind ("Default string"), so callers give a Raspberry
    Pi's alone. Without one it is made from the machine id, which is not shown to others as it is
    (machine-id(5)); and without that: no number.
    """
    digits = re.sub(r"[^0-9a-z]", "", serial.lower())
    if len(digits) >= 8 and digits.strip("0"):
        return f"meetingbox-{digits[-8:]}"
    if machine_id:
        return f"meetingbox-{hashlib.sha256(b'meetingbox host name ' + machine_id.encode()).hexdigest()[:8]}"
    return "meetingbox"


def hosts(name: str) -> str:
    """hosts(5)."""
    return f"{HEADER}127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def locale(language: str, installed: Callable[[str], bool]) -> str:
    """locale.conf(5): the language of an administrator's session, where the system has it."""
    name = _LOCALES.get(language, "")
    return f"{HEADER}LANG={name}.UTF-8\n" if name and installed(name) else f"{HEADER}LANG=C.UTF-8\n"


def keyboard(layout: str) -> str:
    """Debian's keyboard(5)."""
    name, variant = keyboard_parts(layout) or ("us", "")
    return (
        f'{HEADER}XKBMODEL="pc105"\nXKBLAYOUT="{name}"\nXKBVARIANT="{variant}"\n'
        'XKBOPTIONS=""\nBACKSPACE="guess"\n'
    )


def console(layout: str) -> str:
    """vconsole.conf(5)."""
    name, variant = keyboard_parts(layout) or ("us", "")
    return f"{HEADER}XKBLAYOUT={name}\nXKBMODEL=pc105\n" + (f"XKBVARIANT={variant}\n" if variant else "")


def session(layout: str, rotation: int) -> str:
    """The environment of the kiosk session: the compositor's keyboard, and how the screen is turned.

    Wayland turns pictures counter-clockwise (wl_output.transform), people think clockwise.
    """
    name, variant = keyboard_parts(layout) or ("us", "")
    turned = -rotation % 360
    return f"XKB_DEFAULT_LAYOUT={name}\nXKB_DEFAULT_VARIANT={variant}\nMEETINGBOX_ROTATION={turned}\n"


def firewall(signaling_port: int, ssh: bool) -> str:
    """What the nftables rules include: the ports that are let in."""
    ports = f"{signaling_port}, 22" if ssh else str(signaling_port)
    return f"define meetingbox_port = {signaling_port}\ndefine meetingbox_tcp_ports = {{ {ports} }}\n"


def sshd() -> str:
    """sshd_config(5): the administrator alone, with a key alone, and this box's own host key."""
    return (
        f"{HEADER}HostKey {HOST_KEY}\nAllowUsers {ADMIN}\nPermitRootLogin no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nAuthorizedKeysFile /etc/ssh/authorized_keys/%u\n"
    )


def administrator() -> str:
    """sysusers.d(5): who may log in by SSH, read the journal and control the box."""
    groups = "".join(f"m {ADMIN} {group}\n" for group in ("adm", "systemd-journal", "meetingbox"))
    return f'{HEADER}u {ADMIN} - "Administrator" / /bin/bash\n{groups}'


def authorized_keys(keys: tuple[str, ...]) -> str:
    """sshd(8), a line a key."""
    return HEADER + "".join(f"{key}\n" for key in keys)
