"""The packet filter of the appliance, loaded by the real nft: a box and a neighbour on one wire."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from net.namespaces import Host, Lan, needs_namespaces
from units.unit_files import SYSTEMD

pytestmark = needs_namespaces

RULES = SYSTEMD / "share/firewall.nft"
PROBE = Path(__file__).parent / "packet_probe.py"
BOX6, NEIGHBOUR6 = "fd12:3456::1", "fd12:3456::2"  # RFC 4193
PUBLIC_BOX, PUBLIC_NEIGHBOUR = "203.0.113.1", "203.0.113.2"  # RFC 5737
PUBLIC_BOX6, PUBLIC_NEIGHBOUR6 = "2001:db8::1", "2001:db8::2"  # RFC 3849
OPEN = ("tcp:8787", "udp:5353", "udp:49152", "udp:60000", "udp:65535")
SHUT = ("tcp:22", "tcp:80", "tcp:9000", "tcp:60000", "udp:53", "udp:123", "udp:1900", "udp:40000")


class Wire:
    """``box`` has the rules, ``neighbour`` has none; each has private and public addresses of both kinds."""

    def __init__(self, lan: Lan) -> None:
        self.box, self.neighbour = lan.hosts
        for host, own in ((self.box, (BOX6, PUBLIC_BOX, PUBLIC_BOX6)),
                          (self.neighbour, (NEIGHBOUR6, PUBLIC_NEIGHBOUR, PUBLIC_NEIGHBOUR6))):  # fmt: skip
            # No duplicate address detection: the addresses are good at once.
            host.run(["sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0"], check=True)
            for address in own:
                bits = "64" if ":" in address else "24"
                nodad = ["nodad"] if ":" in address else []
                argv = ["ip", "address", "add", f"{address}/{bits}", "dev", host.interface, *nodad]
                host.run(argv, check=True)
        self.load()

    def load(self, rules: Path = RULES) -> None:
        self.box.run(["nft", "-f", str(rules)], check=True)

    def asks(self, host: Host, *asked: tuple[Any, ...]) -> list[str]:
        done = host.run(
            [sys.executable, str(PROBE), "try"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=True,
        )
        answers: list[str] = json.loads(done.stdout)
        return answers


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    with Lan(2, "10.78.0") as made:
        yield made


@pytest.fixture(scope="module")
def wire(lan: Lan) -> Iterator[Wire]:
    made = Wire(lan)
    listening = [
        host.popen(
            [sys.executable, str(PROBE), "listen", *OPEN, *SHUT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for host in (made.box, made.neighbour)
    ]
    for process in listening:
        assert process.stdout.readline() == "ready\n"
    yield made
    for process in listening:
        process.stdin.close()
        process.wait(5)


def ports(*wanted: str) -> list[tuple[str, int]]:
    return [(name.partition(":")[0], int(name.partition(":")[2])) for name in wanted]


@pytest.mark.parametrize("address", ["10.78.0.1", BOX6])
def test_a_neighbour_reaches_what_a_meeting_needs(wire: Wire, address: str) -> None:
    asked = [(protocol, address, port) for protocol, port in ports(*OPEN)]
    assert wire.asks(wire.neighbour, *asked) == ["answer"] * len(OPEN)


@pytest.mark.parametrize("address", ["10.78.0.1", BOX6])
def test_and_nothing_else(wire: Wire, address: str) -> None:
    asked = [(protocol, address, port) for protocol, port in ports(*SHUT)]
    assert wire.asks(wire.neighbour, *asked) == ["nothing"] * len(SHUT)


@pytest.mark.parametrize(
    ("address", "source"), [(PUBLIC_BOX, PUBLIC_NEIGHBOUR), (PUBLIC_BOX6, PUBLIC_NEIGHBOUR6)]
)
def test_a_stranger_from_elsewhere_reaches_nothing(wire: Wire, address: str, source: str) -> None:
    asked = [(protocol, address, port, source) for protocol, port in ports(*OPEN)]
    assert wire.asks(wire.neighbour, *asked) == ["nothing"] * len(OPEN)


@pytest.mark.parametrize("address", ["10.78.0.2", NEIGHBOUR6])
def test_the_box_reaches_its_neighbours(wire: Wire, address: str) -> None:
    """Whatever the port: a server of the LAN, DHCP, another box; and answers come in."""
    asked = [(protocol, address, port) for protocol, port in ports(*OPEN, *SHUT)]
    assert wire.asks(wire.box, *asked) == ["answer"] * len(asked)


@pytest.mark.parametrize("address", [PUBLIC_NEIGHBOUR, PUBLIC_NEIGHBOUR6])
def test_the_box_reaches_nobody_elsewhere_and_is_told_at_once(wire: Wire, address: str) -> None:
    asked = [
        (protocol, address, port) for protocol, port in ports("tcp:8787", "tcp:80", "udp:53", "udp:60000")
    ]
    answers = wire.asks(wire.box, *asked)
    assert not {"answer", "nothing"} & set(answers), answers


def test_multicast_goes_out(wire: Wire) -> None:
    """mDNS, to both groups of RFC 6762."""
    seen = (
        "import socket; s = socket.socket(%s, socket.SOCK_DGRAM)\n"
        "s.sendto(b'x', ('%s', 5353%s)); print('sent')"
    )
    v4 = seen % ("socket.AF_INET", "224.0.0.251", "")
    v6 = seen % ("socket.AF_INET6", "ff02::fb", ", 0, socket.if_nametoindex('eth0')")
    for program in (v4, v6):
        assert (
            wire.box.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "sent\n"
        )


def test_answers_of_a_dhcp_server_come_in(wire: Wire) -> None:
    """From port 67 to 68, before anything was asked; from another port nothing does."""
    listening = wire.box.popen(
        [sys.executable, str(PROBE), "listen", "udp:68"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert listening.stdout.readline() == "ready\n"
    assert wire.asks(
        wire.neighbour, ("udp", "10.78.0.1", 68, "", 67), ("udp", "10.78.0.1", 68, "", 4567)
    ) == [
        "answer",
        "nothing",
    ]
    listening.stdin.close()
    listening.wait(5)


@pytest.mark.parametrize("address", ["10.78.0.1", BOX6])
def test_a_ping_is_answered(wire: Wire, address: str) -> None:
    assert _pings(wire.neighbour, address)


@pytest.mark.parametrize("address", [PUBLIC_BOX, PUBLIC_BOX6])
def test_but_not_to_strangers(wire: Wire, address: str) -> None:
    assert not _pings(wire.neighbour, address)


def _pings(host: Host, address: str) -> bool:
    """By an ICMP socket of our own: no ping program is needed."""
    v6 = ":" in address
    program = f"""
