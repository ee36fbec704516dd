"""``meetingbox.toml`` for emulated boxes, as an installer writes it."""

from __future__ import annotations

NETWORK = "10.77.0"  # of the emulated LAN, which has no router and nobody who hands out addresses


def address(number: int) -> str:
    """The address of one box."""
    return f"{NETWORK}.{number}"


def card(name: str, number: int) -> bytes:
    """A box with a name and an address of its own: a link-local one takes minutes to emulate.

    It sends small pictures only: an emulated processor encodes some ten of them a second.
    """
    return f"""\
[system]
name = "{name}"

[network.ethernet]
method = "static"
address = "{address(number)}/24"

[video]
uplink_kbps = {UPLINK_KBPS}

[audio]
echo_control = "off"
noise_suppression = false
""".encode()


UPLINK_KBPS = 300  # enough for the smallest layer and nothing else
