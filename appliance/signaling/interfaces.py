"""Which network interfaces the box uses, and when they change.

The kernel is asked anew each time; nothing is cached. Changes come from rtnetlink (rtnetlink(7)):
its messages are not parsed, they only say that it is time to look again.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from appliance.core import limits

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Multicast groups of rtnetlink, from <linux/rtnetlink.h>; Python's socket module does not name them.
_RTMGRP_LINK = 0x1
_RTMGRP_IPV4_IFADDR = 0x10
_RTMGRP_IPV6_IFADDR = 0x100
_NETLINK_READ = 64 * 1024  # one read of the event socket, in bytes

# Flags and scope in /proc/net/if_inet6, from <linux/if_addr.h> and <net/ipv6.h>.
_IFA_F_DADFAILED = 0x08
_IFA_F_TENTATIVE = 0x40  # duplicate address detection is still running: it can't be bound yet
_SCOPE_GLOBAL = 0x00

_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7")
)


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface that is up.

    ``kind``: "wired", "wireless" or "local" (loopback). ``addresses``: its IPv4 addresses, then its
    IPv6 ones; link-local IPv6 is left out, as nobody can dial it without naming an interface.
    ``networks``: the subnet of each address, in the same order.
    """

    name: str
    index: int
    addresses: tuple[str, ...]
    kind: str
    networks: tuple[IPNetwork, ...] = ()


def list_interfaces(chosen: Sequence[str] = ()) -> tuple[Interface, ...]:
    """Return the interfaces in use that are up and have a carrier.

    ``chosen``: names from the configuration; empty takes all but loopback. A chosen one that does
    not exist or is down is left out: see ``interface_problems``.
    """
    addresses = psutil.net_if_addrs()
    usable_v6 = _usable_ipv6()
    found = []
    for name, stats in psutil.net_if_stats().items():
        loopback = "loopback" in stats.flags.split(",")
        if not stats.isup or (name not in chosen if chosen else loopback):
            continue
        try:
            index = socket.if_nametoindex(name)
        except OSError:  # unplugged while we looked
            continue
        pairs = [
            _with_network(entry.address, entry.netmask)
            for entry in addresses.get(name, [])
            if entry.family == socket.AF_INET
        ]
        if loopback:
            pairs = pairs[:1] or [("127.0.0.1", _LOOPBACK[0])]
        else:
            pairs += usable_v6.get(name, [])
        found.append(
            Interface(
                name=name,
                index=index,
                addresses=tuple(address for address, _ in pairs),
                kind="local" if loopback else "wireless" if _is_wireless(name) else "wired",
                networks=tuple(network for _, network in pairs),
            )
        )
    return tuple(sorted(found, key=lambda interface: interface.index)[: limits.INTERFACES_MAX])


def interface_problems(chosen: Sequence[str] = ()) -> tuple[str, ...]:
    """Say in sentences what keeps the chosen interfaces (all, if empty) from being used."""
    up = {interface.name: interface for interface in list_interfaces(chosen)}
    if not chosen:
        if any(interface.addresses for interface in up.values()):
            return ()
        return ("There is no network: plug in a cable, or set up Wi-Fi.",)
    exist = {name for _, name in socket.if_nameindex()}
    problems = []
    for name in chosen:
        if name not in exist:
            problems.append(
                f"This machine has no network interface {name}; it will be used as soon as it appears. "
                f"There are: {', '.join(sorted(exist))}."
            )
        elif name not in up:
            problems.append(f"The network interface {name} is down: is its cable plugged in?")
        elif not up[name].addresses:
            problems.append(f"The network interface {name} has no address yet.")
    return tuple(problems)


def host_addresses(interfaces: Iterable[Interface]) -> list[str]:
    """Return the addresses of these interfaces that others can dial, without duplicates."""
    return list(dict.fromkeys(address for interface in interfaces for address in interface.addresses))


