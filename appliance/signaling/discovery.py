"""Finding the other boxes by mDNS service discovery (RFC 6762, RFC 6763).

Each box registers ``INSTANCE._meetingbox._tcp.local.`` INSTANCE is random and new at every start: it
names nothing that lasts, and two boxes of one name don't collide. It also makes probing for a conflict
(RFC 6762 section 8.1, over a second) pointless, so a box is seen as soon as it starts. TXT carries
``v=1`` and ``name``, and ``relay=1`` for a signaling server that is no box (``meetingbox serve``);
nothing about rooms or meetings. Whether a box is really there is found out in
``presence.py``.

mDNS runs over IPv4 (an interface has a link-local address if no other); the boxes' IPv6 addresses
travel in its records. Records may be forged: their addresses are only those that
``interfaces.may_dial`` lets pass, and their text is cleaned.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import unicodedata
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from zeroconf import (
    DNSQuestionType,
    IPVersion,
    RecordUpdate,
    RecordUpdateListener,
    ServiceInfo,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf._dns import DNSPointer
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf
from zeroconf.const import _CLASS_IN, _TYPE_TXT

from appliance.core import limits
from appliance.signaling.interfaces import Interface, host_addresses, may_dial, on_link
from appliance.signaling.presence import FoundBox, Located, Presence

log = logging.getLogger(__name__)

SERVICE = "_meetingbox._tcp.local."
_VERSION = "1"

__all__ = ["SERVICE", "Discovery", "FoundBox", "clean_name", "read_txt"]


class Discovery:
    """Registers this box and follows the others.

    ``name``: this box's own. ``port``: of its signaling server. ``on_change(boxes)`` is called on the
    loop whenever ``boxes`` differ in anything but ``seen_at``; it must not block. ``relay``: this is
    a signaling server and no box; it is registered, and follows nobody.
    """

    def __init__(
        self,
        name: str,
        port: int,
        on_change: Callable[[tuple[FoundBox, ...]], None],
        *,
        relay: bool = False,
    ) -> None:
        self.instance = secrets.token_hex(16)
        self.counters: Counter[str] = Counter()
        self._name = clean_name(name)
        self._port = port
        self._relay = relay
        self._presence = Presence(self.instance, self._locate, on_change, self.counters)
        self._interfaces: tuple[Interface, ...] = ()
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._listener: _Repeats | None = None
        self._updating = asyncio.Lock()
        self._announcing: set[asyncio.Future[Any]] = set()
        self._multicast: list[str] = []  # the addresses on which zeroconf has a socket
        self._info: ServiceInfo | None = None  # our own record
        self._on_change = on_change
        self._clashes: dict[str, tuple[str, str]] = {}  # by instance
        self._greeting: asyncio.TimerHandle | None = None
        self._greeted_at = 0.0
        self._running = False

    @property
    def boxes(self) -> tuple[FoundBox, ...]:
        """Every box that answered once and did not say goodbye, the present ones first, then by name."""
        return self._presence.boxes

    @property
    def clashes(self) -> tuple[tuple[str, str], ...]:
        """(name, address) of boxes that say that they have an address of ours.

        Two boxes on one computer have two ports. Of one with a single address, the same as ours, the kernel
        lets nothing through that tells it.
        """
        return tuple(sorted(self._clashes.values()))

    async def start(self, interfaces: Iterable[Interface]) -> None:
        """Register and browse on these interfaces. While they have no address, nothing is sent:
        ``update`` begins when there is one."""
        logging.getLogger("zeroconf").setLevel(logging.CRITICAL)  # hostile packets are not news
        self._running = True
        await self.update(interfaces)

    async def update(self, interfaces: Iterable[Interface]) -> None:
        """Use these interfaces from now on; the box is announced anew on those that appeared."""
        async with self._updating:
            if not self._running:
                return
            self._interfaces = tuple(interfaces)
            addresses = host_addresses(self._interfaces)
            multicast = [address for address in addresses if ":" not in address]
            if self._zeroconf is None:
                if multicast:
                    await self._open(multicast, addresses)
            else:
                await self._move(self._zeroconf, multicast, addresses)
            self._presence.locate_all()

    async def stop(self) -> None:
        """Say goodbye to the other boxes and close every socket, within ``limits.GOODBYE_WITHIN``."""
        async with self._updating:
            self._running = False
            if self._greeting is not None:
                self._greeting.cancel()
                self._greeting = None
            await self._presence.stop()
            if self._zeroconf is not None:
                zeroconf, self._zeroconf = self._zeroconf, None
                await self._stop_browsing(zeroconf.zeroconf)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(limits.GOODBYE_WITHIN):
                        await zeroconf.async_unregister_all_services()
                await zeroconf.async_close()
            while self._announcing:
                await asyncio.wait(self._announcing)

    async def rename(self, name: str) -> None:
        """This box is called otherwise from now on."""
        self._name = clean_name(name)
        await self.update(self._interfaces)

    def probe_now(self, instance: str) -> None:
        """Look at once whether this box is there; something else suggests that it came or went."""
        self._presence.probe_now(instance)

    # --- our own record -----------------------------------------------------------------------

    def _own_info(self, addresses: list[str]) -> ServiceInfo:
        return ServiceInfo(
            SERVICE,
            f"{self.instance}.{SERVICE}",
            port=self._port,
            properties={"v": _VERSION, "name": self._name} | ({"relay": "1"} if self._relay else {}),
            server=f"{self.instance}.local.",
            parsed_addresses=addresses[: limits.BOX_ADDRESSES_MAX],
        )

    async def _open(self, multicast: list[str], addresses: list[str]) -> None:
        try:
            zeroconf = AsyncZeroconf(interfaces=multicast, ip_version=IPVersion.V4Only)
        except OSError as error:
            self.counters["discovery.no-multicast"] += 1
            log.warning("discovery.no-multicast: %s", error.strerror)
            return
        self._zeroconf = zeroconf
        self._multicast = multicast
        await zeroconf.zeroconf.async_wait_for_start()
        self._start_browsing(zeroconf.zeroconf)
        self._info = self._own_info(addresses)
        self._announce(await zeroconf.async_register_service(self._info, cooperating_responders=True))

    async def _move(self, zeroconf: AsyncZeroconf, multicast: list[str], addresses: list[str]) -> None:
        appeared = set(multicast) - set(self._multicast)
        self._multicast = multicast
        self._info = self._own_info(addresses)
        for announcements in self._announcing:
            announcements.cancel()  # what they still have to say is the old record, after the new one
        self._announce(await zeroconf.async_update_service(self._info))
        await zeroconf.async_update_interfaces(multicast, IPVersion.V4Only)
        # Who heard of the old addresses less than a second ago still keeps them (RFC 6762 section 10.2).
        if self._greeting is not None:
            self._greeting.cancel()
        loop = asyncio.get_running_loop()
        self._greeting = loop.call_later(limits.BOX_MOVED_AGAIN_AFTER, self._send_greeting)
        if appeared:  # ask there who is there; a browser asks only when it starts
            await self._stop_browsing(zeroconf.zeroconf)
            self._start_browsing(zeroconf.zeroconf)

    def _announce(self, announcements: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(announcements)
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)

    def _greet(self) -> None:
        """Announce this box anew, for a newcomer: it then need not ask, and wait for the second that
        mDNS puts between two multicasts of one record (RFC 6762 section 6)."""
        if self._greeting is None:
            loop = asyncio.get_running_loop()
            # Where there are many the newcomer hears enough of them by asking (by unicast, section 5.4).
            every = max(limits.BOX_GREETING_EVERY, limits.BOX_GREETING_SHARE * len(self._presence))
            when = max(loop.time(), self._greeted_at + every)
            self._greeting = loop.call_at(when, self._send_greeting)

    def _send_greeting(self) -> None:
        self._greeting = None
        self._greeted_at = asyncio.get_running_loop().time()
        if self._zeroconf is not None and self._info is not None:
            zeroconf = self._zeroconf.zeroconf
            zeroconf.async_send(zeroconf.generate_service_broadcast(self._info, None))

    # --- the others' records ------------------------------------------------------------------

    def _start_browsing(self, zeroconf: Zeroconf) -> None:
        if self._relay:
            return
        self._listener = _Repeats(lambda name: self._presence.hear_again(_instance(name)))
        zeroconf.async_add_listener(self._listener, None)
        # The first question asks for answers by unicast, which arrive sooner, except on loopback:
        # there all boxes have one address, and the kernel picks one of them to get the answer.
        local = any(interface.kind == "local" for interface in self._interfaces)
        self._browser = AsyncServiceBrowser(
            zeroconf,
            SERVICE,
            handlers=[self._heard_of],
            question_type=DNSQuestionType.QM if local else None,
        )

    async def _stop_browsing(self, zeroconf: Zeroconf) -> None:
        if self._browser is not None:
            await self._browser.async_cancel()
            self._browser = None
        if self._listener is not None:
            zeroconf.async_remove_listener(self._listener)
            self._listener = None

    def _heard_of(
        self,
        zeroconf: Zeroconf,  # noqa: ARG002 - zeroconf calls with these names
        service_type: str,  # noqa: ARG002
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        instance = _instance(name)
        if instance == self.instance or not self._running:
            return
        if state_change is ServiceStateChange.Removed:
            self._clash(instance, None)
            self._presence.hear_goodbye(instance)
        elif self._presence.hear(instance):
            self._greet()

    async def _locate(self, instance: str, ask: bool) -> Located | None:
        """Read what mDNS knows of a box; ``ask`` it when that is not enough.

        Read again before each probe, as nothing else tells that an old address expired.
        """
        if self._zeroconf is None:
            return None
        zeroconf = self._zeroconf.zeroconf
        info = AsyncServiceInfo(SERVICE, f"{instance}.{SERVICE}")
        _keep_latest_text(zeroconf, info.name)
        if not info.load_from_cache(zeroconf):
            if not ask:
                self._clash(instance, None)
                return None
            if not await info.async_request(zeroconf, limits.BOX_RESOLVE_WITHIN * 1000):
                self.counters["discovery.unresolved"] += 1
                return None
        version, name, relay = read_txt(info.text)
        port = info.port or 0
        told = info.parsed_addresses() if version == _VERSION and port else []
        addresses = self._dialable(told, port)
        own = set(host_addresses(self._interfaces)) if port == self._port else set()
        same = next((address for address in told if address in own), "")
        self._clash(instance, (name or same, same) if same else None)
        if not addresses:
            self.counters["discovery.refused"] += ask
            return Located("", (), 0)
        return Located(name or addresses[0], addresses, port, relay)

    def _clash(self, instance: str, told: tuple[str, str] | None) -> None:
        """Another box says that it is where we are, or does not any more."""
        if self._clashes.get(instance) == told:
            return
        if told is None:
            del self._clashes[instance]
        elif len(self._clashes) < limits.BOXES_MAX:
            self._clashes[instance] = told
            self.counters["discovery.address-clash"] += 1
        self._on_change(self.boxes)

    def _dialable(self, addresses: list[str], port: int) -> tuple[str, ...]:
        own = host_addresses(self._interfaces)
        kept = [
            address
            for address in addresses
            if may_dial(address, self._interfaces) and not (address in own and port == self._port)
        ]
        kept.sort(key=lambda address: (not on_link(address, self._interfaces), ":" in address, address))
        return tuple(kept[: limits.BOX_ADDRESSES_MAX])


class _Repeats(RecordUpdateListener):
    """Tells when a record that is already cached came again, of which a browser says nothing."""

    def __init__(self, on_repeat: Callable[[str], None]) -> None:
        super().__init__()
        self._on_repeat = on_repeat

    def async_update_records(
        self,
        zc: Zeroconf,  # noqa: ARG002
        now: float,
        records: list[RecordUpdate],
    ) -> None:
        for update in records:
            record = update.new
            if isinstance(record, DNSPointer) and update.old is not None and not record.is_expired(now):
                self._on_repeat(record.alias)


def _keep_latest_text(zeroconf: Zeroconf, name: str) -> None:
    """Of the TXT records cached under this name keep the one that was said last.

    A box has one. What came less than a second before a new one stays beside it (RFC 6762 section 10.2), and
    zeroconf reads the one that it did not know for longest, however often another one came since; when that
    one is expired it reads none, for up to ten seconds. And only of a record that is not cached a browser
    tells that it came.
    """
    texts = zeroconf.cache.async_all_by_details(name, _TYPE_TXT, _CLASS_IN)
    if len(texts) > 1:
        texts.sort(key=lambda text: text.get_expiration_time(100))  # they live equally long
        zeroconf.cache.async_remove_records(texts[:-1])


def read_txt(text: bytes) -> tuple[str, str, bool]:
    """Return (version, name, is it no box but a signaling server?) from a TXT record's strings (RFC 6763
    section 6.3); "" for what is missing.

    Never raises: this is whatever a neighbour sent.
    """
    values: dict[bytes, bytes] = {}
    position = 0
    text = text[: limits.BOX_TXT_MAX_BYTES]
    while position < len(text):
        end = position + 1 + text[position]
        key, _, value = text[position + 1 : end].partition(b"=")
        values.setdefault(key.lower(), value)  # the first of two counts (section 6.4)
        position = end
    version = values.get(b"v", b"")[:8].decode("ascii", "replace")
    name = clean_name(values.get(b"name", b"").decode("utf-8", "replace"))
    return version, name, values.get(b"relay") == b"1"


def clean_name(name: str) -> str:
    """A name as a screen may show it: one line, no control or direction characters, at most
    ``limits.NAME_MAX_BYTES`` of UTF-8."""
    spaced = "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFC", name))
    kept = "".join(c for c in spaced if not unicodedata.category(c).startswith("C"))
    return " ".join(kept.split()).encode()[: limits.NAME_MAX_BYTES].decode(errors="ignore").strip()


def _instance(name: str) -> str:
    return name.removesuffix("." + SERVICE)
