"""The files of systemd-networkd: one for all wired interfaces, one for all wireless ones.

See systemd.network(5) and networkd.conf(5) of systemd 252 to 257. Every value that comes from a card has
been parsed as an address, and is written from what was parsed.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.provision.card import Ethernet, Network, Wifi

WIRED = "en* eth*"
WIRELESS = "wl*"
HEADER = "# Made at every start from meetingbox.toml on the card: change it there.\n"

# Two boxes that were copied from one card have one machine id. What they tell a DHCP server is made from
# the network card's own address, so that each gets an address of its own.
DAEMON = f"{HEADER}[DHCPv6]\nDUIDType=link-layer\n"


def wired(network: Network) -> str:
    """The file for the interfaces that ``WIRED`` names."""
    return _file(WIRED, network.ethernet, network.ipv6, metric=100)


def wireless(network: Network) -> str:
    """The file for the interfaces that ``WIRELESS`` names."""
    return _file(WIRELESS, network.wifi, network.ipv6, metric=600)


def _file(names: str, lan: Ethernet | Wifi, ipv6: str, metric: int) -> str:
    sections = [("Match", [("Name", names)]), ("Link", [("RequiredForOnline", "no")])]
    if lan.method == "off":
        sections[1][1].append(("ActivationPolicy", "always-down"))
        return _text(sections)
    with6 = ipv6 == "auto"
    dhcp = lan.method == "dhcp"
    # Link-local IPv4 beside DHCP: networkd takes it when no server answers, and gives it up when one does.
    local = {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6", (False, False): "no"}
    sections.append(
        (
            "Network",
            [
                ("DHCP", "ipv4" if dhcp else "no"),
                ("LinkLocalAddressing", local[lan.method != "static", with6]),
                ("IPv6AcceptRA", "yes" if with6 and lan.method != "link-local" else "no"),
                # mDNS is the box's own.
                ("MulticastDNS", "no"),
                ("LLMNR", "no"),
            ],
        )
    )
    if dhcp:
        settings = [
            ("ClientIdentifier", "mac"),
            ("UseDNS", "no"),
            ("UseNTP", "no"),
            ("UseHostname", "no"),
            ("UseDomains", "no"),
            ("RouteMetric", str(metric)),
        ]
        sections.append(("DHCPv4", settings))
    if lan.method == "static":
        for address, gateway in ((lan.address, lan.gateway), (lan.address6, lan.gateway6)):
            if address:
                sections.append(("Address", [("Address", str(ipaddress.ip_interface(address)))]))
            if gateway:
                route = [("Gateway", str(ipaddress.ip_address(gateway))), ("Metric", str(metric))]
                sections.append(("Route", route))
    if with6 and lan.method != "link-local":
        sections.append(
            ("IPv6AcceptRA", [("UseDNS", "no"), ("UseDomains", "no"), ("RouteMetric", str(metric))])
        )
    return _text(sections)


def _text(sections: list[tuple[str, list[tuple[str, str]]]]) -> str:
    blocks = [
        "".join((f"[{name}]\n", *(f"{key}={value}\n" for key, value in keys))) for name, keys in sections
    ]
    return HEADER + "\n".join(blocks)
