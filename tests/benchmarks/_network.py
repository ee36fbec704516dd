"""Losing packets between the hosts of a ``net.namespaces.Lan``, by nftables (this needs no netem).

What arrives is dropped, not what is sent: a program whose own packet is refused is told so.
"""

from __future__ import annotations

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
