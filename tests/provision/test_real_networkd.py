"""systemd-networkd itself reads the files, and does what a card says: on a cable in a namespace."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from net.namespaces import can_make_namespaces

from appliance.provision import networkd
from appliance.provision.card import Ethernet, Network

DAEMON = Path("/lib/systemd/systemd-networkd")
WITHIN = 60.0  # DHCP is given up after some seconds, then an address is probed for
COMPLAINTS = re.compile(r"unknown|ignoring|invalid|failed to parse", re.IGNORECASE)

# Its own mounts and network; without udev, which it asks for where /sys can be written.
START = """
set -eu
mkdir -p /run/systemd
mount -t tmpfs tmpfs /run/systemd
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/network /etc/systemd/networkd.conf.d
chown -R systemd-network:systemd-network /run/systemd/netif
mount -t tmpfs tmpfs /etc/systemd/network
mount -t tmpfs tmpfs /etc/systemd/networkd.conf.d
cp "$FILES"/*.network /etc/systemd/network/
cp "$FILES"/networkd.conf /etc/systemd/networkd.conf.d/
ip link add eth5 type veth peer name other
ip link set other up
mount -t sysfs -o ro sysfs /sys
exec /lib/systemd/systemd-networkd
"""

pytestmark = pytest.mark.skipif(
    not (can_make_namespaces() and DAEMON.exists()) and os.environ.get("CI") != "true",
    reason="needs root, namespaces and systemd-networkd",
)


def addresses(pid: int) -> str:
    return subprocess.run(
        ["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-o", "address", "show", "dev", "eth5"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def routes(pid: int) -> str:
    done = [
        subprocess.run(
            ["nsenter", f"--net=/proc/{pid}/ns/net", "ip", family, "route", "show", "default"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for family in ("-4", "-6")
    ]
    return "".join(done)


def run(network: Network, folder: Path, until: tuple[str, ...]) -> tuple[str, str]:
    """Configure a cable until it has these addresses; return all addresses and the default routes."""
    (folder / "10.network").write_text(networkd.wired(network))
    (folder / "20.network").write_text(networkd.wireless(network))
    (folder / "networkd.conf").write_text(networkd.DAEMON)
    log = folder / "log"
    with log.open("w") as stream:
        daemon = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-c", START],
            stdout=stream,
            stderr=stream,
            env=os.environ
            | {"FILES": str(folder), "SYSTEMD_LOG_LEVEL": "info", "SYSTEMD_LOG_TARGET": "console"},
        )
    try:
        deadline = time.monotonic() + WITHIN
        while not all(address in addresses(daemon.pid) for address in until):
            assert daemon.poll() is None, log.read_text()
            assert time.monotonic() < deadline, (addresses(daemon.pid), log.read_text())
            time.sleep(0.1)
        found = addresses(daemon.pid), routes(daemon.pid)
    finally:
        daemon.terminate()
        daemon.wait()
    said = log.read_text()
    assert "10.network" in said
    assert not COMPLAINTS.search(said), said
    return found


def test_a_static_address_and_no_other(tmp_path: Path) -> None:
    lan = Ethernet(
        method="static",
        address="192.168.7.21/24",
        gateway="192.168.7.1",
        address6="fd00:7::21/64",
        gateway6="fd00:7::1",
    )
    found, ways = run(Network(ethernet=lan), tmp_path, ("192.168.7.21/24", "fd00:7::21/64", "fe80::"))
    assert "169.254." not in found
    assert "default via 192.168.7.1 " in ways
    assert "default via fd00:7::1 " in ways


@pytest.mark.parametrize("method", ["dhcp", "link-local"])
def test_where_nobody_gives_an_address_a_box_takes_one_itself(tmp_path: Path, method: str) -> None:
    found, _ = run(Network(ethernet=Ethernet(method=method)), tmp_path, ("169.254.", "fe80::"))
    assert found.count(" inet ") == 1


def test_without_ipv6_there_is_none(tmp_path: Path) -> None:
    lan = Ethernet(method="static", address="192.168.7.21/24")
    found, _ = run(Network(ipv6="off", ethernet=lan), tmp_path, ("192.168.7.21/24",))
    assert "inet6" not in found
