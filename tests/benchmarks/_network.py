"""What a ``net.namespaces.Lan`` needs to be a bad network, or a large one.

Packets are lost by nftables (this needs no netem). What arrives is dropped, not what is sent: a program
whose own packet is refused is told so.
"""

from __future__ import annotations

from collections.abc import Sequence

from net.namespaces import Host

_TABLE = "inet benchmark"
_PRECISION = 10_000


def lose(host: Host, percent: float) -> None:
    """Have ``host`` lose this share of the packets that arrive on its LAN from now on; 0 loses none."""
    if percent <= 0:
        rule = ""
    elif percent >= 100:
        rule = f'iifname "{host.interface}" drop'
    else:
        share = round(percent / 100 * _PRECISION)
        rule = f'iifname "{host.interface}" numgen random mod {_PRECISION} < {share} drop'
    # One transaction: there is no moment without a rule.
    script = (
        f"add table {_TABLE}\n"
        f"delete table {_TABLE}\n"
        f"add table {_TABLE}\n"
        f"add chain {_TABLE} input {{ type filter hook input priority 0; }}\n"
        + (f"add rule {_TABLE} input {rule}\n" if rule else "")
    )
    host.run(["nft", "-f", "-"], input=script.encode(), check=True)


def introduce(hosts: Sequence[Host]) -> None:
    """Tell every host the hardware address of every other one, for good.

    Linux keeps 1024 addresses that were asked for (``gc_thresh3``) for all namespaces together, and sixty
    hosts that talk to each other have 3540; those that are set by hand don't count.
    """
    addresses = [f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}" for number in range(1, len(hosts) + 1)]
    for host, own in zip(hosts, addresses, strict=True):
        lines = [f"link set {host.interface} address {own}"]
        lines += [
            f"neighbour replace {other.address} lladdr {address} dev {host.interface} nud permanent"
            for other, address in zip(hosts, addresses, strict=True)
            if other is not host
        ]
        host.run(["ip", "-batch", "-"], input="\n".join(lines).encode(), check=True)