def may_dial(address: str, interfaces: Iterable[Interface]) -> bool:
    """Is this an address to which something heard on the network may send us?

    Private ones (RFC 1918, RFC 3927, RFC 4193) and those in a subnet of ours; loopback only where
    the box uses loopback, or a forged record could aim us at this machine's own services.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.scope_id is not None:
        return False
    if any(ip in network for network in _LOOPBACK):
        return any(interface.kind == "local" for interface in interfaces)
    if ip.is_multicast or ip.is_unspecified:
        return False
    if any(ip in network for network in _PRIVATE):
        return True
    return on_link(address, interfaces)


def on_link(address: str, interfaces: Iterable[Interface]) -> bool:
    """Is this IP address in a subnet of ours, so that no router is needed to reach it?"""
    ip = ipaddress.ip_address(address)
    return any(ip in network for interface in interfaces for network in interface.networks)


class InterfaceWatcher:
    """Calls back with the interfaces in use whenever they changed, on the running loop.

    ``chosen`` is as in ``list_interfaces``. A burst of kernel events is one call; a change that
    undid itself within ``limits.INTERFACE_SETTLE`` is none. No threads: one netlink socket.
    """

    def __init__(self, chosen: Sequence[str], on_change: Callable[[tuple[Interface, ...]], None]) -> None:
        self._chosen = tuple(chosen)
        self._on_change = on_change
        self._current: tuple[Interface, ...] = ()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: socket.socket | None = None  # None: the kernel's events can't be had, so poll
        self._timer: asyncio.TimerHandle | None = None

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """The interfaces as last seen."""
        return self._current

    def start(self) -> tuple[Interface, ...]:
        """Begin to watch, and return the interfaces as they are now."""
        self._loop = asyncio.get_running_loop()
        try:
            self._socket = _event_socket()
        except OSError:
            self._look_in(limits.INTERFACE_POLL_EVERY)
        else:
            self._loop.add_reader(self._socket, self._drain)
        self._current = list_interfaces(self._chosen)
        return self._current

    def stop(self) -> None:
        """Stop watching; a change that has not been told yet is not told any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            assert self._loop is not None
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        self._loop = None

    def _drain(self) -> None:
        assert self._socket is not None
        try:
            while self._socket.recv(_NETLINK_READ):
                pass
        except BlockingIOError:
            pass
        except OSError:
            pass  # ENOBUFS: the kernel dropped events; looking again is all we'd have done with them
        if self._timer is None:
            self._look_in(limits.INTERFACE_SETTLE)

    def _look_in(self, seconds: float) -> None:
        assert self._loop is not None
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._socket is None:
            self._look_in(limits.INTERFACE_POLL_EVERY)
        found = list_interfaces(self._chosen)
        if found != self._current:
            self._current = found
            self._on_change(found)


def _event_socket() -> socket.socket:
    events = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
    )
    try:
        events.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))
    except OSError:
        events.close()
        raise
    return events


def _with_network(address: str, netmask: str | None) -> tuple[str, IPNetwork]:
    return address, ipaddress.ip_network(f"{address}/{netmask or 32}", strict=False)


def _usable_ipv6() -> dict[str, list[tuple[str, IPNetwork]]]:
    """IPv6 addresses by interface that are global or unique local and past duplicate detection."""
    found: dict[str, list[tuple[str, IPNetwork]]] = {}
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:  # a kernel without IPv6
        return found
    for line in lines:
        packed, _, prefix, scope, flags, name = line.split()
        if int(scope, 16) != _SCOPE_GLOBAL or int(flags, 16) & (_IFA_F_TENTATIVE | _IFA_F_DADFAILED):
            continue
        address = ipaddress.IPv6Address(bytes.fromhex(packed))
        network = ipaddress.ip_network(f"{address}/{int(prefix, 16)}", strict=False)
        found.setdefault(name, []).append((str(address), network))
    return found


def _is_wireless(name: str) -> bool:
    return os.path.exists(f"/sys/class/net/{name}/wireless") or os.path.exists(
        f"/sys/class/net/{name}/phy80211"
    )
