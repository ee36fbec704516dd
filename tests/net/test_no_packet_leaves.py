"""A whole call on a LAN whose default route leads to somebody who listens: nothing comes there."""

from __future__ import annotations

import ipaddress
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from net.boxes import Boxes
from net.namespaces import Host, Lan, needs_namespaces

pytestmark = needs_namespaces

PASSWORD = "731946"
MDNS = "224.0.0.251"
MEMBERSHIP = {"224.0.0.22", "224.0.0.1", "224.0.0.2"}  # IGMP: who listens to which group
# Neighbour discovery and listener discovery: to groups of the own link.
LINK_GROUPS = ipaddress.ip_network("ff02::/16")
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
ICMPV6, HOP_BY_HOP, UDP, TCP, IGMP = 58, 0, 17, 6, 2


class Sniffer:
    """Sees every frame on every interface of a host."""

    def __init__(self, host: Host, file: Path) -> None:
        script = Path(__file__).with_name("sniffer_process.py")
        self._file = file
        self._process = host.popen([sys.executable, str(script), str(file)])
        deadline = time.monotonic() + 10
        while not (file.exists() and file.read_text().startswith('"listening"')):
            assert time.monotonic() < deadline, "the sniffer did not start"
            time.sleep(0.02)

    def frames(self) -> Iterator[tuple[str, bytes]]:
        """(interface, the frame's beginning), in their order."""
        for line in self._file.read_text().split("\n")[1:-1]:
            seen = json.loads(line)
            yield seen["on"], bytes.fromhex(seen["frame"])


def stray(frame: bytes, lan: set[str], ports: tuple[int, ...] = (53, 853, 123)) -> str:
    """What is wrong with this frame, or "": it may be mDNS, between the LAN's own addresses, or ARP,
    ND, MLD and IGMP. ``ports`` are wrong anywhere: DNS, DNS over TLS, NTP."""
    kind, packet = int.from_bytes(frame[12:14]), frame[14:]
    if kind == ARP:
        asked = str(ipaddress.ip_address(packet[24:28]))
        return "" if asked in lan else f"ARP for {asked}"
    if kind == IPV4:
        to, protocol, inner = (
            str(ipaddress.ip_address(packet[16:20])),
            packet[9],
            packet[(packet[0] & 15) * 4 :],
        )
    elif kind == IPV6:
        to, protocol, inner = str(ipaddress.ip_address(packet[24:40])), packet[6], packet[40:]
    else:
        return f"ethertype {kind:04x}"
    port = int.from_bytes(inner[2:4]) if protocol in (UDP, TCP) else 0
    if port in ports:
        return f"port {port} of {to}"
    if to in lan:
        return ""
    if to == MDNS and protocol == UDP and port == 5353:
        return ""
    if to in MEMBERSHIP and protocol == IGMP:
        return ""
    link = kind == IPV6 and ipaddress.ip_address(to) in LINK_GROUPS
    if link and protocol in (ICMPV6, HOP_BY_HOP):
        return ""
    return f"protocol {protocol} port {port} to {to}"


def test_a_whole_call_sends_nothing_but_mdns_and_what_is_for_the_lan(tmp_path: Path) -> None:
    with Lan(3) as lan, Boxes(tmp_path) as boxes:
        outside = lan.hosts[2]
        for host in lan.hosts[:2]:
            host.run(["ip", "route", "add", "default", "via", outside.address], check=True)
        # What comes here to be forwarded has left the LAN; it is seen, and goes no further.
        addresses = {host.address for host in lan.hosts[:2]} | {"127.0.0.1"}
        sniffers = [Sniffer(host, tmp_path / f"frames-{host.name}.txt") for host in lan.hosts]

        a, b = boxes.start_all(("Bridge", "Galley"), lan.hosts)
        boxes.wait(lambda: a.sees("Galley") and b.sees("Bridge"))
        for box in (a, b):
            box.type("42", PASSWORD)
        boxes.wait(lambda: a.drawn() == {"Galley"} and b.drawn() == {"Bridge"})
        a.ask("doctor")
        drawn = a.stats()["peers"][0]["drawn"]
        boxes.wait(lambda: a.stats()["peers"][0]["drawn"] > drawn + 60)
        for box in (a, b):
            box.ask("leave")
            box.end()

        found = {
            f"{on}: {why}"
            for one in sniffers
            for on, frame in one.frames()
            if (why := stray(frame, addresses))
        }
        assert found == set()
        # It was there to see: the call itself on the boxes' links, mDNS at the one who listens.
        for one, other in zip(sniffers[:2], (lan.hosts[1], lan.hosts[0]), strict=True):
            to = ipaddress.ip_address(other.address).packed
            assert any(frame[23] == UDP and frame[30:34] == to for _, frame in one.frames())
        assert any(frame[30:34] == ipaddress.ip_address(MDNS).packed for _, frame in sniffers[2].frames())

        # The same eyes see a query for a name that is planted, on its way out and where it arrives.
        query = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x07example\x03org\x00\x00\x01\x00\x01"
        code = f"import socket; socket.socket(2, 2).sendto({query!r}, ('192.0.2.53', 53))"
        lan.hosts[0].run([sys.executable, "-c", code], check=True)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            seen = [
                {
                    stray(frame, addresses)
                    for _, frame in sniffers[i].frames()
                    if b"\x07example\x03org" in frame
                }
                for i in (0, 2)
            ]
            if all(seen):
                break
            time.sleep(0.05)
        assert seen == [{"port 53 of 192.0.2.53"}] * 2


def test_what_is_allowed_and_what_is_not() -> None:
    ether = bytes(12)
    lan = {"10.77.0.1"}

    def ip(to: str, protocol: int, port: int) -> bytes:
        header = bytearray(20)
        header[0], header[9] = 0x45, protocol
        header[16:20] = ipaddress.ip_address(to).packed
        return ether + b"\x08\x00" + bytes(header) + b"\x00\x00" + port.to_bytes(2) + bytes(4)

    assert stray(ip("10.77.0.1", UDP, 40000), lan) == ""
    assert stray(ip(MDNS, UDP, 5353), lan) == ""
    assert stray(ip(MDNS, UDP, 5354), lan) != ""
    assert stray(ip("10.77.0.1", UDP, 53), lan) != ""
    assert stray(ip("10.77.0.9", TCP, 8787), lan) != ""
    assert stray(ip("239.255.255.250", UDP, 1900), lan) != ""
    assert stray(ip("8.8.8.8", UDP, 3478), lan) != ""
    assert stray(ether + b"\x88\xcc" + bytes(40), lan) == "ethertype 88cc"
