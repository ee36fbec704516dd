"""The configuration of wpa_supplicant, for one network.

See wpa_supplicant.conf(5). The network's name and the passphrase of WPA3 are written in hexadecimal, which
has no quotes, no escapes and no line ends: whatever is in them stays a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.provision.networkd import HEADER

if TYPE_CHECKING:
    from appliance.provision.card import Wifi
    from appliance.provision.takeover import WifiKey


def supplicant(wifi: Wifi, key: WifiKey | None) -> str:
    """The file for a network that has a name; ``key``: None for an open one."""
    lines = [
        "ctrl_interface=/run/wpa_supplicant",
        "update_config=0",
        f"country={wifi.country.upper()}",
        "p2p_disabled=1",
        "network={",
        f"\tssid={wifi.ssid.encode().hex()}",
        f"\tscan_ssid={int(wifi.hidden)}",
    ]
    if wifi.security == "open" or key is None:
        lines.append("\tkey_mgmt=NONE")
    elif wifi.security == "wpa3":
        lines += [
            "\tkey_mgmt=SAE",
            "\tieee80211w=2",
            f"\tsae_password={key.passphrase.encode().hex()}",
        ]
    else:
        # With ieee80211w=1 management frames are protected where the access point can do it.
        lines += ["\tkey_mgmt=WPA-PSK WPA-PSK-SHA256", "\tieee80211w=1", f"\tpsk={key.psk}"]
    return HEADER + "\n".join([*lines, "}", ""])