import socket
family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if {v6} else (socket.AF_INET, socket.IPPROTO_ICMP)
s = socket.socket(family, socket.SOCK_RAW, protocol)
s.settimeout(0.7)
head = bytes([128 if {v6} else 8, 0, 0, 0, 0x4d, 0x42, 0, 1])
total = sum(int.from_bytes(head[i:i + 2], 'big') for i in range(0, 8, 2))
total = ~(total + (total >> 16)) & 0xffff
s.sendto(head[:2] + total.to_bytes(2, 'big') + head[4:], ({address!r}, 0))
try:
    while True:
        data, (sender, *_) = s.recvfrom(200)
        body = data if {v6} else data[20:]
        if body[0] in (129, 0) and body[4:6] == b'MB':
            print('pong')
            break
except TimeoutError:
    print('nothing')
"""
    return host.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "pong\n"


def test_ssh_is_shut_until_a_port_is_added(wire: Wire, tmp_path: Path) -> None:
    """As provisioning does it, by a file in /etc/meetingbox/firewall.d."""
    folder = tmp_path / "firewall.d"
    folder.mkdir()
    (folder / "ssh.nft").write_text("add element inet meetingbox tcp_in { 22 }\n")
    rules = tmp_path / "firewall.nft"
    rules.write_text(RULES.read_text().replace("/etc/meetingbox/firewall.d", str(folder)))
    assert str(folder) in rules.read_text()
    wire.load(rules)
    try:
        assert wire.asks(wire.neighbour, ("tcp", "10.78.0.1", 22), ("tcp", "10.78.0.1", 80)) == [
            "answer",
            "nothing",
        ]
        assert wire.asks(wire.neighbour, ("tcp", PUBLIC_BOX, 22, PUBLIC_NEIGHBOUR)) == ["nothing"]
    finally:
        wire.load()
    assert wire.asks(wire.neighbour, ("tcp", "10.78.0.1", 22)) == ["nothing"]


def load_provisioned(wire: Wire, rules: Path, ports: str, tmp_path: Path) -> str:
    """As meetingbox-firewall.service does; return what it complains about."""
    file = tmp_path / "ports.conf"
    file.write_text(ports)
    done = wire.box.run(
        ["env", f"FIREWALL_RULES={rules}", f"FIREWALL_PORTS={file}", str(SYSTEMD / "lib/firewall")],
        capture_output=True,
        text=True,
        check=True,
    )
    return str(done.stderr)


def test_provisioned_ports_take_the_place_of_the_usual_one(wire: Wire, tmp_path: Path) -> None:
    try:
        ports = "define meetingbox_port = 9000\ndefine meetingbox_tcp_ports = { 9000, 22 }\n"
        assert load_provisioned(wire, RULES, ports, tmp_path) == ""
        asked = [("tcp", "10.78.0.1", port) for port in (9000, 22, 8787, 80)]
        assert wire.asks(wire.neighbour, *asked) == ["answer", "answer", "nothing", "nothing"]
    finally:
        wire.load()


@pytest.mark.parametrize("ports", ["noise {", "define meetingbox_tcp_ports = { seven }\n", ""])
def test_ports_that_can_not_be_used_leave_the_rules_in_force(wire: Wire, tmp_path: Path, ports: str) -> None:
    assert "firewall.ports" in load_provisioned(wire, RULES, ports, tmp_path)
    asked = [("tcp", "10.78.0.1", port) for port in (8787, 80)]
    assert wire.asks(wire.neighbour, *asked) == ["answer", "nothing"]


def test_a_file_of_an_administrator_that_is_wrong_is_left_out(wire: Wire, tmp_path: Path) -> None:
    folder = tmp_path / "firewall.d"
    folder.mkdir()
    (folder / "mine.nft").write_text("add nonsense\n")
    rules = tmp_path / "firewall.nft"
    rules.write_text(RULES.read_text().replace("/etc/meetingbox/firewall.d", str(folder)))
    wire.box.run(["nft", "flush", "ruleset"], check=True)
    ports = "define meetingbox_tcp_ports = { 8787 }\n"
    assert "firewall.local" in load_provisioned(wire, rules, ports, tmp_path)
    asked = [("tcp", "10.78.0.1", port) for port in (8787, 80)]
    assert wire.asks(wire.neighbour, *asked) == ["answer", "nothing"]


def test_other_tables_are_left_alone_and_loading_twice_is_one(wire: Wire) -> None:
    wire.box.run(["nft", "add", "table", "inet", "somebody"], check=True)
    wire.load()
    listed = wire.box.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    assert sorted(listed.split("\n")) == ["", "table inet meetingbox", "table inet somebody"]
    wire.box.run(["nft", "delete", "table", "inet", "somebody"], check=True)
